"""Items of a list as STIX objects, and what these refer to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from himaya.core import registry, stix
from himaya.federation.naming import number_of, uuid_of
from himaya.lists import organisations
from himaya.lists.admission import DISPUTED, PROPOSED

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.lists.changes import Told
    from himaya.lists.models import HashList

UNTOLD = (("withdrawn", "-"),)
"""In place of the fingerprint, of what is gone and may never have been told."""
COLLECTIONS = uuid.UUID("2f7d0c1e-9a34-5b8e-8c52-6d0e4b7a1f93")
_TLP = {
    "clear": ("white", "613f2e26-407d-48c7-9eca-b8e91df99dc9"),
    "green": ("green", "34098fce-860f-48ae-8e50-ebd3cc5e41da"),
    "amber": ("amber", "f88d31f6-486f-44da-b317-01333bde0b82"),
    "amber+strict": ("amber", "f88d31f6-486f-44da-b317-01333bde0b82"),
    "red": ("red", "5e57c739-391a-4eb3-b6be-7d15ca92d5ed"),
}
"""TLP 2.0 → the level that STIX 2.1 has for it, and the number of its object (STIX 2.1, 7.2.1.4)."""
STRICT: dict[str, Any] = {
    "type": "marking-definition",
    "spec_version": "2.1",
    "id": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "created": "2022-10-01T00:00:00.000Z",
    "name": "TLP:AMBER+STRICT",
    "extensions": {
        "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
            "extension_type": "property-extension",
            "tlp_2_0": "amber+strict",
        }
    },
}
"""STIX 2.1 has no such level; OASIS' extension for TLP 2.0 has, and stands beside the nearest that it has."""


@dataclass(frozen=True, slots=True)
class Object:
    """An object, when it was added, and its version."""

    content: dict[str, Any]
    added: datetime

    @property
    def version(self) -> str:
        """Of what has no versions, its creation."""
        return str(self.content.get("modified") or self.content["created"])


@dataclass
class Writer:
    """Writes the objects of one list."""

    of: HashList
    names: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Organisation → name and jurisdiction."""

    @cached_property
    def node(self) -> tuple[str, str]:
        """Name and title of this node's organisation."""
        ours = organisations.own()
        return ours.name, ours.title

    @property
    def collection(self) -> str:
        """The id of the list's collection: the same for ever."""
        return str(uuid.uuid5(COLLECTIONS, f"{self.node[0]}:{self.of.name}"))

    @cached_property
    def still(self) -> list[Object]:
        """What indicators refer to."""
        made = [stix.identity(), stix.identity(self.node[1]), stix.extension(), *self._markings()]
        seen = {one["id"]: one for one in made}
        return [Object(one, stix.BEGINNING) for one in seen.values()]

    def _markings(self) -> list[dict[str, Any]]:
        level, number = _TLP[self.of.tlp]
        tlp = {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": f"marking-definition--{number}",
            "created": "2017-01-20T00:00:00.000Z",
            "definition_type": "tlp",
            "name": f"TLP:{level.upper()}",
            "definition": {"tlp": level},
        }
        return [tlp, STRICT] if self.of.tlp == "amber+strict" else [tlp]

    def identifier(self, item: int) -> str:
        """The id of an item's indicator; see :mod:`himaya.federation.naming`."""
        return f"indicator--{uuid_of(self._kind, item)}"

    def item_of(self, identifier: str) -> int:
        """The item's number; 0 where it is none of this list's indicators."""
        kind, _, text = identifier.partition("--")
        return (number_of(self._kind, text) or 0) if kind == "indicator" else 0

    def added(self, one: Told) -> datetime:
        """When what is told of an item became so: with other terms of the list, every item is told anew."""
        return max(one.at, self.of.terms_at) if self.of.terms_at else one.at

    @property
    def _kind(self) -> str:
        return f"item:{self.of.name}"

    def indicator(self, one: Told) -> Object:
        """An item; revoked where it does not count any more."""
        organisation, jurisdiction = self.names.get(one.organisation, ("", ""))
        signal = registry.signals().get(one.signal)
        terms = stix.Terms(
            list=self.of.name,
            source=one.source,
            scheme=one.scheme,
            code=one.code,
            organisation=organisation,
            jurisdiction=jurisdiction,
            distance=self.of.radius if signal and not signal.exact else None,
        )
        made = stix.indicator(
            UNTOLD if one.state == PROPOSED else [(one.signal, one.value)],
            terms,
            key=str(one.item),
            by=self.node[1],
            created=one.added_at,
            modified=max(self.added(one), one.added_at),
            revoked=not one.stands,
        )
        made["id"] = self.identifier(one.item)
        made["object_marking_refs"] = [marking["id"] for marking in self._markings()]
        if one.state == DISPUTED:
            made["labels"] = ["disputed"]
        return Object(made, self.added(one))
