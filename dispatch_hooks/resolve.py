"""What a name means: the backend that runs it, and what its CLI calls the model.

In this order: a model of the config, an alias, a backend, a family that is known to be one CLI's, and what the CLIs
list themselves (dispatch_hooks.catalogue). The lists are read only for a name that means nothing else.
"""

from __future__ import annotations

import os

from dispatch_hooks import backends, config

FAMILIES = {
    "claude": ("opus", "opusplan", "sonnet", "haiku", "fable", "claude", "best"),
    "codex": ("gpt", "codex", "o1", "o3", "o4"),
    "gemini": ("gemini",),
    "qwen": ("qwen",),
    "cursor": ("composer",),
}
"""How the names of a CLI's models begin; no letter follows."""

OPEN = ("gpt-oss",)
"""Begin like a family's and are run by whoever has them."""

FAMILY_ALONE = frozenset(("gpt", "composer"))
"""Families whose bare name no CLI takes for a model: they mean its own default."""

NOTHING = {"model": "", "alias": "", "alias_prompt": "", "permissions": None, "fallback": "", "launcher": ""}


def meaning(named: str, settings: dict, path: str = "") -> tuple[dict, str]:
    """({"model","alias","alias_prompt","backend","permissions","fallback","launcher"}, "") or ({}, why not).

    path: where CLIs are looked for; a family whose own CLI is not there may be another's.
    """
    for read in (_model, _alias, _backend, _family, _listed):
        found, why = read(named, settings, path)
        if found or why:
            return found, why
    return {}, unknown(named, settings)


def _model(named: str, settings: dict, path: str) -> tuple[dict, str]:
    model = settings["models"].get(named)
    if model is None:
        return {}, ""
    told = {"model": model.get("name", named), "permissions": model.get("permissions")}
    told["launcher"] = model.get("launcher", "")
    told["backend"] = model.get("backend") or family(told["model"]) or "claude"
    return {**NOTHING, **told, "fallback": _fallback(model, settings)}, ""


def _alias(named: str, settings: dict, path: str) -> tuple[dict, str]:
    alias = settings["aliases"].get(named)
    if alias is None:
        return {}, ""
    inner, why = meaning(alias.get("model") or "claude", {**settings, "aliases": {}}, path)
    told = {"alias": named, "alias_prompt": alias.get("prompt", "")}
    told["permissions"] = alias.get("permissions") or inner.get("permissions")
    told["launcher"] = alias.get("launcher") or inner.get("launcher", "")
    return ({}, why) if why else ({**inner, **told, "fallback": alias.get("fallback") or inner["fallback"]}, "")


def _backend(named: str, settings: dict, path: str) -> tuple[dict, str]:
    if named not in config.CLI and named not in settings["backends"]:
        return {}, ""
    own = settings["backends"].get(named, {})
    told = {"backend": named, "permissions": own.get("permissions"), "fallback": _fallback({}, settings)}
    return {**NOTHING, **told}, ""


def _family(named: str, settings: dict, path: str) -> tuple[dict, str]:
    backend = family(named)
    if not backend or (backend not in config.CLI and backend not in settings["backends"]):
        return {}, ""
    if path and not program(backend, settings, path)[1] and (elsewhere := _listed(named, settings, path)[0]):
        return elsewhere, ""
    model = "" if named.lower() in FAMILY_ALONE else named
    return {**NOTHING, "model": model, "backend": backend, "fallback": _fallback({}, settings)}, ""


def _listed(named: str, settings: dict, path: str) -> tuple[dict, str]:
    from dispatch_hooks import catalogue

    found = catalogue.having(named, catalogue.kept())
    for backend, model in found:
        if program(backend, settings, path or os.defpath)[1]:
            return {**NOTHING, "model": model, "backend": backend, "fallback": _fallback({}, settings)}, ""
    return {}, ""


def adoptable(named: str, settings: dict, path: str) -> dict | None:
    """The meaning of a name that has one by a CLI's list alone: it is to go into the config."""
    if any(read(named, settings, "")[0] for read in (_model, _alias, _backend, _family)):
        return None
    return _listed(named, settings, path)[0] or None


def _fallback(entry: dict, settings: dict) -> str:
    return entry.get("fallback") or settings["fallback"]


def family(name: str) -> str | None:
    """The backend whose models are called so."""
    low = name.lower()
    if low.startswith(OPEN):
        return None
    return next((backend for backend, starts in FAMILIES.items() if any(_begins(low, start) for start in starts)), None)


def _begins(name: str, start: str) -> bool:
    """gpt-5, gpt5 and sonnet[1m] are of their families; sonnett is somebody's typing."""
    return name.startswith(start) and not name[len(start) : len(start) + 1].isalpha()


def program(backend: str, settings: dict, path: str) -> tuple[str, str | None]:
    """(the program of a backend, its file on a PATH or None); ("", None) where nothing says how to run it."""
    try:
        named = backends.get(backend, settings).program({"backend": backend, "model": "", "alias": ""}, settings)
    except (KeyError, IndexError, TypeError, AttributeError):
        return "", None
    return named, backends.which(named, path)


# names that mean nothing


def unknown(named: str, settings: dict) -> str:
    """Why a name cannot be used, and what could be typed instead."""
    near = nearest(named, settings)
    if near:
        return f'"{named}" is not available here; do you mean {" or ".join(near)}?'
    known = [*settings["aliases"], *settings["models"], *settings["backends"], "opus", "sonnet", "haiku"]
    return f'"{named}" is not available here; there are {", ".join(dict.fromkeys(known))}'


def nearest(named: str, settings: dict) -> list[str]:
    """At most three names that are written much like it."""
    import difflib

    from dispatch_hooks import catalogue

    listed = [model for told in catalogue.kept().values() for model in told["models"]]
    every = [*settings["aliases"], *settings["models"], *settings["backends"], *config.CLI, *USUAL, *listed]
    by_low = {name.lower(): name for name in reversed([*every, *(name.rpartition("/")[2] for name in listed)])}
    return [by_low[low] for low in difflib.get_close_matches(named.lower(), by_low, 3, 0.6)]


USUAL = ("opus", "sonnet", "haiku")
