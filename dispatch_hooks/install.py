"""Install and uninstall: settings, skill, gate and stub, all of them or none.

    <data>/gate.sh             what the entries in the settings call
    <data>/statusline.sh       what the status line calls
    <data>/bin/dispatch-hooks  the command line, for workers and wherever it is not on PATH
    <data>/dirs                the folders in force, as dispatch_hooks.paths reads them
    <data>/aside/<n>/dispatch  a foreign skill of our skill's name, to be given back
    <state>/install.json       {"version", "folders": [made by us], "settings": {path: …}, "skills": {path: …}}

A settings entry of the record keeps the text from before us, and the sha256 of what install left. While the file
has that one, uninstall puts the old text back; else it takes out our part alone. The project and the local scope
have one skill file, which goes with the last of them; gate, stub and record go with the last scope of all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from typing import NamedTuple

from dispatch_hooks import edits, files, gate, jsontext, paths, settings, statusbar
from dispatch_hooks.edits import Change, Edit, Move, Plan
from dispatch_hooks.errors import FatalError
from dispatch_hooks.paths import Dirs

SCOPES = ("user", "project", "local")

SKILL_MARK = b"# Installed by dispatch-hooks;"

VERSION = 1


class Place(NamedTuple):
    """Where the files of a scope are; `settings` is the real one, behind links."""

    scope: str
    settings: str
    skill: str


def place(scope: str, project: str, home: str, environ: Mapping[str, str] = os.environ) -> Place:
    if scope not in SCOPES:
        raise FatalError(f"there is no scope {scope}: type --scope {' or --scope '.join(SCOPES)}.")
    if scope != "user" and not os.path.isdir(project):
        raise FatalError(f"there is no folder {project}: change to the project first.")
    user = environ.get("CLAUDE_CONFIG_DIR") or os.path.join(home, ".claude")
    claude = os.path.abspath(user if scope == "user" else os.path.join(project, ".claude"))
    name = "settings.local.json" if scope == "local" else "settings.json"
    skill = os.path.join(claude, "skills", "dispatch", "SKILL.md")
    return Place(scope, os.path.realpath(os.path.join(claude, name)), skill)


def record(dirs: Dirs) -> dict:
    """What is installed where, as the module's docstring describes it."""
    empty = {"version": VERSION, "folders": [], "settings": {}, "skills": {}}
    found = {**empty, **(files.read_json(_record_file(dirs)) or {})}
    if found["version"] > VERSION:
        raise FatalError(f"{_record_file(dirs)} is a newer dispatch-hooks's: upgrade, then try again.")
    return found


def _record_file(dirs: Dirs) -> str:
    return os.path.join(dirs.state, "install.json")


def told(plan: Plan, dirs: Dirs) -> list[Change]:
    """The plan for people; the record, which repeats what is in other files, is left out."""
    return [s.change() for s in plan.needed() if s.path != _record_file(dirs)] + plan.kept


# install


def install(
    scope: str,
    *,
    project: str,
    home: str,
    dirs: Dirs,
    dry_run: bool = False,
    force: bool = False,
    statusline: bool | None = None,
    environ: Mapping[str, str] = os.environ,
) -> list[Change]:
    """Installs into one scope. No changes when all is as it should be already; dry_run only tells them.

    `force` sets a foreign skill named dispatch aside; `statusline` puts our part into Claude Code's status line or
    takes it out (None: as it is). FatalError, and nothing changed, where a file cannot be read or written, is no
    JSON, or is not ours to replace.
    """
    where, python = place(scope, project, home, environ), gate.interpreter()
    command = gate.command_name(dirs, environ)
    gate.check_paths(dirs, python)

    def plan() -> Plan:
        return _install(where, dirs, python, command, force, statusline)

    if dry_run:
        return told(plan(), dirs)
    return told(edits.carry_out(plan, home), dirs) + gate.compile_hooks(python)


def _install(where: Place, dirs: Dirs, python: str, command: str, force: bool, statusline: bool | None) -> Plan:
    kept = record(dirs)
    known, skill_known = kept["settings"].get(where.settings), kept["skills"].get(where.skill)
    entry, changed = _with_us(where, dirs, known, settings.rules(command), statusline)
    kept["settings"][where.settings] = entry
    kept["skills"][where.skill], skill = _skill_with_us(where, dirs, skill_known, force)
    steps = [
        edits.edit(settings.gate_file(dirs), gate.gate_text(dirs, python, command).encode(), 0o700),
        edits.edit(statusbar.script_file(dirs), gate.gate_text(dirs, python, command, "statusline.sh").encode(), 0o700),
        edits.edit(gate.stub_file(dirs), gate.stub_text().encode(), 0o700),
        edits.edit(_dirs_file(dirs), f"{paths.join(dirs)}\n".encode(), 0o600),
        *skill,
        changed,
    ]
    kept["folders"] = sorted({*filter(os.path.isdir, kept["folders"]), *_folders(steps, dirs)})
    return Plan([_record_edit(dirs, kept), *steps], [], [])


