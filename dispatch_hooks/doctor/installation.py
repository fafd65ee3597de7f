"""What install has left: the gate and its interpreter, the hooks of each scope, the skill, the name in the rules."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from functools import partial
from typing import Any, NamedTuple

from dispatch_hooks import edits, gate, install, jsontext, paths, settings
from dispatch_hooks.doctor.ground import AGAIN, Finding, Ground, run, short
from dispatch_hooks.errors import FatalError

IMPORTS = """\
import os, sys
root = os.path.realpath(sys.argv[1])
while not os.path.isdir(os.path.join(root, "dispatch_hooks")):
    if root == os.path.dirname(root):
        sys.exit("no dispatch_hooks beside " + sys.argv[1])
    root = os.path.dirname(root)
sys.path.append(root)
from dispatch_hooks import host, supervisor, watcher
from dispatch_hooks.host import notification, session_end, session_start, stop, user_prompt_submit
ours = [m.__spec__.cached for n, m in sys.modules.items() if n.startswith("dispatch_hooks")]
print("%d.%d.%d" % sys.version_info[:3], sum(not os.path.exists(path or "") for path in ours))
"""
"""What the hook scripts do, without an event; prints the version and how many modules are not compiled."""


class Scope(NamedTuple):
    """Settings in which our hooks may be, and what is in them; `fault` says why they cannot be read."""

    place: install.Place
    folder: str
    value: Any
    entries: list[tuple]
    fault: str

    def command(self) -> str:
        return f"dispatch-hooks install --scope {self.place.scope}"


def scopes(ground: Ground) -> list[Scope]:
    """The settings that Claude Code reads in this folder, those of the repository's root with them.

    Measured: started in a subfolder it reads that folder's settings.json, and settings.local.json of both.
    """
    places = dict.fromkeys((ground.cwd, ground.project))
    wanted = [("user", ground.cwd), *((scope, folder) for folder in places for scope in ("project", "local"))]
    found: dict[str, Scope] = {}
    for scope, folder in wanted:
        place = install.place(scope, folder, ground.home, ground.env)
        found.setdefault(place.settings, _scope(place, folder))
    return list(found.values())


def _scope(place: install.Place, folder: str) -> Scope:
    try:
        value = load(place.settings)
    except FatalError as error:
        return Scope(place, folder, {}, [], str(error))
    return Scope(place, folder, value, settings.ours(value), "")


def plugins(found: list[Scope]) -> list[str]:
    """The ids (name@marketplace) under which we are enabled as a plugin, wherever that is said."""
    switches: dict[str, bool] = {}
    for scope in found:  # the project's say counts more than the user's
        enabled = scope.value.get("enabledPlugins") if isinstance(scope.value, dict) else None
        switches |= enabled if isinstance(enabled, dict) else {}
    return [name for name, on in switches.items() if on is True and name.startswith("dispatch-hooks@")]


def load(path: str) -> Any:
    """The settings of a file; {} where there is none, or nothing in it."""
    text = jsontext.decode(edits.read(path) or b"{}", path)
    return jsontext.load(text, path) if text.strip() else {}


def baked(ground: Ground) -> dict[str, str]:
    """The words that install wrote into the gate: python, hooks, state, dirs, command. Empty without a gate."""
    return words_in(settings.gate_file(ground.dirs))


def words_in(path: str) -> dict[str, str]:
    """The words of a gate, or of a plugin's file of words."""
    text = (edits.read(path) or b"").decode(errors="replace")
    names = {"python": "python", "hooks": "hooks", "state": "state", "DISPATCH_HOOKS_DIRS": "dirs"}
    found = {}
    for match in re.finditer(r"^(?:export )?(\w+)=(?=['\"\w/.~-])", text, re.M):
        if match[1] in names and names[match[1]] not in found:
            found[names[match[1]]] = _word(text[match.end() :])
    return found


def _word(text: str) -> str:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    return lexer.get_token() or ""


# checks


def interpreter(ground: Ground) -> list[Finding]:
    """The interpreter and the code that the gate starts."""
    say = partial(Finding, "interpreter")
    words = baked(ground)
    if not words:
        return []
    python, hooks = words.get("python", ""), words.get("hooks", "")
    again = "dispatch-hooks install"
    if not os.access(python, os.X_OK):
        return [say("fail", f"the hooks' Python is gone: {python}", again)]
    if not os.path.isfile(os.path.join(hooks, "user_prompt_submit.py")):
        return [say("fail", f"the hooks are gone: {hooks}", again)]
    code, said, why = run([python, "-I", "-S", "-c", IMPORTS, hooks], ground.env)
    if code != 0:
        return [say("fail", f"{python} cannot run the hooks in {hooks}: {why}", again)]
    version, raw = said.split()
    if raw != "0":
        text = f"{raw} modules of the hooks are not compiled, so that every hook starts slower"
        return [say("warn", text, AGAIN, partial(gate.compile_hooks, python))]
    return [say("ok", f"{python} ({version}) runs the hooks in {short(hooks, ground.home)}")]


