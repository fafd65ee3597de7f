"""doctor: what is wrong, what to type, and what it can put right by itself.

One module a subject, one function a check: check(ground) -> findings. A check changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from dispatch_hooks.doctor import agents, claude, events, installation, plugged, records, workers
from dispatch_hooks.doctor.ground import Finding, Ground
from dispatch_hooks.errors import FatalError

Check = Callable[[Ground], list[Finding]]

CHECKS: tuple[Check, ...] = (
    installation.interpreter,
    installation.folders,
    installation.hooks,
    plugged.plugin,
    installation.skill,
    installation.name,
    claude.switches,
    claude.version,
    events.samples,
    events.entries,
    workers.config,
    workers.names,
    workers.programs,
    workers.login,
    agents.versions,
    agents.logins,
    agents.sessions,
    records.folders,
    records.git,
    records.worktrees,
    records.tasks,
    records.hosts,
    records.news,
    records.projects,
    records.foreign,
    records.log,
)


def examine(ground: Ground, checks: tuple[Check, ...] = CHECKS) -> list[Finding]:
    return [finding for check in checks for finding in _look(check, ground)]


def _look(check: Check, ground: Ground) -> list[Finding]:
    """A check that cannot look has found something too."""
    try:
        return check(ground)
    except FatalError as error:
        return [Finding(check.__name__, "fail", str(error))]
    except Exception as error:  # whatever it is, the other checks still tell something
        return [Finding(check.__name__, "fail", f"cannot look: {type(error).__name__}: {error}")]


def mend(findings: list[Finding]) -> list[str]:
    """Does what is safe; what was done, and what could not be."""
    done = []
    for finding in findings:
        if finding.mend:
            try:
                finding.mend()
                done.append(f"mended: {finding.text}")
            except (FatalError, OSError) as error:
                done.append(f"cannot mend: {finding.text}: {error}")
    return done


def well(findings: list[Finding]) -> bool:
    return all(finding.state != "fail" for finding in findings)
