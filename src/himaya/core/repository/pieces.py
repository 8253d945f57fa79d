"""What a repository serves of a list: whose, which part, and under which name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from himaya.core.statements import ORGANISATION
from himaya.core.words import N_, Said

LIST = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
"""How a list is named."""
BASIS = re.compile(r"[a-z][a-z-]{0,39}")
"""How a legal basis is named."""
TLP = ("", "clear", "green", "amber", "amber+strict", "red")
"""With whom a list may be shared (Traffic Light Protocol 2.0, without its prefix); empty: not said."""
RESERVED = frozenset({"root", "targets", "snapshot", "timestamp"})
"""Names of TUF's own roles: no organisation can have one of them."""
MAX_SEQUENCE = 10**10 - 1
UNNAMED = N_("the list {name} is not named with small letters, digits and dashes")
WIDEST = 64
"""Greatest radius of a list, in bits."""
_PATH = re.compile(r"([^/]{1,60})/([^/]{1,60})/(?:full-([0-9]{1,10})|delta-([0-9]{1,10})-([0-9]{1,10}))\.gz")


def is_organisation(name: str) -> bool:
    """Whether an organisation can be named so, and have a role of its own."""
    return bool(ORGANISATION.fullmatch(name)) and name not in RESERVED


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a list is given: ``name``, ``title`` for people, ``tlp`` (see :data:`TLP`), ``radius`` (greatest
    distance in bits at which one of its items matches), ``admission`` (the rule by which an item becomes active, in
    words or by name, at most 200 characters).
    """

    name: str
    title: str = ""
    tlp: str = ""
    radius: int = 31
    admission: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: object) -> Terms:
        """Read what :meth:`plain` wrote, of a stranger too. Fields that are not known are passed over.

        Raises:
            ValueError: one is not what it should be; says which.
        """
        if not isinstance(data, Mapping):
            raise ValueError(N_("the list's terms are no object"))
        made = cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})
        made.check()
        return made

    def check(self) -> None:
        """Whether every field is of its vocabulary.

        Raises:
            ValueError: one is not; says which.
        """
        for name in ("name", "title", "tlp", "admission"):
            text = getattr(self, name)
            if not isinstance(text, str) or len(text) > 200 or not text.isprintable():
                raise ValueError(Said("the list's {name} is no text of at most 200 characters", name=name))
        if not LIST.fullmatch(self.name):
            raise ValueError(Said(UNNAMED, name=repr(self.name[:60])))
        if self.tlp not in TLP:
            raise ValueError(
                Said("the list's tlp {tlp} is none of {known}", tlp=repr(self.tlp[:20]), known=", ".join(TLP[1:]))
            )
        if type(self.radius) is not int or not 0 <= self.radius <= WIDEST:
            raise ValueError(Said("the list's radius is no number from 0 to {n}", n=WIDEST))


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """A file of statements: of which list, of whom, and from where to where.

    Attributes:
        list: the list's name.
        organisation: who signs it.
        sequence: which state it leads to; states are numbered from 1 and only ever grow.
        since: from which state it leads there; None: from nothing, it is the full file.
    """

    list: str
    organisation: str
    sequence: int
    since: int | None = None

    @property
    def path(self) -> str:
        """Its name within the repository: ``hotline/example.org/full-7.gz``, ``…/delta-7-8.gz``."""
        name = f"full-{self.sequence}" if self.since is None else f"delta-{self.since}-{self.sequence}"
        return f"{self.list}/{self.organisation}/{name}.gz"

    @classmethod
    def from_path(cls, path: str) -> Piece:
        """Read :attr:`path`, of a stranger too.

        Raises:
            ValueError: no piece is named so.
        """
        found = _PATH.fullmatch(path)
        if not found:
            raise ValueError(Said("{path} names no file of a list", path=repr(path[:200])))
        list_, organisation, full, since, sequence = found.groups()
        made = cls(list_, organisation, int(full or sequence), None if full else int(since))
        made.check()
        if made.path != path:  # leading zeros would give one piece two names
            raise ValueError(Said("{path} names no file of a list", path=repr(path[:200])))
        return made

    def check(self) -> None:
        """Whether the names can be names and the numbers lead forward.

        Raises:
            ValueError: they cannot, or do not; says which.
        """
        if not LIST.fullmatch(self.list):
            raise ValueError(Said(UNNAMED, name=repr(self.list[:60])))
        if not is_organisation(self.organisation):
            raise ValueError(Said("no organisation can be named {name}", name=repr(self.organisation[:60])))
        if not 1 <= self.sequence <= MAX_SEQUENCE:
            raise ValueError(Said("the sequence {n} is not between 1 and {m}", n=self.sequence, m=MAX_SEQUENCE))
        if self.since is not None and not 1 <= self.since < self.sequence:
            raise ValueError(Said("a delta leads from {n} to {m}, which is not forward", n=self.since, m=self.sequence))