def _folders(steps: list[Edit | Move], dirs: Dirs) -> set[str]:
    """The folders that are to be made."""
    targets = [step.target if isinstance(step, Move) else step.path for step in steps] + [_record_file(dirs)]
    return set().union(*map(edits.missing_folders, targets))


def _record_edit(dirs: Dirs, kept: dict) -> Edit:
    return edits.edit(_record_file(dirs), json.dumps(kept, indent=1, ensure_ascii=False).encode(), 0o600)


def _with_us(
    where: Place, dirs: Dirs, known: dict | None, rules: list[str], statusline: bool | None
) -> tuple[dict, Edit]:
    """The settings' entry for the record, and their edit."""
    name, groups = where.settings, settings.groups(dirs)
    now = edits.edit(name, None)
    value = jsontext.load(_text(now.before, name), name)
    wanted = statusline if statusline is not None else _shown(value, known)
    line = statusbar.right(value, dirs) if wanted else statusbar.theirs(value) is None
    right = line and settings.installed(value, groups, rules)
    if right and known:
        return known, now._replace(after=now.before)
    before = _without_us(now.before, name, known, dirs)
    clean = _text(before, name)
    after = now.before if right else _added(clean, name, groups, rules, dirs if wanted else None)
    added = [rule for rule in rules if rule not in settings.allowed(jsontext.load(clean, name))]
    entry = {"scope": where.scope, "skill": where.skill, "rules": added, "after": _sha(after), "statusline": wanted}
    return {**entry, "before": None if before is None else before.decode()}, now._replace(after=after)


def _shown(value: object, known: dict | None) -> bool:
    """Whether our part of the status line was asked for."""
    return bool(known and known.get("statusline")) or statusbar.theirs(value) is not None


def _added(text: str, name: str, groups: dict, rules: list[str], bar: Dirs | None) -> bytes:
    """Settings with our part; with that of the status line, where its folders are given."""
    after = settings.add(text, name, groups, rules)
    return (statusbar.add(after, name, bar) if bar else after).encode()


def _text(data: bytes | None, name: str) -> str:
    """Settings as text; where there is nothing, what Claude Code takes it for."""
    text = jsontext.decode(data or b"", name)
    return text if text.strip() else "{}\n"


def _without_us(data: bytes | None, name: str, known: dict | None, dirs: Dirs) -> bytes | None:
    """The settings without our part: as they were before us, if nobody else has changed them since."""
    if data is None:
        return None
    before = known["before"] if known else "{}"
    old = None if before is None else before.encode()
    if known and _sha(data) == known["after"]:
        return old
    text = _text(data, name)
    value = jsontext.load(text, name)
    if known is None and not settings.ours(value) and statusbar.theirs(value) is None:
        return data
    rules = known["rules"] if known else [rule for n in gate.names(dirs) for rule in settings.rules(n)]
    like = _text(old, name)
    rest = statusbar.remove(settings.remove(text, name, rules, like=like), name, like)
    if not (old or b"").strip() and jsontext.load(rest, name) == {}:
        return old
    return rest.encode()


def _skill_with_us(where: Place, dirs: Dirs, known: dict | None, force: bool) -> tuple[dict, list[Edit | Move]]:
    """The skill's entry for the record, and what is to be done."""
    new = edits.edit(where.skill, gate.skill_text())
    aside = known["aside"] if known and known["aside"] and os.path.lexists(known["aside"]) else None
    entry = {"after": _sha(new.after), "aside": aside}
    if new.before is None or new.before == new.after or (known and _sha(new.before) == known["after"]):
        return entry, [new]
    if SKILL_MARK in new.before:
        return (known, []) if known else (entry, [new])  # the person has changed ours, or we have no record
    folder = os.path.dirname(where.skill)
    if not force or aside:
        raise FatalError(
            f"{folder} is another skill named dispatch. Move it away, or type dispatch-hooks install --force: "
            "that sets it aside, and uninstall gives it back."
        )
    aside = os.path.join(dirs.data, "aside", _sha(folder.encode())[:8], "dispatch")
    return {**entry, "aside": aside}, [Move("set aside", folder, aside), new._replace(before=None)]


# uninstall


