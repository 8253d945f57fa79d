"""The port to sources of lists: what a connector declares, is handed, and gives back.

A connector is one file in ``himaya/plugins/exchanges/``. It turns what a source answers, page by page, into
:class:`Entry`, :class:`Gone` and :class:`~himaya.core.ports.Refusal`, and never touches a database: whoever runs it
(``lists.subscribing``) keeps the pages on disk as they come, and applies a whole round in one moment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel

from himaya.core.errors import HimayaError
from himaya.core.ports import Receipt, Refusal
from himaya.core.words import N_

if TYPE_CHECKING:
    from pathlib import Path

    from himaya.core.outward import Client
    from himaya.core.repository.following import Mirrored

Opinion = Literal["confirm", "dispute"]
"""What we think of an entry after a look: it is what its source says, or it is not."""
NEAR = "near"
"""The note on what a source that is asked does not know itself, but something like it."""
LATER = N_("Try again later; if it lasts, ask whoever runs the source.")
"""What to do where nobody knows better."""
MAX_KEY = 120
MAX_SIGNALS = 64
"""Fingerprints of one entry."""
MAX_RESUME, MAX_CHECKPOINT = 4000, 1_000_000
"""Characters of a connector's notes."""
SMALLEST = 25
"""Things that a page is asked for at least, however poor the line is."""


def left_for_hub(keep: Path, organisation: str) -> Path:
    """Where :meth:`Exchange.pull` leaves the files that it has read of a member, if that directory is there: whoever
    passes them on (:meth:`Exchange.mirror`) need not fetch them again, and clears it.
    """
    return keep / "passed" / organisation


@dataclass(frozen=True, slots=True)
class Vote:
    """What a member of the source thinks of an entry; without an organisation: what the source itself does."""

    organisation: str
    opinion: Opinion
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a source says now about one thing. It takes the place of all that it said before under the same key: a
    fingerprint that is not named any more is gone.

    Attributes:
        key: the source's own, unique within the source (NCMEC: member and id), 1 to 120 characters.
        signals: signal name and value, as the source writes them; whoever imports them parses them. Kinds that no
            signal of this node reads are given too, under the source's name for them: they are counted, not dropped
            in silence.
        scheme, code: the class, in a scheme of this node; empty where the source gives none, or one without a scheme.
        organisation, jurisdiction: which member of the source says so (``core.statements``); empty: the source itself.
        basis: legal basis of ``core.statements.BASES``; empty: as the subscription says.
        at: when it was said or changed last, where the source tells; aware.
        until: when it ceases to count.
        note: what the source remarks, without anything about a person.
        votes: what members think of it, all that stand now.
    """

    key: str
    signals: tuple[tuple[str, str], ...]
    scheme: str = ""
    code: str = ""
    organisation: str = ""
    jurisdiction: str = ""
    basis: str = ""
    at: datetime | None = None
    until: datetime | None = None
    note: str = ""
    votes: tuple[Vote, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """The source does not say it any more: withdrawn, deleted, revoked. ``key`` is that of the entry, ``at`` when it
    ceased to, where the source tells.
    """

    key: str
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Voted:
    """What one member thinks of one fingerprint now, for sources that tell it apart from the entries. It takes the
    place of what was told under its key before, and leaves alone whatever entries say, and what others think.

    Attributes:
        key: the source's own, unique within the source; no entry has it.
        signal, value: the fingerprint, canonical.
        organisation, jurisdiction: which member.
        opinion: None: it has taken its vote back.
        reason: why, without anything about a person.
        at: when, where the source tells; aware.
    """

    key: str
    signal: str
    value: str
    organisation: str
    jurisdiction: str = ""
    opinion: Opinion | None = None
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a round. Of two changes of a key within a round the one with the later ``at`` counts, on whichever page
    it stands; where they are of one time, or one tells none, the one that came later.

    Attributes:
        changes: entries, keys that are gone, votes that are told apart, and what of the page could not be read and why
            (a refusal never stops the round; what is broken as a whole raises).
        resume: the connector's own note (JSON text, at most 4,000 characters), with which :meth:`Exchange.pull` goes
            on behind this page in the same round; empty where the round cannot be resumed there.
        checkpoint: given with the last page alone, and not empty there, at most a million characters: from where the
            next round begins. It is kept only once everything of the round has been applied.
        complete: with the last page: the round told everything there is, so that what it did not name is gone.
        total: how many changes the round will have, where the source says so.
        tlp: how far what the page gives may be handed on, the strictest label on it (``core.labels``); empty: it says
            nothing.
        anew: ``resume`` could not be used (the source has changed, or its place in the pages is gone): the round
            begins again with this page, and what it told before is void.
    """

    changes: tuple[Entry | Gone | Voted | Refusal, ...] = ()
    resume: str = ""
    checkpoint: str = ""
    complete: bool = False
    total: int | None = None
    tlp: str = ""
    anew: bool = False


