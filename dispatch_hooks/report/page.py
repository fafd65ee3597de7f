"""The page: Jinja2 with autoescape, so that no word of a worker is markup; a policy that lets no script run.

Nothing is fetched: one inline style sheet, allowed by its hash, and bars that are inline SVG.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
import unicodedata

import jinja2

from dispatch_hooks import __version__, digest
from dispatch_hooks.report import gather, spans
from dispatch_hooks.view import words

HERE = os.path.dirname(os.path.abspath(__file__))

QUIET = {"\n", "\t"}

LEAST = 0.8
"""Percent of a bar that the shortest run takes: two pixels and its border on a phone."""


def page(entries: list[dict], title: str, now: float | None = None) -> str:
    """The whole page about tasks as gather.entry tells of them."""
    now = time.time() if now is None else now
    style, entries = _read("page.css"), _named(entries)
    runs = [run for each in entries for run in each["runs"]]
    return _environment().get_template("page.html").render(
        title=title,
        style=style,
        policy=policy(style),
        entries=entries,
        totals=gather.totals(entries),
        models=gather.by_model(entries),
        bouts=spans.bouts(runs),
        made=now,
        version=__version__,
    )


def _named(entries: list[dict]) -> list[dict]:
    """The tasks with names that tell them apart: two projects may each have a task of the same id."""
    projects = {each["project"] for each in entries}
    short = {project: os.path.basename(project) for project in projects}
    if len(set(short.values())) < len(projects):
        short = {project: project for project in projects}
    names = [f"{short[e['project']]}/{e['id']}" if len(projects) > 1 else e["id"] for e in entries]
    return [
        {**each, "name": name, "runs": [run._replace(task=name) for run in each["runs"]]}
        for each, name in zip(entries, names, strict=True)
    ]


def policy(style: str) -> str:
    """What a browser may do with the page: show it."""
    digest_ = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest_}'; base-uri 'none'; form-action 'none'"


def _read(name: str) -> str:
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    made.filters.update(age=age, clock=clock, day=day, money=money, count=count, share=share)
    made.filters.update(width=width, zone=zone, diff=diff_lines)
    return made


def _shown(value: object) -> object:
    return tame(value) if type(value) is str else value


def tame(text: str) -> str:
    """Text whose characters stay where they stand: what controls a terminal or the direction of writing is shown."""
    safe = "".join(c if c in QUIET or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else "�" for c in text)
    return safe.replace("\r", "")


# filters


def age(seconds: float | None) -> str:
    return "" if seconds is None else digest.age(round(seconds))


def clock(at: float | None) -> str:
    return "" if at is None else time.strftime("%H:%M:%S", time.localtime(at))


def day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def money(dollars: float | None) -> str:
    return "not told" if dollars is None else f"${dollars:.2f}"


def count(tokens: int | None) -> str:
    return "not told" if tokens is None else words.tokens(tokens).removesuffix(" tok")


def share(part: float, whole: float) -> str:
    """A length on a bar."""
    return f"{100 * part / whole:.3f}%"


def width(part: float, whole: float) -> str:
    """The same for what is to be seen, however short it was."""
    return f"{max(100 * part / whole, LEAST):.3f}%"


def zone(at: float) -> str:
    return time.strftime("%Z (UTC%z)", time.localtime(at))


def diff_lines(text: str) -> list[tuple[str, str]]:
    """(kind, line): kind is add, del, hunk, file or the empty word."""
    return [(_kind(line), line) for line in text.splitlines()]


def _kind(line: str) -> str:
    if line.startswith(("diff ", "index ", "--- ", "+++ ", "rename ", "new file", "deleted file")):
        return "file"
    return {"+": "add", "-": "del", "@": "hunk"}.get(line[:1], "")
