"""How far something may be handed on: the labels of the Traffic Light Protocol 2.0 (FIRST), as others write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
TLP = ("clear", "green", "amber", "amber+strict", "red")
"""The labels, each stricter than those before it."""
FREE = ("clear", "green")
"""What whoever has it may hand on to partners; more takes the permission of whoever gave it."""
NEVER = "red"
"""What is never handed on: it is for those alone who were given it."""
_OLD = {"white": "clear"}
"""Of version 1."""
_MARKINGS = {
    "613f2e26-407d-48c7-9eca-b8e91df99dc9": "clear",
    "34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
    "f88d31f6-486f-44da-b317-01333bde0b82": "amber",
    "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
    "94868c89-83c2-464b-929b-a1a8aa3c8487": "clear",
    "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "green",
    "55d920b0-5e8b-4f79-9ee9-91f868d9b421": "amber",
    "939a9414-2ddd-4d32-a0cd-375ea402b003": "amber+strict",
    "e828b379-4e03-4974-9ac4-e53a884c97c1": "red",
}
"""Marking definitions of STIX 2.1 (7.2.1.4), and of OASIS' extension for TLP 2.0."""


class Labelled(Generic[T]):
    """What a generator gives, and in ``label``, once it has ended, what it returned: the strictest label of all that it
    gave (``ports.Format.read``); empty: it says none.
    """

    def __init__(self, rows: Iterable[T]) -> None:
        self._rows, self.label = iter(rows), ""

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                row = next(self._rows)
            except StopIteration as end:
                self.label = end.value or ""
                return
            yield row


def rank(label: str) -> int:
    """How strict a label is; of none, less than of any."""
    return TLP.index(label) if label in TLP else -1


def narrowest(labels: Iterable[str]) -> str:
    """The strictest of some labels; empty where there is none. What is no label counts for none."""
    return max((one for one in labels if one in TLP), key=rank, default="")


def of_markings(refs: object) -> str:
    """The label that ``object_marking_refs`` of a STIX object give; empty where they give none."""
    told = refs if isinstance(refs, list) else ()
    ids = (one.partition("--")[2].lower() for one in told[:100] if isinstance(one, str))
    return narrowest(_MARKINGS.get(one, "") for one in ids)


def of_tags(tags: Iterable[object]) -> str:
    """The label that tags of MISP give (``tlp:amber``); empty where they give none."""
    names = (one.get("name") for one in tags if isinstance(one, dict))
    told = (one[4:].lower() for one in names if isinstance(one, str) and one[:4].lower() == "tlp:")
    return narrowest(_OLD.get(one, one) for one in told)