def folders(ground: Ground) -> list[Finding]:
    """The folders that the hooks use, and those that this command uses."""
    say = partial(Finding, "baked folders")
    written = paths.split(baked(ground).get("dirs", ""))
    if written is None:
        return []
    for name, theirs, ours in zip(written._fields, written, ground.dirs, strict=True):
        if theirs != ours:
            text = f"the hooks' {name} folder is {theirs}, this command's is {ours}: they see different tasks"
            return [say("fail", text, "dispatch-hooks install")]
    return [say("ok", "hooks and commands use the same folders")]


def hooks(ground: Ground) -> list[Finding]:
    """Our entries in the settings of every scope."""
    say = partial(Finding, "hooks")
    found = scopes(ground)
    there = [scope for scope in found if scope.entries]
    findings = [say("fail", f"Claude Code cannot read its settings: {scope.fault}") for scope in found if scope.fault]
    if not there and not findings and plugins(found):
        return []
    if not there and not findings:
        return [say("fail", "Claude Code has no hooks of ours in this folder", "dispatch-hooks install")]
    findings += [_as_installed(ground, scope) for scope in there]
    if len(there) > 1:
        names = " and ".join(scope.place.scope for scope in there)
        findings.append(say("ok", f"installed {len(there)} times ({names}): each event is handled once all the same"))
    return findings


def _as_installed(ground: Ground, scope: Scope) -> Finding:
    say = partial(Finding, f"hooks ({scope.place.scope})")
    whose = {"project": scope.folder, "home": ground.home, "dirs": ground.dirs, "environ": ground.env}
    act = partial(install.install, scope.place.scope, **whose)
    fix = scope.command() if scope.folder == ground.cwd else f"cd {shlex.quote(scope.folder)} && {scope.command()}"
    path = short(scope.place.settings, ground.home)
    try:
        changes = act(dry_run=True)
    except FatalError as error:
        return say("fail", str(error))
    if not changes:
        return say("ok", f"{path}: {len(scope.entries)} entries")
    changed = {change.path: change.what for change in changes}
    if scope.place.settings in changed:
        return say("fail", f"{path}: {_how(ground, scope)}", fix, act)
    others = ", ".join(short(name, ground.home) for name in changed)
    return say("warn", f"outdated, or by another copy of dispatch-hooks: {others}", fix, act)


def _how(ground: Ground, scope: Scope) -> str:
    """What is not as install writes it."""
    wanted = settings.groups(ground.dirs)
    missing = [event for event in wanted if event not in {place[1] for place in scope.entries}]
    if missing:
        return f"our hooks are incomplete: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    count = sum(len(group["hooks"]) for group in wanted.values())
    if len(scope.entries) > count:
        return f"there are {len(scope.entries)} entries of ours where {count} belong"
    return "our entries or rules are another version's"


def skill(ground: Ground) -> list[Finding]:
    """Without its skill Claude Code calls /dispatch unknown, and runs no hook for it."""
    say = partial(Finding, "skill")
    there = [scope for scope in scopes(ground) if scope.entries]
    files = {scope.place.skill: scope for scope in there}
    good = [path for path in files if install.SKILL_MARK in (edits.read(path) or b"")]
    if good:
        return [say("ok", f"/dispatch is {short(good[0], ground.home)}")]
    return [
        say("fail", f"/dispatch is unknown to Claude Code: {short(path, ground.home)} is not there", scope.command())
        for path, scope in list(files.items())[:1]
    ]


def name(ground: Ground) -> list[Finding]:
    """The name by which Claude's own shell may call us without asking."""
    say = partial(Finding, "command")
    allowed = [rule for scope in scopes(ground) if scope.entries for rule in settings.allowed(scope.value)]
    called = [each for each in gate.names(ground.dirs) if set(settings.rules(each)) & set(allowed)]
    gone = [each for each in called if not shutil.which(each, path=ground.env.get("PATH", os.defpath))]
    if gone:
        text = f"the rules let Claude call {gone[0]}, which is not {'on PATH' if os.sep not in gone[0] else 'there'}"
        return [say("warn", text, "dispatch-hooks install")]
    return [say("ok", f"Claude may call {short(each, ground.home)}") for each in called]
