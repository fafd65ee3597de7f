"""Dispatch work to background agents from a Claude Code chat."""

__version__ = "0.1.0"
