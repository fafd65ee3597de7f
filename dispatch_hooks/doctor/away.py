"""What a worker needs on a launcher's far side: a probe goes through its engine and reports what is missing."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Callable
from functools import partial

from dispatch_hooks import config, files, launchers, paths, resolve, resources, tasks
from dispatch_hooks.doctor.ground import Finding, Ground
from dispatch_hooks.errors import FatalError

PATIENCE = 300.0
"""Seconds that a probe may wait for its turn and run."""

LOGIN = {"claude": ["auth", "status"], "codex": ["login", "status"], "opencode": ["auth", "list"]}
"""How a CLI says, without a call to a model, whether it is logged in: by its exit status."""

OLDEST = (3, 11)


def examine(ground: Ground, name: str, progress: Callable[[str], None], patience: float = PATIENCE) -> list[Finding]:
    """The findings of a probe. progress hears what the engine says meanwhile. FatalError for no such launcher."""
    table = _table(name)
    place = files.own_folder(os.path.join(ground.dirs.state, "remote", ".probe", f"{int(ground.now)}-{os.getpid()}"))
    try:
        job = _submit(table, place, ground)
        report = _await(table, job, place, progress, patience)
    except OSError as error:
        return [Finding("launcher", "fail", f"{name}: {error.strerror or error}", "dispatch-hooks config show")]
    finally:
        log = files.first_line(os.path.join(place, "log"))
        files.clear(place)
    if "why" in report:
        why = f"{report['why']}; its log begins: {log}" if log else report["why"]
        return [Finding("launcher", "fail", f"{name}: {why}")]
    return [Finding("launcher", "ok", f"{name}: ran on {report['machine']}"), *_read(table, report, ground)]


def _table(name: str) -> dict:
    found = config.load()
    if name not in found["launchers"]:
        known = ", ".join(found["launchers"]) or f"none; {resources.page('clusters')} shows how to add one"
        raise FatalError(f'there is no launcher "{name}" in {paths.config_file()}; there are: {known}')
    return launchers.table(name, found)


def _submit(table: dict, place: str, ground: Ground) -> str:
    there = partial(launchers.there, table)
    script = os.path.join(resources.shared("hooks"), "probe.py")
    spec, report = os.path.join(place, "spec"), os.path.join(place, "report")
    programs = _programs()
    login = {name: [programs[name], *words] for name, words in LOGIN.items() if name in programs}
    code = os.path.join(there(resources.HERE), "supervisor.py")
    files.write_json(spec, {"programs": programs, "login": login, "project": there(ground.project), "code": code})
    job = {
        "name": f"dispatch-probe-{tasks.digest(place)}",
        "folder": there(place),
        "log": there(os.path.join(place, "log")),
        "environment": {},
        "argv": [launchers.python(table), there(script), there(spec), there(report)],
    }
    return launchers.get(table["kind"]).start(table, job)


def _programs() -> dict[str, str]:
    """The programs of the backends that the configuration names, as the far side is to find them."""
    found = config.load()
    names = [found["default"], *found["models"], *found["aliases"], *found["backends"]]
    meant = [resolve.meaning(name, found)[0].get("backend") for name in names]
    backends = dict.fromkeys(backend for backend in meant if backend)
    programs = {backend: resolve.program(backend, found, "")[0] for backend in backends}
    return {backend: program for backend, program in programs.items() if program}


def _await(table: dict, job: str, place: str, progress: Callable[[str], None], patience: float) -> dict:
    """The report, or {"why": what became of the probe}."""
    module, until, said = launchers.get(table["kind"]), time.monotonic() + patience, ""
    try:
        while (report := files.read_json(os.path.join(place, "report"))) is None:
            verdict = module.look(table, [job]).get(job, {"state": "unknown", "why": ""})
            if verdict["state"] == "ended":
                return files.read_json(os.path.join(place, "report")) or {"why": _ended(verdict, table)}
            if time.monotonic() > until:
                return {"why": f"no report after {patience:.0f} s; the engine says: {_words(verdict)}"}
            if _words(verdict) != said:
                said = _words(verdict)
                progress(f"{table['launcher']}: {said}")
            time.sleep(1.0)
        return report
    finally:
        with contextlib.suppress(OSError):  # what it reported is true all the same
            module.end(table, job)


def _words(verdict: dict) -> str:
    return f"{verdict['state']} ({verdict['why']})" if verdict["why"] else verdict["state"]


def _ended(verdict: dict, table: dict) -> str:
    return (
        f"its job left no report: {verdict['why']}. Is {launchers.python(table)} there, and are our folders shared? "
        f"(python and map of [launchers.{table['launcher']}])"
    )


def _read(table: dict, report: dict, ground: Ground) -> list[Finding]:
    return [_python(report, table), _project(report, table, ground), *_clis(report), _git(report)]


def _python(report: dict, table: dict) -> Finding:
    version = ".".join(map(str, report["python"]))
    if tuple(report["python"]) < OLDEST:
        say = f"there {launchers.python(table)} is Python {version}; 3.11 or newer is needed (python of the launcher)"
        return Finding("python there", "fail", say)
    if not report["code"]:
        there = launchers.there(table, resources.HERE)
        return Finding("python there", "fail", f"{there} is not there: install dispatch-hooks where both sides see it")
    return Finding("python there", "ok", f"Python {version}")


def _project(report: dict, table: dict, ground: Ground) -> Finding:
    there = launchers.there(table, ground.project)
    if report["project"]:
        return Finding("project there", "ok", there)
    return Finding("project there", "fail", f"{there} is not there, or not writable (map of the launcher)")


def _clis(report: dict) -> list[Finding]:
    findings = []
    for name, path in report["programs"].items():
        if not path:
            findings.append(Finding("worker CLIs there", "fail", f"{name} is not on PATH there"))
            continue
        code, said = report["login"].get(name) or (0, "")
        if code:
            words = shlex.join([os.path.basename(path), *LOGIN[name]])
            findings.append(Finding("worker CLIs there", "warn", f"{name} is not logged in there ({words}: {said})"))
        else:
            findings.append(Finding("worker CLIs there", "ok", f"{name}: {path}"))
    return findings


def _git(report: dict) -> Finding:
    if all(report["git"]):
        return Finding("git there", "ok", "{} <{}>".format(*report["git"]))
    return Finding("git there", "warn", "git has no user.name and user.email there: worktrees commit under ours")
