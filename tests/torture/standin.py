"""A process in Claude Code's place: the parent of hooks, as Claude Code is (a session of their own each).

Reads orders, one JSON a line: {"id","argv","input"}; tells {"id","pid"} and then {"id","code","out","err"}.
"""

import json
import os
import subprocess
import sys
import threading

LOCK = threading.Lock()


def tell(**what) -> None:
    with LOCK:
        print(json.dumps(what), flush=True)


def run(order: dict) -> None:
    env = {**os.environ, "CLAUDE_PID": str(os.getpid()), "CLAUDE_CODE_ENTRYPOINT": "cli"}
    pipe = subprocess.PIPE
    process = subprocess.Popen(order["argv"], stdin=pipe, stdout=pipe, stderr=pipe, env=env, start_new_session=True)
    tell(id=order["id"], pid=process.pid)
    out, err = process.communicate(order["input"].encode())
    text = {"out": out.decode(errors="replace"), "err": err.decode(errors="replace")}
    tell(id=order["id"], code=process.returncode, **text)


if __name__ == "__main__":
    for line in sys.stdin:
        threading.Thread(target=run, args=(json.loads(line),), daemon=True).start()
