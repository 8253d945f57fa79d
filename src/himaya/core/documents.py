"""What leaves the house: frozen documents that channels compose into messages.

A document holds facts, fingerprints and decisions, never content. Times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class FingerprintFact:
    """One fingerprint of the thing that was found."""

    signal: str
    value: str
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class MatchFact:
    """Why it counts as known: an item of a list, and how near it is."""

    list_name: str
    signal: str
    value: str
    distance: int
    radius: int
    scheme: str
    code: str
    source: str


@dataclass(frozen=True, slots=True)
class SightingFact:
    """When and where it was seen. ``where`` is a path, an address or a reference of the reporting service.

    ``where`` is empty where the reader would not know the place, ``origin`` where it is not the reader's affair.
    """

    at: datetime
    where: str
    origin: str


@dataclass(frozen=True, slots=True)
class VerdictFact:
    """What a person decided, in the words of a published scheme.

    ``facets`` is what it says in the grid of all schemes (``core.terms.grid.packed``): a reader who knows another
    scheme is told in that one by ``core.terms.relations.verdict_in``. Empty where it is not the reader's affair.
    """

    scheme: str
    code: str
    label: str
    reason: str
    decided_at: datetime
    facets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A report (to an authority) or a notice (to a host) about one case.

    ``key`` identifies the document for ever: every attempt to send it carries the same key, so that the other side,
    or a channel, can recognise a repeat.
    """

    kind: Literal["report", "notice"]
    key: str
    case: str
    node: str
    made_at: datetime
    verdict: VerdictFact
    fingerprints: tuple[FingerprintFact, ...] = ()
    matches: tuple[MatchFact, ...] = ()
    sightings: tuple[SightingFact, ...] = ()
    contact: str = ""
    """Whom the reader can ask back."""
    harmful: bool = False
    """Whether it is about what harms a child although it is not illegal: no crime is told."""

    def as_json(self) -> dict[str, Any]:
        """A dictionary of JSON types; ``from_json`` reads it back to an equal document."""
        plain = asdict(self)
        plain["made_at"] = self.made_at.isoformat()
        plain["verdict"]["decided_at"] = self.verdict.decided_at.isoformat()
        plain["sightings"] = [{**s, "at": s["at"].isoformat()} for s in plain["sightings"]]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Document:
        """Read what ``as_json`` wrote.

        Raises:
            KeyError, TypeError, ValueError: the data was not written by ``as_json``.
        """
        verdict = {**data["verdict"], "decided_at": datetime.fromisoformat(data["verdict"]["decided_at"])}
        return cls(
            kind=data["kind"],
            key=data["key"],
            case=data["case"],
            node=data["node"],
            made_at=datetime.fromisoformat(data["made_at"]),
            verdict=VerdictFact(**verdict),
            fingerprints=tuple(FingerprintFact(**f) for f in data["fingerprints"]),
            matches=tuple(MatchFact(**m) for m in data["matches"]),
            sightings=tuple(SightingFact(**{**s, "at": datetime.fromisoformat(s["at"])}) for s in data["sightings"]),
            contact=data.get("contact", ""),
            harmful=data.get("harmful", False),
        )