def uninstall(
    scope: str,
    *,
    project: str,
    home: str,
    dirs: Dirs,
    dry_run: bool = False,
    purge: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> list[Change]:
    """Takes one scope back; with the last one go gate, stub and record too. dry_run only tells the changes.

    Tasks, configuration and log stay, and the list says where, but for `purge`, which is refused while another
    scope is installed. FatalError, and nothing changed, where a file cannot be read or written.
    """
    where = place(scope, project, home, environ)

    def plan() -> Plan:
        return _uninstall(where, dirs, purge)

    for folder in dirs if purge else ():
        if any(_inside(path).startswith(_inside(folder)) for path in (home, project)):
            raise FatalError(f"{folder} holds more than dispatch-hooks' own: remove by hand what is to go.")
    if dry_run:
        return told(plan(), dirs)
    done = edits.carry_out(plan, home)
    for folder in dirs if purge else ():
        shutil.rmtree(folder, ignore_errors=True)
    edits.clear(done.folders)
    return told(done, dirs)


def _uninstall(where: Place, dirs: Dirs, purge: bool) -> Plan:
    kept = record(dirs)
    known = kept["settings"].pop(where.settings, None)
    now = edits.edit(where.settings, None)
    steps = [now._replace(after=_without_us(now.before, where.settings, known, dirs))]
    others = kept["settings"] = {path: each for path, each in kept["settings"].items() if _still_there(path)}
    stays = [Change("still installed", path, "") for path in others]
    for path in sorted({where.skill, *kept["skills"]} - {each["skill"] for each in others.values()}):
        more, remarks = _skill_without_us(path, kept["skills"].pop(path, None))
        steps, stays = steps + more, stays + remarks
    if purge:
        _check_purge(dirs, stays)
    folders = kept["folders"]
    if others:
        used = [*others, *kept["skills"], _record_file(dirs), gate.stub_file(dirs)]
        kept["folders"] = [each for each in folders if any(path.startswith(_inside(each)) for path in used)]
        return Plan([*steps, _record_edit(dirs, kept)], stays, folders)
    compiled = os.path.join(dirs.state, "config.json")
    scripts = (settings.gate_file(dirs), statusbar.script_file(dirs), gate.stub_file(dirs))
    last = (*scripts, _dirs_file(dirs), _record_file(dirs), compiled)
    steps += [edits.edit(path, None) for path in last]
    full, empty = ([], []) if purge else _left(dirs, steps)
    return Plan(steps, stays + full, folders + empty)


def _check_purge(dirs: Dirs, stays: list[Change]) -> None:
    """FatalError where a purge would take what is not ours, or what another scope needs."""
    for what, path, _ in stays:
        if what == "still installed" or os.path.realpath(path).startswith(_inside(dirs.data)):
            raise FatalError(f"{path} is {what}: see to that first, then type dispatch-hooks uninstall --purge.")


def _inside(folder: str) -> str:
    return os.path.join(os.path.realpath(folder), "")


def _still_there(path: str) -> bool:
    """Whether settings of another scope hold our hooks still; its project may be gone."""
    try:
        data = edits.read(path)
        return data is not None and bool(settings.ours(jsontext.load(_text(data, path), path)))
    except FatalError:
        return True


def _skill_without_us(path: str, known: dict | None) -> tuple[list[Edit | Move], list[Change]]:
    folder, aside = os.path.dirname(path), known and known["aside"]
    ours = edits.edit(path, None)
    steps: list[Edit | Move] = []
    kept: list[Change] = []
    if ours.before is not None and _sha(ours.before) == (known["after"] if known else _sha(gate.skill_text())):
        steps.append(ours)
    elif ours.before is not None and SKILL_MARK in ours.before:
        kept.append(Change("kept, for it was changed since", path, ""))
    if aside and os.path.lexists(aside):
        in_the_way = set(os.listdir(folder) if os.path.isdir(folder) else ()) - {"SKILL.md" if steps else ""}
        if in_the_way:
            kept.append(Change(f"kept, for {folder} is taken", aside, ""))
        else:
            steps.append(Move("given back", aside, folder))
    return steps, kept


def _left(dirs: Dirs, steps: list[Edit | Move]) -> tuple[list[Change], list[str]]:
    """What stays of ours, and all folders in our folders, of which the empty ones go."""
    going = tuple(step.path for step in steps)
    walked = {folder: list(os.walk(folder)) for folder in dirs}
    full = [
        folder
        for folder, found in walked.items()
        if any(not os.path.join(up, name).startswith(going) for up, _, names in found for name in names)
    ]
    return [Change("kept", folder, "") for folder in full], [up for found in walked.values() for up, _, _ in found]


def _dirs_file(dirs: Dirs) -> str:
    return os.path.join(dirs.data, "dirs")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