class SourceTrouble(HimayaError):
    """The source cannot be read: {why}."""

    remedy = "{mend}"
    status = 502

    def __init__(
        self, *, why: str, mend: str = "", permanent: bool = False, late: bool = False, unsaid: bool = False
    ) -> None:
        self.permanent, self.late, self.unsaid = permanent, late, unsaid
        """``permanent``: trying again cannot help until a person changes something (credentials, address). ``late``:
        the answer took too long, as a smaller one may not. ``unsaid``: nothing was said to it."""
        super().__init__(why=why, mend=mend or LATER)


class Exchange(ABC):
    """A source of lists, spoken to by its own protocol. One object serves all threads: it keeps no state."""

    name: ClassVar[str]
    label: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    """What an operator sets. Fields of the type ``SecretStr`` are kept sealed. The form, its checks and the
    documentation are made from it: every field has a title and a description, marked with ``N_``."""
    terms: ClassVar[str]
    """Whom one asks for access, and under which terms, in a sentence."""
    interval: ClassVar[int] = 3600
    """Seconds between rounds, where the operator sets nothing else."""
    shortest, longest = 60, 86_400
    """Between these, in seconds, an operator may choose (NCMEC: 600 to 86,400)."""
    here: ClassVar[tuple[str, ...]] = ()
    """Options that name a place of this machine: not everybody who may follow a source may read what lies there."""
    votes: ClassVar[bool] = False
    """Whether the source takes votes."""
    pulls: ClassVar[bool] = True
    """Whether the source hands its list over. One that does not is asked, value by value: :meth:`look_up`."""
    signed: ClassVar[bool] = False
    """Whether each of its members signs what it says: it is believed about that unless an operator says otherwise, and
    a hub can pass it on unchanged (:meth:`mirror`).
    """
    one_label: ClassVar[bool] = False
    """Whether its label is that of all it gives, so that the one of the last round holds (:attr:`Page.tlp`); else the
    strictest that it ever gave does, until a round tells everything there is."""
    asks: ClassVar[tuple[str, ...]] = ()
    """Names of the signals whose values the source can be asked about; empty where it takes no questions."""

    def carry(self, config: BaseModel, path: Path, keep: Path, *, checkpoint: str) -> Iterator[Page]:
        """As :meth:`pull`, out of a file that somebody brought on a stick.

        Args:
            config: an instance of :attr:`Config`.
            path: the file.
            keep: a directory of this source that outlasts the round.
            checkpoint: as :meth:`pull`.

        Raises:
            SourceTrouble: the file is not what it should be, or this source comes in no files.
        """
        raise SourceTrouble(why=N_("it comes in no files"), permanent=True)

    @abstractmethod
    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """Read what changed since ``checkpoint`` (empty: everything), page by page, in constant memory.

        Args:
            config: an instance of :attr:`Config`.
            client: the guarded client; nothing else may speak to the network.
            checkpoint: as the last page of an earlier round gave it.
            resume: as a page of this round gave it, where the round was cut off; else empty.

        Raises:
            SourceTrouble: the source does not answer, refuses, answers what its protocol does not allow, or hands out
                no list at all (:attr:`pulls`).
        """

    def look_up(self, config: BaseModel, client: Client, *, signal: str, values: Iterable[str]) -> Iterator[Entry]:
        """Ask what the source knows of values, in as few questions as it allows and in constant memory.

        The source learns the values, and from whom they come: whoever calls this has decided that it may.

        Args:
            config: an instance of :attr:`Config`.
            client: the guarded client.
            signal: one of :attr:`asks`.
            values: canonical values of that signal.

        Yields:
            An entry for each value that is known, in the order asked, under the key ``signal:value``; with the note
            :data:`NEAR` for one that only resembles what is known; nothing for one that is not.

        Raises:
            SourceTrouble: as :meth:`pull`.
        """
        raise NotImplementedError

    def mirror(
        self,
        config: BaseModel,
        client: Client,
        *,
        organisation: str,
        to: Path | None = None,
        have: Collection[str] = (),
    ) -> Mirrored:
        """What a member signed, as it did.

        Args:
            config: an instance of :attr:`Config`.
            client: the guarded client.
            organisation: the member.
            to: a directory for the files, the same one again after a cut; None: none is fetched.
            have: SHA-256 of those that are not needed.

        Raises:
            SourceTrouble: as :meth:`pull`, or it has signed nothing.
        """
        raise NotImplementedError

    def vote(
        self, config: BaseModel, client: Client, *, key: str, signal: str, value: str, opinion: Opinion, reason: str
    ) -> Receipt:
        """Tell the source what we think of an entry. Doing it twice has the effect of doing it once.

        Raises:
            SourceTrouble: it was not taken.
        """
        raise NotImplementedError

    def check(self, config: BaseModel, client: Client) -> str:
        """Ask as little as shows that address and credentials are right; what answered, in words. Empty: no question.

        Raises:
            SourceTrouble: with what is wrong and how to mend it.
        """
        return ""
