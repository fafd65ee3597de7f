def parse(prompt, state):
    w=prompt.split(None,2)
    if prompt.strip()=="status" and state["own"]: return {"verb":"status","task":None,"text":"","model":None,"question":None}
    if prompt.startswith("answer:") and len(state["asking"])==1: return {"verb":"answer","task":state["asking"][0],"text":prompt[7:].strip(),"model":None,"question":None}
    if len(w)>1 and w[0] in("answer","tell","show","cancel","retry") and w[1].rstrip(":") in state["tasks"]:
        return {"verb":w[0],"task":w[1].rstrip(":"),"text":(w[2] if len(w)>2 else "").removeprefix("to "),"model":None,"question":None}
    return None
