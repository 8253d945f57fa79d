"""How often a key was revoked in this process: whoever remembers that one was valid sees by it when to ask again."""

from __future__ import annotations

_noted = 0


def number() -> int:
    """How often, so far."""
    return _noted


def note() -> None:
    """Once more."""
    global _noted
    _noted += 1
