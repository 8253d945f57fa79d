"""What a bundle says, as its facts; and ``data/bundle.json``, which holds them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from himaya.core.bundles.alone.agreement import FORMAT
from himaya.core.vault.verifier import key_name


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How a thing came here (ISO/IEC 27037).

    Attributes:
        at: when, aware; whole seconds.
        by: who, as custody names actors.
        how: by which method.
        tool: the program that took it, and its ``version``.
        source: where it came from.
        clock: how good the clock was that told ``at``.
    """

    at: datetime
    by: str
    how: str
    tool: str
    version: str
    source: str
    clock: str


@dataclass(frozen=True, slots=True)
class Authorisation:
    """By what right it is handed over: an instrument of law or of procedure, its number, whose it is."""

    instrument: str
    number: str
    authority: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open the exhibits: an age key (``age1…``), and whose it is."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class CustodyKey:
    """A public key of Ed25519 that signs steps of custody (32 bytes), and whose it is."""

    public: bytes
    holder: str

    @property
    def name(self) -> str:
        """How steps name it."""
        return key_name(self.public)


@dataclass(frozen=True, slots=True)
class SaidLabel:
    """What somebody says of an exhibit: a kind of :data:`himaya.core.intake.offered.KINDS`, and what."""

    kind: str
    value: str
    said_by: str


@dataclass(frozen=True, slots=True)
class ExhibitFacts:
    """What is known of an exhibit.

    Attributes:
        uuid: its number.
        label: its exhibit number for people.
        size: bytes of the thing in clear.
        media_type: as IANA names it.
        digests: ``md5``, ``sha1``, ``sha256``, ``sha512`` of the thing in clear, in small hexadecimal digits.
        acquisition: how it came here.
        custody: the lines of its chain (:mod:`himaya.core.vault.custody`), without their ends.
        timestamps: replies or tokens of RFC 3161, over a digest of it, over a line of custody, or over a digest that a
            step of custody names.
        proofs: files of :mod:`himaya.core.proofs`; their events name its number, a digest, or that of a line.
    """

    uuid: UUID
    label: str
    size: int
    media_type: str
    digests: Mapping[str, str]
    acquisition: Acquisition
    custody: tuple[bytes, ...]
    timestamps: tuple[bytes, ...] = ()
    proofs: tuple[bytes, ...] = ()
    labels: tuple[SaidLabel, ...] = ()
    """What other bodies say of it: told in ``data/vics.json`` alone, for it is nothing that this node vouches for."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What stands in a bundle.

    Attributes:
        number: its number, as an outsider quotes it.
        organisation: who hands it over.
        made_at: when, aware; whole seconds.
        case: the case that it belongs to, as that organisation calls it.
        exhibits: in the order of reports; each uuid once.
        keys: of everybody who signed a step.
        authorisation: by what right; None: none is told.
        recipients: who can open the exhibits.
        certificates: of time-stamping authorities, PEM, one or several in each.
        log_keys: verifier keys of the logs that proofs are of, and of witnesses.
    """

    number: str
    organisation: str
    made_at: datetime
    case: str
    exhibits: tuple[ExhibitFacts, ...]
    keys: tuple[CustodyKey, ...]
    authorisation: Authorisation | None = None
    recipients: tuple[Recipient, ...] = ()
    certificates: tuple[bytes, ...] = ()
    log_keys: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Further fields for ``bag-info.txt``."""
    transfers: tuple[bytes, ...] = ()
    """Of exhibits that change hands: the next step of each chain, which the giving side has signed and the taking side
    is to sign (:func:`himaya.core.vault.custody.offered`)."""


def moment(at: datetime) -> str:
    """A time as everything in a bundle writes it: ``2026-11-29T03:00:00Z``."""
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def as_json(bundle: Bundle) -> dict[str, Any]:
    """``data/bundle.json``: the facts but for those that have files of their own."""
    return {
        "format": FORMAT,
        "number": bundle.number,
        "organisation": bundle.organisation,
        "made_at": moment(bundle.made_at),
        "case": bundle.case,
        "authorisation": asdict(bundle.authorisation) if bundle.authorisation else None,
        "recipients": [asdict(one) for one in bundle.recipients],
        "exhibits": [_exhibit(one) for one in bundle.exhibits],
    }


def _exhibit(one: ExhibitFacts) -> dict[str, Any]:
    return {
        "uuid": str(one.uuid),
        "label": one.label,
        "size": one.size,
        "media_type": one.media_type,
        "digests": dict(one.digests),
        "acquisition": {**asdict(one.acquisition), "at": moment(one.acquisition.at)},
        "timestamps": len(one.timestamps),
        "proofs": len(one.proofs),
    }


def keys_as_json(bundle: Bundle) -> dict[str, Any]:
    """``data/keys.json``."""
    custody = {one.name: {"public": b64encode(one.public).decode(), "holder": one.holder} for one in bundle.keys}
    return {"custody": custody, "logs": list(bundle.log_keys)}


def pretty(thing: object) -> bytes:
    """JSON that a person can read, too."""
    return json.dumps(thing, ensure_ascii=False, indent=1).encode() + b"\n"


def stamp_name(uuid: UUID | str, number: int) -> str:
    """Where a time stamp of an exhibit lies."""
    return f"data/timestamps/{uuid}-{number}.tsr"


def proof_name(uuid: UUID | str, number: int) -> str:
    """Where a proof of an exhibit lies."""
    return f"data/proofs/{uuid}-{number}.json"


CERTIFICATES = "data/timestamps/ca.pem"
