"""Tables of takedown."""

from __future__ import annotations

from himaya.cases.dispatch import Dispatch


class Notice(Dispatch):
    """A notice to a host about a confirmed case."""
