"""When a limit ends, as CLIs and APIs say it: "resets 3pm (Europe/Berlin)", "try again in 2 hours 5 minutes", …"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

LONGEST = 40 * 86400.0
"""Seconds: what lies further off is misread, or nothing to wait for."""

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}

_AMOUNT = r"(\d+(?:\.\d+)?)\s*(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])"

_SPAN = re.compile(
    r"(?:retry|again|resets?|available|wait|back)(?:\s+again)?\s+(?:in|after|for)?\s*(?:about\s+|another\s+)?"
    rf"((?:{_AMOUNT}[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
_RETRY_AFTER = re.compile(r"retry[-_ ]?after[\"']?\s*[:=]?\s*(\d+(?:\.\d+)?)(?!\s*[a-z0-9:])", re.IGNORECASE)
_EPOCH = re.compile(
    r"(?:limit reached|resets?(?:_at|at)?)[\"']?\s*[|:=]\s*[\"']?(\d{10}(?:\d{3})?)(?!\d)", re.IGNORECASE
)
_STAMP = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "mon tue wed thu fri sat sun".split()
_CLOCK = re.compile(
    r"\b(?:resets?|again|until|available|back)\b[\s:]*(?:at|on|by)?\s*"
    rf"(?:(?P<day>{'|'.join(_DAYS)})[a-z]*\.?,?\s+(?:at\s+)?)?"
    rf"(?:(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?P<date>\d{{1,2}})(?:st|nd|rd|th)?,?\s*(?P<year>\d{{4}})?,?\s*(?:at\s+)?)?"
    r"(?:(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?\s*(?P<half>[ap]\.?m\.?)?|(?P<word>midnight|noon))"
    r"(?:\s*\(?(?P<zone>[A-Z][A-Za-z_]+(?:/[A-Za-z_]+)*)\)?)?",
    re.IGNORECASE,
)

_WORDS = {"midnight": 0, "noon": 12}
_ZONES = {
    "America/Los_Angeles": ("PT", "PST", "PDT", "Pacific"),
    "America/Denver": ("MT", "MST", "MDT"),
    "America/Chicago": ("CT", "CST", "CDT"),
    "America/New_York": ("ET", "EST", "EDT"),
    "Europe/London": ("BST",),
    "Europe/Paris": ("CET", "CEST"),
    "Asia/Tokyo": ("JST",),
}
"""Where a clock goes that is named by letters; summer or winter, whichever it is there."""


def read(text: str, now: float) -> float | None:
    """The time that a message names for the end of a limit; None where it names none that lies ahead."""
    for find in (_epoch, _retry_after, _span, _stamp, _clock):
        at = find(text, now)
        if at is not None:
            return at if now - 120 <= at <= now + LONGEST else None
    return None


def _epoch(text: str, now: float) -> float | None:
    found = _EPOCH.search(text)
    return float(found[1][:10]) if found else None


def _retry_after(text: str, now: float) -> float | None:
    found = _RETRY_AFTER.search(text)
    return now + float(found[1]) if found else None


def _span(text: str, now: float) -> float | None:
    found = _SPAN.search(text)
    if not found:
        return None
    return now + sum(float(n) * _UNITS[unit[0].lower()] for n, unit in re.findall(_AMOUNT, found[1], re.IGNORECASE))


def _stamp(text: str, now: float) -> float | None:
    found = _STAMP.search(text)
    if not found:
        return None
    zone = (found[3] or "").upper().replace("Z", "+00:00").replace("UTC", "+00:00")
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").timestamp()
    except ValueError:
        return None


def _clock(text: str, now: float) -> float | None:
    """A time of day, with a weekday or a date perhaps; the next one that is so."""
    for found in _CLOCK.finditer(text):
        if found["half"] or found["minute"] or found["month"] or found["word"]:
            return _next(found.groupdict(), now)
    return None


def _next(said: dict, now: float) -> float | None:
    here = datetime.fromtimestamp(now, _zone(said["zone"]))
    hour = _WORDS[said["word"].lower()] if said["word"] else int(said["hour"])
    minute = int(said["minute"] or 0)
    if said["half"] and hour > 12:
        return None
    if said["half"]:
        hour = hour % 12 + (12 if said["half"][0].lower() == "p" else 0)
    try:
        at = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return _on_day(at, said, here).timestamp()
    except ValueError:
        return None


def _on_day(at: datetime, said: dict, here: datetime) -> datetime:
    if said["month"]:
        year = int(said["year"] or here.year)
        at = at.replace(year=year, month=_MONTHS.index(said["month"].lower()) + 1, day=int(said["date"]))
        return at if said["year"] or at > here - timedelta(days=1) else at.replace(year=year + 1)
    if said["day"]:
        at += timedelta(days=(_DAYS.index(said["day"].lower()) - at.weekday()) % 7)
        return at if at > here else at + timedelta(days=7)
    return at if at > here - timedelta(minutes=2) else at + timedelta(days=1)


def _zone(name: str | None) -> tzinfo | None:
    """None is this machine's own."""
    if name and name.upper() in ("UTC", "GMT"):
        return UTC
    place = next((place for place, names in _ZONES.items() if name in names), name)
    try:
        from zoneinfo import ZoneInfo

        return ZoneInfo(place) if place and "/" in place else None
    except (ImportError, OSError, ValueError, KeyError):  # a system without zones
        return None


def words(at: float, now: float) -> str:
    """A time as a person reads it: 18:00, Tue 18:00, 24 Dec 18:00."""
    then, here = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    if then.date() == here.date() or at - now < 12 * 3600:
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if at - now < 6 * 86400 else f"{then.day} {then:%b %H:%M}"
