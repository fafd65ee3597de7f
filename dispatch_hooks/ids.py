def slug(title, taken):
    words=[w for w in "".join(c.lower() if c.isalnum() else " " for c in title).split() if w not in("the","a","to","and")][:3]
    s="-".join(words) or "task"; n=2; o=s
    while o in taken: o=f"{s}-{n}"; n+=1
    return o
