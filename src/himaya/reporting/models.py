"""Tables of reporting."""

from __future__ import annotations

from himaya.cases.dispatch import Dispatch


class Report(Dispatch):
    """A report to an authority about a confirmed case."""
