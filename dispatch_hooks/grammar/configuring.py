"""Words that change the configuration: "/dispatch add gpt-5.3", "make sonnet my dispatch default".

The whole prompt is the phrase, and it names dispatch: by /dispatch before it, or in its words ("my dispatch default").
What could be a task's own words ("/dispatch add dark mode", "/dispatch add a webpack alias") is none of ours.
docs/grammar.md has the forms.
"""

from __future__ import annotations

import re

from dispatch_hooks.grammar import names

LONGEST = 4000
"""Characters of a phrase, the words of an alias included."""

_NAME = r"[A-Za-z0-9][\w.@/+-]*(?:\[1m\])?"
_MY = r"(?:(?:my|the|our)\s+)?"
_CONFIG = r"(?:config(?:uration)?|models?(?:\s+list)?|list)"
_WITH = r"(?:using|with|via|on|for|from|=|:|to|->|that\s+uses|which\s+uses)"

_POLITE = re.compile(r"(?:(?:ok(?:ay)?|now|please|and|also|can you|could you|would you|let'?s)[,\s]+)*", re.IGNORECASE)

BEGIN = {
    "add": ("add-model", "add-alias"),
    **dict.fromkeys(("create", "define"), ("add-alias",)),
    "make": ("set-default", "add-alias"),
    **dict.fromkeys(("set", "use", "switch", "change", "my", "the", "default"), ("set-default",)),
    **dict.fromkeys(("remove", "delete", "drop"), ("remove",)),
    "import": ("import",),
}
"""The first word of a phrase, and what it may be."""

WORD = {"set-default": "default", "add-alias": "alias"}
"""A word that must be in it: forms are compiled in every process, and only where they may fit."""


def _compiled(text: str) -> re.Pattern:
    """NAME, MODEL, BACKEND and PROMPT are read, MY and CONFIG may stand in several ways, ` ` is any white space."""
    holes = {"NAME": f"(?P<name>{_NAME})", "MODEL": f"(?P<model>{_NAME})", "BACKEND": f"(?P<backend>{_NAME})"}
    holes |= {"PROMPT": r"(?:\s*[:,]\s*(?P<prompt>\S.*))?", "MY ": _MY, "CONFIG": _CONFIG, "WITH": _WITH}
    for hole, meant in holes.items():
        text = text.replace(hole, meant)
    return re.compile(text.replace(" ", r"\s+"), re.IGNORECASE | re.DOTALL)


_MAKE = r"(?:create|add|make|define) (?:an? |the |my )?"

_BY = r"(?: (?:using|with|via|on|from) (?:the )?BACKEND(?: backend)?)?"

SLASH = {
    "add-model": [
        rf"add (?:the )?(?P<sure>model )?NAME(?P<also> model)?(?P<there> to MY (?:dispatch )?CONFIG)?{_BY}",
    ],
    "set-default": [
        r"(?:set |make |switch |change )?MY default(?: model)?(?: to| is| =|:)? NAME",
        r"(?:make|set|use) NAME (?:as |be |to be )?(?:my |the |our |by )?default(?: model)?",
    ],
    "add-alias": [
        rf"{_MAKE}NAME alias(?: WITH MODEL)?PROMPT",
        rf"{_MAKE}alias (?:called |named )?NAME(?: WITH MODEL)?PROMPT",
    ],
    "remove": [
        r"(?:remove|delete|drop) (?:the )?(?P<sure>(?:model|alias|backend) )?NAME(?P<also> (?:model|alias|backend))?"
        r"(?P<there> from MY (?:dispatch )?CONFIG)?",
    ],
    "import": [r"import MY (?:old )?(?:dispatch )?CONFIG"],
}
"""Behind /dispatch."""

SPOKEN = {
    "add-model": [rf"add (?:the )?(?:model )?NAME(?: model)? to MY dispatch CONFIG{_BY}"],
    "set-default": [
        r"(?:make|set|use) NAME (?:as |be |to be )?MY dispatch default(?: model)?",
        r"(?:make|set|use) NAME (?:as |be |to be )?MY default(?: model)? (?:for|of|in) dispatch",
        r"(?:set|make|switch|change) MY dispatch default(?: model)?(?: to| be| =)? NAME",
    ],
    "add-alias": [
        rf"{_MAKE}dispatch alias (?:called |named )?NAME(?: WITH MODEL)?PROMPT",
        rf"{_MAKE}NAME dispatch alias(?: WITH MODEL)?PROMPT",
        rf"{_MAKE}NAME alias (?:in|to) MY dispatch CONFIG(?: WITH MODEL)?PROMPT",
    ],
    "remove": [
        r"(?:remove|delete|drop) (?:the )?(?:model |alias )?NAME(?: model| alias)? from MY dispatch CONFIG",
    ],
}
"""In ordinary chat."""


def read(text: str, vocabulary: dict, slash: bool) -> dict | None:
    """{"verb": add-model | add-alias | set-default | remove | import, "name","model","backend","prompt"} or None.

    slash: whether /dispatch stood before the text.
    """
    if len(text) > LONGEST:
        return None
    text = text.strip()
    text = text[_POLITE.match(text).end() :]
    bare = re.sub(r"[\s,]*(?:please|thanks|thank you)?[\s.!?]*$", "", text, flags=re.IGNORECASE)
    low = bare.lower()
    for verb in BEGIN.get(low.partition(" ")[0].rstrip(":="), ()):
        forms = (SLASH if slash else {}).get(verb, [])
        for form in [*SPOKEN.get(verb, []), *forms] if WORD.get(verb, "") in low else ():
            found = _compiled(form).fullmatch(bare)
            if found and _meant(verb, found.groupdict(), form in forms, vocabulary):
                told = _read(verb, found.groupdict(), vocabulary)
                return {**told, "prompt": text[found.start("prompt") :].strip(" \"'")} if told["prompt"] else told
    return None


def _meant(verb: str, said: dict, bare: bool, vocabulary: dict) -> bool:
    """May it be about a model? What only /dispatch stands before could be a task: "set default colours"."""
    if said.get("name", "").lower() in ("a", "an", "the", "my", "default", "dispatch"):
        return False
    if not bare or verb == "import" or any(said.get(key) for key in ("sure", "also", "there", "backend")):
        return True
    if verb == "add-alias" and not said["model"]:
        return bool(said["prompt"])
    return _like_a_model(said["model"] if verb == "add-alias" else said["name"], vocabulary)


def _like_a_model(name: str, vocabulary: dict) -> bool:
    return names.known(name.rpartition("/")[2], vocabulary) is not None


def _read(verb: str, said: dict, vocabulary: dict) -> dict:
    given = {key: said.get(key) or "" for key in ("name", "model", "backend", "prompt")}
    for key in ("name", "model", "backend"):
        given[key] = _as_written(given[key], vocabulary)
    return {"verb": verb, **given}


def _as_written(name: str, vocabulary: dict) -> str:
    """A name of the configuration as it stands there."""
    every = (known for kind in ("models", "aliases", "backends") for known in vocabulary.get(kind, ()))
    return next((known for known in every if known.lower() == name.lower()), name)
