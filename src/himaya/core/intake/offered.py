"""The port to forms in which evidence of others comes: what each says of the whole, and of each file in it.

A form is one file in ``himaya/plugins/intakes/``. It reads what the sender wrote, and proves nothing: whoever takes the
files works out their digests, and compares (:mod:`himaya.core.intake.reading`).
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from himaya.core.intake.parcels import Parcel
from himaya.core.words import N_, Said

DIGESTS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
"""Digests that can be proved → their hexadecimal digits."""
KINDS: Mapping[str, str] = {
    "category": N_("category"),
    "tag": N_("tag"),
    "series": N_("series"),
    "victim-identified": N_("a victim was identified"),
    "offender-identified": N_("an offender was identified"),
    "distributed": N_("it is distributed"),
    "self-generated": N_("self-generated"),
    "suspected": N_("suspected"),
}
"""What others say of a file: kinds of labels."""
SAID_BY = "said by"
"""The fact of a file that names who says what its labels say, where that is not the sender."""
FLAGS = frozenset({"victim-identified", "offender-identified", "distributed", "self-generated", "suspected"})
"""Kinds whose value is ``yes`` or ``no``."""
MAX_VALUE, MAX_LABELS, MAX_FACTS, MAX_FACT = 200, 40, 20, 300
"""Characters of a label, labels and facts of a file, characters of a fact."""


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """What somebody else says of a file. ``kind``: one of :data:`KINDS`."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Declared:
    """A digest that the sender wrote down, and where: ``manifest-md5.txt``."""

    algorithm: str
    digest: str
    where: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that is offered.

    Attributes:
        name: its path in the parcel; empty where no file comes with what is said.
        called: how the sender calls it.
        declared: its digests, in hexadecimal.
        size: its bytes, as the sender wrote down; None: they did not.
        media_type: as the sender says.
        facts: what else the sender says of how it came to them: words → words.
        at: when the sender acquired it, or met it.
        labels: what the sender says of what it is.
        trouble: why it cannot be taken; empty: nothing is known against it.
    """

    name: str
    called: str = ""
    declared: tuple[Declared, ...] = ()
    size: int | None = None
    media_type: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    labels: tuple[Label, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of the whole.

    Attributes:
        number: the sender's number of it: of the report, the case, the bag.
        sender: who sent it, or says so.
        basis: by which right.
        at: when it happened, or was made.
        facts: what else.
    """

    number: str = ""
    sender: str = ""
    basis: str = ""
    at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class Intake(ABC):
    """A form in which evidence comes. Reads in constant memory, or up to a limit."""

    name: ClassVar[str]
    label: ClassVar[str]
    occasion: ClassVar[str] = "received"
    """For what it is kept, where nobody says otherwise: one of ``evidence.rules.OCCASIONS``."""

    @abstractmethod
    def documents(self, parcel: Parcel) -> tuple[str, ...]:
        """The files of a parcel that tell of the others, that first by which it is known; none: it is not this form."""

    @abstractmethod
    def told(self, parcel: Parcel, documents: tuple[str, ...]) -> Told:
        """What is said of the whole.

        Raises:
            BadPlace: it cannot be read.
        """

    @abstractmethod
    def offered(self, parcel: Parcel, documents: tuple[str, ...]) -> Iterator[Offered]:
        """Each file that it tells of, in its order.

        Raises:
            BadPlace: it cannot be read on.
        """


def declared(algorithm: str, digest: object, where: str) -> tuple[Declared, ...]:
    """A digest as strangers write it; none where it is nothing that can be proved."""
    name = algorithm.lower().replace("-", "").replace("_", "")
    text = str(digest).strip().lower() if isinstance(digest, str) else ""
    if DIGESTS.get(name) != len(text) or not set(text) <= set("0123456789abcdef"):
        return ()
    return (Declared(name, text, where),)


class Proof:
    """Works out what was declared of a file while it is read, and what a seal will tell of it."""

    def __init__(self, one: Offered) -> None:
        self._one, self.size = one, 0
        names = {"md5", "sha1", "sha256", *(each.algorithm for each in one.declared)}
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in names}

    def update(self, part: bytes) -> None:
        """The next bytes."""
        self.size += len(part)
        for one in self._hashes.values():
            one.update(part)

    @property
    def sha256(self) -> str:
        """Of what was read so far."""
        return self._hashes["sha256"].hexdigest()

    @property
    def digests(self) -> dict[str, str]:
        """All that were worked out, of what was read so far; MD5, SHA-1 and SHA-256 always."""
        return {name: one.hexdigest() for name, one in self._hashes.items()}

    def against(self) -> str:
        """What does not agree with what was declared; empty: nothing."""
        if self._one.size is not None and self._one.size != self.size:
            return Said("it has {n} bytes, not {declared}", n=self.size, declared=self._one.size)
        for each in self._one.declared:
            if self._hashes[each.algorithm].hexdigest() != each.digest:
                return Said("its {algorithm} is not the one in {where}", algorithm=each.algorithm, where=each.where)
        return ""


def short(text: object, most: int = MAX_FACT) -> str:
    """A stranger's text, in one line, cut."""
    from himaya.core.words import printable

    told = " ".join(str(text).split()) if isinstance(text, str | int | float) else ""
    return printable(told.encode("utf-8", "replace").decode())[:most]


def when(text: object) -> datetime | None:
    """A moment as strangers write it: ISO 8601, of which one without a zone counts as UTC; None: it is none."""
    from datetime import UTC

    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC) if 1970 < at.year < 2200 else None
    except (ValueError, OverflowError):
        return None


def marks(told: Iterable[tuple[str, object]]) -> tuple[tuple[str, str], ...]:
    """Kinds and values as a list states them: of a flag ``yes`` or ``no``, nothing where it says neither."""
    found = []
    for kind, value in told:
        text = _YES_OR_NO.get(str(value).strip().lower(), "") if kind in FLAGS else short(value, MAX_VALUE)
        found += [(kind, text)] if text else []
    return tuple(found)


_YES_OR_NO = {"true": "yes", "yes": "yes", "1": "yes", "false": "no", "no": "no", "0": "no"}


def label(kind: str, value: object) -> tuple[Label, ...]:
    """A label as strangers write it; none where it says nothing."""
    text = short(value, MAX_VALUE)
    if kind in FLAGS:
        text = {"true": "yes", "yes": "yes", "1": "yes"}.get(str(value).lower(), "")
    return (Label(kind, text),) if text else ()
