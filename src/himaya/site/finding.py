"""What somebody found who looked whether a node is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``what``, ``said`` and ``remedy`` are marked for translation."""

    what: str
    state: Literal["ok", "wait", "danger"]
    said: str
    remedy: str = ""
    needs: str = ""
    """The permission without which the remedy is somebody else's; ``otherwise`` is for those who have it not."""
    otherwise: str = ""

    def advice(self, may: Callable[[str], bool]) -> str:
        """The remedy for whoever ``may`` do this and not that."""
        return self.remedy if not self.needs or may(self.needs) else self.otherwise
