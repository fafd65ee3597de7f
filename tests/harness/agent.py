"""A stand-in agent that speaks ACP as it is documented, with the bad manners that its arguments name.

    agent.py [--deaf] [--forgetful] [--shy] [--rude] [--cursor ARGUMENTS]

--deaf       goes on at the end of its input and at SIGTERM
--forgetful  loads any session, and has none of it
--shy        ends the turn in silence at a no
--rude       starts a command in a session of its own and leaves it behind
--cursor     is Cursor's `agent` as cursor.com/docs/cli/acp tells of it: takes its model before its subcommand, has no
             session for whom did not authenticate, and asks questions and shows plans by requests of its own

What it does is what its prompt says after "SCRIPT:", a step a word: tick, run:WORD (asks to run a command), edit:PATH
(asks to edit), fail:WORD (a text that is an error), hang, echo (says all that it was ever told), choose and plan (of
Cursor: a question and a plan; it says what came back).
"""

import json
import os
import signal
import subprocess
import sys
import threading
import uuid

MANNERS = set(sys.argv[1:])
STORE = os.path.join(os.environ["DISPATCH_HOOKS_FOLDER"], "sessions")

answers: dict[int, dict] = {}
news = threading.Condition()
cancelled = threading.Event()
numbers = iter(range(1000, 9999))
session = {"id": "", "told": []}
entered = threading.Event()


def put(**message) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def update(**update) -> None:
    put(method="session/update", params={"sessionId": session["id"], "update": update})


def say(text: str) -> None:
    for word in text.split(" "):
        update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": word + " "})


def keep() -> None:
    os.makedirs(STORE, exist_ok=True)
    with open(os.path.join(STORE, session["id"]), "w") as f:
        json.dump(session["told"], f)


def request(method: str, **params) -> dict:
    """The result of a request to the client; none where the turn was cancelled."""
    number = next(numbers)
    put(id=number, method=method, params=params)
    with news:
        news.wait_for(lambda: number in answers or cancelled.is_set())
    return answers.get(number, {}).get("result", {})


def ask(kind: str, **call) -> bool:
    yes = {"optionId": "y", "name": "Yes", "kind": "allow_once"}
    no = {"optionId": "n", "name": "No", "kind": "reject_once"}
    call = {"toolCallId": f"t{next(numbers)}", "kind": kind, **call}
    told = request("session/request_permission", sessionId=session["id"], toolCall=call, options=[yes, no])
    return told.get("outcome", {}).get("optionId") == "y"


def step(word: str) -> bool:
    """Does a step of the script; False ends the turn in silence."""
    verb, _, about = word.partition(":")
    folder = os.environ["DISPATCH_HOOKS_FOLDER"]
    if verb == "tick":
        plan = os.path.join(folder, "plan.md")
        if ask("edit", title="edit plan.md", locations=[{"path": plan}]):
            with open(plan) as f:
                text = f.read().replace("[ ]", "[x]")
            with open(plan, "w") as f:
                f.write(text)
    elif verb == "run":
        if ask("execute", title=about, rawInput={"command": about}):
            say(f"ran {about}")
        elif "--shy" in MANNERS:
            return False
    elif verb == "edit":
        say(f"edit {about}: {ask('edit', title=about, locations=[{'path': about}])}")
    elif verb == "choose":
        options = [{"id": "r", "label": "red"}, {"id": "b", "label": "blue"}]
        asked = [{"id": "q", "prompt": "Which colour?", "options": options, "allowMultiple": False}]
        say(json.dumps(request("cursor/ask_question", toolCallId="c", title="Colour", questions=asked)))
    elif verb == "plan":
        say(json.dumps(request("cursor/create_plan", toolCallId="p", plan="# All of it", todos=[])))
    elif verb == "fail":
        say(f"Error: {about}")
    elif verb == "echo":
        say(" / ".join(session["told"]))
    elif verb == "hang":
        if "--rude" in MANNERS:
            subprocess.Popen(["sleep", "300"], start_new_session=True)
        cancelled.wait(None if "--deaf" not in MANNERS else 300)
    return not cancelled.is_set()


def turn(number: int, text: str) -> None:
    session["told"].append(text)
    keep()
    script = text.rpartition("SCRIPT:")[2].split("\n")[0].split() if "SCRIPT:" in text else ["echo"]
    for word in script:
        if not step(word):
            break
    put(id=number, result={"stopReason": "cancelled" if cancelled.is_set() else "end_turn"})


def load(number: int, name: str) -> None:
    path = os.path.join(STORE, name)
    if os.path.exists(path) and "--forgetful" not in MANNERS:
        with open(path) as f:
            session.update(id=name, told=json.load(f))
        for text in session["told"]:
            update(sessionUpdate="user_message_chunk", content={"type": "text", "text": text})
    elif "--forgetful" not in MANNERS:
        put(id=number, error={"code": -32002, "message": "Resource not found"})
        return
    session["id"] = name
    put(id=number, result={})


def hear(message: dict) -> None:
    method, params, number = message.get("method"), message.get("params", {}), message.get("id")
    if method == "initialize":
        put(id=number, result={"protocolVersion": 1, "agentCapabilities": {"loadSession": True}})
    elif method == "authenticate" and params == {"methodId": "cursor_login"}:
        entered.set()
        put(id=number, result={})
    elif method == "session/new" and "--cursor" in MANNERS and not entered.is_set():
        put(id=number, error={"code": -32000, "message": "Authentication required"})
    elif method == "session/new":
        session.update(id=str(uuid.uuid4()), told=[])
        put(id=number, result={"sessionId": session["id"]})
    elif method == "session/load":
        load(number, params["sessionId"])
    elif method == "session/prompt":
        cancelled.clear()
        threading.Thread(target=turn, args=(number, params["prompt"][0]["text"]), daemon=True).start()
    elif method == "session/cancel" and "--deaf" not in MANNERS:
        cancelled.set()
        with news:
            news.notify_all()
    elif method is None:
        with news:
            answers[number] = message
            news.notify_all()


def main() -> None:
    if "--cursor" in MANNERS and sys.argv[-3:] != ["--model", "gpt-5", "acp"]:
        sys.exit(f"error: unknown arguments: {sys.argv[1:]}")
    if "--deaf" in MANNERS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin:
        hear(json.loads(line))
    while "--deaf" in MANNERS:
        signal.pause()


main()
