"""Who speaks: the person at a terminal, a host's model, or a worker that must not speak for them.

Decided by ancestry, which a process cannot write: a worker's descendants reach its supervisor (their subreaper),
and that bears a name of its own.
What a hostile process of the same user can still do is said in docs/security.md.
"""

from __future__ import annotations

import os

from dispatch_hooks import hosts, processes, tasks
from dispatch_hooks.errors import FatalError


def chain() -> dict[int, str]:
    """This process and its forebears, with their names."""
    return processes.parents(os.getpid())


def in_worker(env: dict, forebears: dict[int, str]) -> bool:
    """Whether a process with these forebears belongs to a worker."""
    if env.get("DISPATCH_HOOKS_TASK") or processes.SUPERVISOR in forebears.values():
        return True
    # elsewhere than on Linux, as far as the folders that the environment names are ours
    supervisors = {(tasks.status(folder).get("supervisor") or {}).get("pid") for folder in tasks.active()}
    return bool(supervisors.intersection(forebears))


def refuse_worker(env: dict, verb: str) -> None:
    """FatalError inside a worker, where only `ask` is allowed."""
    if in_worker(env, chain()):
        raise FatalError(f'a worker cannot {verb}; to reach the person, run: dispatch-hooks ask "…"')


def host_above(forebears: dict[int, str]) -> dict | None:
    """The registered host in whose tree this process runs."""
    return next((host for host in hosts.live() if host["pid"] in forebears), None)


def voice(env: dict) -> str:
    """ "relayed" in a host's tree, "terminal" at a terminal. FatalError for a worker and for nobody's process."""
    refuse_worker(env, "answer")
    forebears = chain()
    if host_above(forebears):
        return "relayed"
    if processes.terminal(os.getpid()):
        return "terminal"
    where = "from the chat or from a terminal, and this is neither; type it in one of them"
    raise FatalError(f"answers and permissions are taken {where}")


def genuine(env: dict, host_pid: int) -> bool:
    """Whether a hook was really run by its host: the host is its forebear, and no supervisor is."""
    forebears = chain()
    return host_pid in forebears and not in_worker(env, forebears)
