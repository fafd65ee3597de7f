"""Worktrees: a task's own checkout and branch, and the record of them in its status.

    <project>/.dispatch/worktrees/<name>     the checkout
    dispatch/<name>                          its branch

`worktree` of a status: {"name","admin" (its folder in <git dir>/worktrees),"branch","base" (the commit that it began
from),"source" (what the person calls that),"state","run" (that made it),"unseen": [paths that were not committed then],
"commits","files","added","removed","trouble"}. States: making, open, merged, discarded, empty (nothing was changed, and
nothing of it is left). Git itself is loaded by who needs it: a hook that dispatches does not.
"""

from __future__ import annotations

import os

from dispatch_hooks import config, files, tasks
from dispatch_hooks.ways import way

PREFIX = "dispatch/"

PLACE = os.path.join(".dispatch", "worktrees")


LOCAL = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_CONFIG GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS GIT_DIR "
    "GIT_GRAFT_FILE GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE GIT_INTERNAL_SUPER_PREFIX GIT_NAMESPACE GIT_OBJECT_DIRECTORY "
    "GIT_NO_REPLACE_OBJECTS GIT_PREFIX GIT_QUARANTINE_PATH GIT_REPLACE_REF_BASE GIT_SHALLOW_FILE GIT_WORK_TREE"
).split()
"""What ties a process to one repository (git rev-parse --local-env-vars)."""


def prepare(run) -> None:
    """Makes the worktree of a run whose task wants one. FatalError, OSError where it cannot be."""
    if run.task.get("worktree"):
        from dispatch_hooks.worktrees import making

        making.prepare(run)


def settle(task: dict, status: dict, state: str) -> None:
    """Brings the work of a run that is over onto its branch; it never raises."""
    if status.get("worktree"):
        from dispatch_hooks.worktrees import keeping

        keeping.settle(task, status, state)


def checked(task: dict, status: dict) -> None:
    """After the check of a settled run; it never raises."""
    if status.get("worktree"):
        from dispatch_hooks.worktrees import keeping

        keeping.checked(task, status)


def tidy(task: dict, status: dict, state: str) -> None:
    """Leaves nothing of a worktree that holds nothing; it never raises."""
    if status.get("worktree"):
        from dispatch_hooks.worktrees import keeping

        keeping.tidy(task, status, state)


def go_on(task: dict, status: dict) -> bool:
    """Ends what a killed merge or discard left half done; whether there was any."""
    if not (status.get("worktree") or {}).get("merging"):
        return False
    from dispatch_hooks.worktrees import finishing

    finishing.go_on(task, status)
    return True


def moved(folder: str) -> None:
    """After a project was moved: git finds the worktree again, and we find git's folder."""
    status = tasks.status(folder)
    if live(status):
        from dispatch_hooks.worktrees import keeping

        keeping.mend(tasks.read(folder), status["worktree"])
        tasks.set_status(folder, status)


def foreign(task: dict) -> list[str]:
    """The variables of the person's environment that a worker must not inherit."""
    return list(LOCAL) if task.get("worktree") else []


def settings(found: dict) -> dict:
    """The person's [worktree] table, complete."""
    return {**config.DEFAULTS["worktree"], **found["worktree"]}


def wanted(item: dict, settings_: dict) -> bool:
    """Whether a task is to have a worktree: it says so, or the config does for all that change files."""
    always = settings(settings_)["use"] == "always" and item.get("worktree") is not False
    return bool(item.get("worktree")) or (always and not item.get("read_only"))


def live(status: dict) -> dict | None:
    """The record of a worktree that is there, or whose branch waits to be merged."""
    record = status.get("worktree")
    return record if record and record["state"] == "open" else None


def path(task: dict, record: dict) -> str:
    return os.path.join(task["project"], PLACE, record["name"])


def root(task: dict, status: dict) -> str:
    """The top of what the task's worker works on."""
    record = live(status)
    return path(task, record) if record else task["project"]


def git_dirs(task: dict, status: dict) -> list[str]:
    """What a sandboxed worker must be able to write so that it can commit."""
    record = live(status)
    return [record["common"], git_dir(record)] if record else []


def git_dir(record: dict) -> str:
    """What git keeps about the checkout."""
    return os.path.join(record["common"], "worktrees", record["admin"])


def unmerged(status: dict) -> bool:
    """Whether the task has work that nobody has merged or discarded."""
    record = live(status)
    return bool(record and (record["commits"] or record["trouble"]))


def waiting(project: str) -> list[str]:
    """What of a project's tasks nobody has merged, with what to type where we are gone."""
    found = [tasks.status(tasks.folder(project, task)) for task in tasks.ids(project)]
    records = [status["worktree"] for status in found if unmerged(status)]
    return [f"{r['branch']} in {project} ({figures(r)}); git merge it, or git branch -D it" for r in records]


# may there be one?


def refusal(project: str, asked: bool = True) -> str:
    """Why there can be no worktree here, as far as can be seen at a glance; "" if nothing is in the way.

    asked: whether the task's words ask for one; else the config does.
    """
    without = 'leave "in a worktree" out' if asked else 'say "no worktree" (your config gives every task one)'
    mark = os.path.join(project, ".git")
    if not os.path.isfile(mark) and not os.path.lexists(os.path.join(mark, "HEAD")):
        bare = all(os.path.exists(os.path.join(project, name)) for name in ("HEAD", "objects", "refs"))
        if bare:
            return f'{project} is a bare repository: git clone it and dispatch there, or {without}'
        return f'{project} is no git repository: git init and commit there, or {without}'
    if os.path.isdir(mark) and _unborn(mark):
        return f"{project} has no commit yet, so there is nothing to check out: git commit first"
    return ""


