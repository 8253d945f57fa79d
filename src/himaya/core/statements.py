"""What an organisation says about one item of a list: the one shape for provenance, votes, exchange and proof.

A statement is public in form and secret in content: it names a fingerprint. It never holds content, nor anything about
a person. What a node publishes, what another reads, and what the transparency log commits to are these same fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from himaya.core.words import N_

VOUCH, RETRACT, CONFIRM, DISPUTE, ABSTAIN, WITHDRAW, DOUBT, RESTORE = (
    "vouch", "retract", "confirm", "dispute", "abstain", "withdraw", "doubt", "restore",
)  # fmt: skip
ACTS: Mapping[str, str] = MappingProxyType(
    {
        VOUCH: N_("vouches that it is material as classed"),
        RETRACT: N_("takes back that it vouches"),
        CONFIRM: N_("has looked and agrees"),
        DISPUTE: N_("has looked and disagrees"),
        ABSTAIN: N_("takes back its vote"),
        WITHDRAW: N_("withdraws it from the list, as the list's steward"),
        DOUBT: N_("marks it as disputed, as the list's steward"),
        RESTORE: N_("takes back its mark, as the list's steward"),
    }
)
"""What may be said → in words. The last word of an organisation on a matter holds: vouching, its vote, its
mark as a steward."""

UNSTATED = "unstated"
BASES: Mapping[str, str] = MappingProxyType(
    {
        "baseline": N_("illegal in every country (INTERPOL baseline)"),
        "national": N_("illegal under the law of whoever says so"),
        "harmful": N_("harmful to the person shown, though not illegal in itself"),
        "person-shown": N_("asked for by the person shown, or by who cares for them"),
        UNSTATED: N_("not stated"),
    }
)
"""The closed vocabulary of legal bases → in words. A wider one needs the quorum of a node's root keys: it stands in the
signed root (``core.repository.ceremony``), and a subscriber refuses any other word."""

ORGANISATION = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
"""How an organisation is named: small letters, digits, dots, dashes."""
JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?|")
"""ISO 3166-1 alpha-2, with a part of ISO 3166-2 where needed; ``EU`` and ``XX`` (international) are taken too."""
LONGEST = 500
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One organisation on one item.

    Attributes:
        organisation: who says so; see :data:`ORGANISATION`.
        jurisdiction: under whose law; see :data:`JURISDICTION`, empty where not known.
        act: one of :data:`ACTS`.
        signal, value: the item; ``value`` is canonical (of a composite signal: the digest).
        scheme, code: its class, where the organisation gives one.
        basis: one of :data:`BASES`.
        at: when it was said, aware, whole seconds.
        until: from when on it does not count any more; None: it stands until it is taken back.
        reference: the organisation's own key for the item.
        reason: why; required where something is disputed, retracted or withdrawn by a person.
        parts: of a composite signal what ``value`` is the digest of, where it goes along. It is no field of the
            statement: who commits to the digest has committed to them.
    """

    organisation: str
    jurisdiction: str
    act: str
    signal: str
    value: str
    scheme: str = ""
    code: str = ""
    basis: str = UNSTATED
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    until: datetime | None = None
    reference: str = ""
    reason: str = ""
    parts: bytes = field(default=b"", repr=False)

    def canonical(self, list_name: str) -> bytes:
        """What a log commits to, the statement and its list: JSON, keys sorted, no spaces, empty fields left out."""
        plain = {name: value for name, value in self.plain().items() if value not in ("", None)}
        told = {**plain, "list": list_name}
        return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    def plain(self) -> dict[str, Any]:
        """A dictionary of JSON types; times as RFC 3339 in UTC with whole seconds."""
        told: dict[str, Any] = {name: getattr(self, name) for name in _NAMES}
        told["at"], told["until"] = moment(self.at), moment(self.until) if self.until else None
        return told

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Statement:
        """Read what :meth:`plain` wrote, of a stranger too.

        Raises:
            ValueError: a field is missing, unknown, of a wrong type or outside its vocabulary; says which.
        """
        unknown = set(data) - _FIELDS
        if unknown:
            raise ValueError(f"unknown field {min(unknown)!r}")
        texts = {k: v for k, v in data.items() if k not in ("at", "until")}
        for name, text in texts.items():
            if not isinstance(text, str) or "\0" in text or len(text) > (LONGEST if name == "reason" else _LIMIT):
                raise ValueError(f"{name} is no text of at most {LONGEST if name == 'reason' else _LIMIT} characters")
        for name in ("organisation", "act", "signal", "value", "at"):
            if not data.get(name):
                raise ValueError(f"{name} is missing")
        until = data.get("until")
        said = cls(
            **{"jurisdiction": "", **texts}, at=read_moment(data["at"]), until=read_moment(until) if until else None
        )
        said.check()
        return said

    def check(self, bases: Collection[str] = BASES) -> None:
        """Whether every field is of its vocabulary; ``bases`` are the legal bases that may be given.

        Raises:
            ValueError: one is not; says which.
        """
        if not ORGANISATION.fullmatch(self.organisation):
            raise ValueError(
                f"organisation {self.organisation[:60]!r} is not named with small letters, digits, dots, dashes"
            )
        if not JURISDICTION.fullmatch(self.jurisdiction):
            raise ValueError(f"jurisdiction {self.jurisdiction[:20]!r} is no country code")
        if self.act not in ACTS:
            raise ValueError(f"act {self.act[:20]!r} is none of {', '.join(ACTS)}")
        if self.basis not in bases:
            raise ValueError(f"basis {self.basis[:20]!r} is none of {', '.join(bases)}")


_NAMES = tuple(name for name in Statement.__dataclass_fields__ if name != "parts")
_FIELDS = frozenset(_NAMES)
_LIMIT = 200


def moment(at: datetime) -> str:
    """RFC 3339 in UTC, whole seconds: ``2026-11-28T23:21:27Z``."""
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def read_moment(text: object) -> datetime:
    """What :func:`moment` wrote, or any RFC 3339 time with an offset.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(text, str) or len(text) > 40:
        raise ValueError("a time is no text")
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"the time {text!r} does not say its offset from UTC")
    return found.astimezone(UTC).replace(microsecond=0)
