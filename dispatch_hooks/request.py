import re
from dispatch_hooks import ids
def typed(p): return not p.lstrip().startswith("<")
def parse(prompt, vocabulary, taken=()):
    m=re.match(r"(?:/dispatch use|dispatch) (\S+) to (.+)",prompt,re.S)
    r={"dispatch":bool(m),"pure":True,"tasks":[],"context":"","reason":"","command":None}
    if prompt.strip()=="/dispatch": r["command"]=""
    if m:
        t=m[2]; n=m[1]
        r["tasks"]=[{"id":ids.slug(t,taken),"title":t,"text":t,"model":None if n in vocabulary["backends"] or n in vocabulary["aliases"] else n,"alias":n if n in vocabulary["aliases"] else None,"backend":n if n in vocabulary["backends"] else None,"plan":[],"context":""}]
    return r