def _unborn(git_dir: str) -> bool:
    """Whether HEAD is a branch without a commit."""
    try:
        with open(os.path.join(git_dir, "HEAD"), encoding="utf-8", errors="replace") as f:
            head = f.read(4096).strip()
    except OSError:
        return False
    branch = head.removeprefix("ref: ")
    if branch == head or os.path.exists(os.path.join(git_dir, "reftable")):
        return False
    return not os.path.exists(os.path.join(git_dir, branch)) and not _packed(git_dir, branch)


def _packed(git_dir: str, ref: str) -> bool:
    try:
        with open(os.path.join(git_dir, "packed-refs"), encoding="utf-8", errors="replace") as f:
            return any(line.rstrip("\n").endswith(f" {ref}") for line in f)
    except OSError:
        return False


# in words


def elsewhere(started: list[dict], cwd: str) -> list[str]:
    """What a dispatch says to who sits in another checkout of the repository than the one that is worked on."""
    project, here = (started[0]["project"] if started else ""), tasks.checkout_of(cwd)
    if not started or not here or here == project or tasks.project_of(cwd) != project:
        return []
    branch = _checked_out(here)
    return [
        f"{project} ({_checked_out(project)}) is what is worked on, not {here}: "
        f'"in a worktree from {branch}" begins from what is committed there.'
    ]


def _checked_out(top: str) -> str:
    """The branch of a checkout, else the commit; read, as a hook has no time for git."""
    mark = os.path.join(top, ".git")
    led = files.first_line(mark).removeprefix("gitdir:").strip() if os.path.isfile(mark) else mark
    head = files.first_line(os.path.join(top, led, "HEAD"))
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: ") else head[:12]


def figures(record: dict) -> str:
    """What it holds: "2 commits, 3 files +40 -2"."""
    commits, changed = record["commits"], record["files"]
    said = f"{commits} commit{'s' if commits != 1 else ''}, {changed} file{'s' if changed != 1 else ''}"
    return f"{said} +{record['added']} -{record['removed']}"


OWN = """
# Your checkout

You work in a git worktree of your own, {where}. Stay in it: the person works in {project} meanwhile. Commit as you \
like; what you leave uncommitted is committed for you at the end. Do not switch branches, merge or push: the person \
decides about that.
"""


def told(status: dict) -> dict:
    """What an event says of a worktree that holds something."""
    record = live(status)
    if not (record and unmerged(status)):
        return {}
    return {"branch": record["branch"], "work": record["trouble"] or figures(record)}


def row(task: dict, status: dict) -> dict:
    """The fields of a status row."""
    record = status.get("worktree")
    if not record or record["state"] == "making":
        return {"branch": None, "worktree": None, "work": None, "commits": None, "diffstat": None}
    there = record["state"] == "open"
    place = path(task, record)
    return {
        "branch": record["branch"] if there else None,
        "worktree": place if there and os.path.isdir(place) else None,
        "work": record["state"],
        "commits": record["commits"],
        "diffstat": {key: record[key] for key in ("files", "added", "removed")},
    }


def lines(task: dict, status: dict, by: str = "typed") -> list[str]:
    """What `show` says of it. by: as ways.way has it."""
    record = status.get("worktree")
    if not record or record["state"] == "making":
        return []
    name, what = task["id"], figures(record)
    if record["state"] == "open":
        said = [
            f"  {record['branch']} (from {record['source']}): {what}",
            f"  {', '.join(way(by, verb, name) for verb in ('diff', 'merge', 'discard'))}",
        ]
        return [*said, *([f"  ! {record['trouble']}"] if record["trouble"] else [])]
    became = {"merged": f"merged into {record.get('into')}: {what}", "discarded": f"discarded: {what}"}
    return [f"  {became.get(record['state'], 'its worktree held no change, and is gone')}"]


UNSEEN = 12
"""Paths that a worker is told by name."""


def briefing(task: dict, status: dict) -> str:
    """What a worker in a worktree must know about it; "" for one that works in the project itself."""
    record = live(status)
    if not record:
        return ""
    where = (
        f"{path(task, record)}, on branch {record['branch']}, which began at {record['base'][:12]} ({record['source']})"
    )
    text = OWN.format(where=where, project=task["project"])
    unseen = record["unseen"]
    if unseen:
        more = f" and {len(unseen) - UNSEEN} more" if len(unseen) > UNSEEN else ""
        names = ", ".join(unseen[:UNSEEN]) + more
        text += f"The person has changes that are not committed and that you do not see: {names}.\n"
    return text + "".join(f"{line}\n" for line in record["notes"])


def since(task: dict, status: dict) -> str:
    """What a worker that is spoken to again must know of the fate of its checkout."""
    record = live(status)
    if not (record and record["run"] == status["run"] and record["before"]):
        return ""
    became = {"merged": "was merged", "discarded": "was discarded", "empty": "held nothing and is gone"}
    return f"Your branch {became[record['before']]}. This is a new checkout.\n{briefing(task, status)}\n"
