"""Which words name a model, an alias or a backend."""

from __future__ import annotations

FAMILIES = (
    "opus sonnet haiku fable claude gpt codex o1 o3 o4 gemini qwen grok kimi deepseek llama glm mistral "
    "devstral codestral minimax".split()
)
"""How the names of known models begin."""

BEGINS = tuple(FAMILIES)

VARIANTS = frozenset(
    "air chat codex coder exp fast fable flash haiku high instruct large latest lite low max medium mini nano "
    "opus oss plus preview pro reasoner small sonnet spark thinking turbo ultra xhigh".split()
)
"""What may follow a family in a model's name, besides versions: `gemini-3-pro` is one, `gemini-client` is not."""

APART = frozenset("codex coder flash lite mini nano pro turbo opus sonnet haiku fable".split())
"""The variants that may stand apart: "gemini 2.5 flash"."""


def begins(vocabulary: dict) -> tuple[str, ...]:
    """How a word begins, in lower case, that may be or begin a name."""
    every = (name for kind in ("models", "aliases", "backends") for name in vocabulary.get(kind, ()))
    return tuple({*FAMILIES, *(name.lower().split("-")[0] for name in every)})


def read(words: list[str], vocabulary: dict) -> tuple[dict | None, int]:
    """The name that bare words begin with: ({"model","alias","backend"}, how many words it takes), or (None, 0).

    A version may stand apart: "opus 4.6", "gemini 2.5 pro", "claude opus".
    """
    for count in range(min(4, len(words)), 0, -1):
        found = known("-".join(words[:count]), vocabulary, count > 1)
        if found:
            return found, count
    return None, 0


def known(word: str, vocabulary: dict, apart: bool = False) -> dict | None:
    """{"model","alias","backend"} with one of them set, or None: no such name.

    A name of the vocabulary is returned as it is written there, a model-looking one in lower case.
    """
    low = word.lower()
    for kind, plural in (("model", "models"), ("alias", "aliases"), ("backend", "backends")):
        for name in vocabulary.get(plural, ()):
            if name.lower() == low:
                return _named(kind, name)
    if not low.startswith(BEGINS) or not looks_like_model(low, apart):
        return None
    if apart and low.startswith("claude-") and low[7:] in FAMILIES:
        low = low[7:]
    return _named("model", low)


def _named(kind: str, name: str) -> dict:
    return {"model": None, "alias": None, "backend": None, kind: name}


def looks_like_model(word: str, apart: bool = False) -> bool:
    """Is it a family, alone or with versions and variants: gpt-5.3-codex, o3, qwen3-coder, sonnet[1m]?"""
    head, *tails = word.removesuffix("[1m]").split("-")
    family = next((f for f in FAMILIES if head.startswith(f)), "")
    if not family or (head != family and not _version(head[len(family) :])) or word == "claude":
        return False
    return all(_version(tail) or tail in (APART if apart else VARIANTS) for tail in tails)


def _version(text: str) -> bool:
    """4, 4.6, 4o, v3, k2, 120b, 20250929, .5."""
    return 0 < len(text) <= 10 and any(c.isdigit() for c in text) and all(c.isdigit() or c in ".vobkrm" for c in text)
