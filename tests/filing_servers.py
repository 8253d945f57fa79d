"""Other sides that take reports, in this process, and which of them belongs to which plug-in.

Whoever writes a plug-in of the kind ``filings`` adds a line to :data:`OTHER_SIDES`; its promises are then tested by
``tests/plugins/test_filings.py``.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, cast

from tests.sources import Answer, Asked, Lost, Source

from himaya.core.filing import Draft

When = Literal["before", "after"]


class OtherSide(Protocol):
    """What the common test needs of a server. One is made for each walk."""

    def serving(self) -> AbstractContextManager[Any]:
        """Serve within the block."""

    def config(self) -> dict[str, Any]:
        """Options of the plug-in that lead there, while it serves."""

    def lose(self, number: int, when: When) -> None:
        """Lose the answer to the number-th request that changes something (from 0), ``before`` or ``after`` that."""

    def changed(self) -> int:
        """How many such requests there were."""

    def filed(self, draft: Draft) -> int:
        """How often the report of that draft stands there."""

    def completed(self, draft: Draft) -> Draft:
        """A filled draft with what a person would add to it, so that nothing blocks."""

    def refuses(self, draft: Draft) -> str:
        """What its own rules find wrong with the draft as it goes over the wire; empty: nothing."""


OTHER_SIDES = {
    "dsa": "tests.filing_sides:DSASide",
    "iccam": "tests.filing_sides:ICCAMSide",
    "ncmec": "tests.filing_ncmec:NCMECSide",
    "generic": "tests.filing_sides:GenericSide",
}
"""Plug-in → where its other side stands."""


def other_side(name: str) -> OtherSide:
    module, _, attribute = OTHER_SIDES[name].partition(":")
    return cast("OtherSide", getattr(importlib.import_module(module), attribute)())


class Losing(Source):
    """A server that can lose an answer. Write :meth:`act`, and :meth:`acts`: whether a request changes anything."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        self.lost: dict[int, When] = {}

    def lose(self, number: int, when: When) -> None:
        self.lost[number] = when

    def changed(self) -> int:
        return self.changes

    @abstractmethod
    def act(self, asked: Asked) -> Answer: ...

    @abstractmethod
    def acts(self, asked: Asked) -> bool: ...

    def answer(self, asked: Asked) -> Answer:
        if not self.acts(asked):
            return self.act(asked)
        when = self.lost.get(self.changes)
        self.changes += 1
        if when == "before":
            raise Lost
        answer = self.act(asked)
        if when == "after":
            raise Lost
        return answer
