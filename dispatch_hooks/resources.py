"""The folders beside the code (hooks, schemas, skills, docs), in a checkout and in a wheel."""

from __future__ import annotations

import os

HERE = os.path.dirname(os.path.abspath(__file__))


def page(name: str) -> str:
    """The path of a page of the documentation: "clusters"."""
    return os.path.join(shared("docs"), f"{name}.md")


def shared(name: str) -> str:
    """The path of a shipped folder: inside the package in a wheel, beside it in a checkout."""
    inside = os.path.join(HERE, "_shared", name)
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(HERE), name)
