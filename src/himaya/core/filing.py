"""Filing: reports to bodies whose other side has a form of its own, and takes a report in several steps.

A report begins as a :class:`Draft`: values under the other side's own field names, filled as far as the case tells,
completed by a person, checked. Then it is filed step by step. Whoever drives the steps (``reporting``) writes each
step's answer down before it takes the next one; after a crash it knows which step may have been taken, and asks the
channel to find out. So a report is there once, or it is *unknown* and a person is told what to look for.

A channel keeps no state and touches no database: it is handed the draft, the answers so far, its Config and the files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, ClassVar, Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel

from himaya.core.documents import Document
from himaya.core.errors import HimayaError
from himaya.core.particulars import Particulars

Kind = Literal["text", "long", "choice", "flag", "moment", "number", "group"]
Values = Mapping[str, Any]
"""JSON under names of fields: text, number, boolean; of a group a mapping; of what may stand several times a list."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of the other side, as it goes over the wire, and how our pages call it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of the other side's form. A name that begins with ``@`` is an attribute.

    ``why`` says in words what the field is for and what is lost where it is left out; ``suggested`` marks the few
    that a person should look at first, required or not.
    """

    name: str
    label: str
    kind: Kind
    required: bool = False
    many: bool = False
    longest: int = 0
    choices: tuple[Choice, ...] = ()
    fields: tuple[FormField, ...] = ()
    one_of: bool = False
    """Of a group: exactly one of its fields is filled."""
    why: str = ""
    suggested: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What a report states, and what is stated of each file that goes with it."""

    report: FormField
    file: FormField | None = None
    """None: files cannot go with it."""


@dataclass(frozen=True, slots=True)
class DraftFile:
    """A file that is to go with a report, or of which it is only told (``sent`` False). ``key`` names it for good."""

    key: str
    sha256: str
    size: int
    media_type: str
    values: Values
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    """A report that is not filed yet. ``key`` identifies it for ever: every attempt carries the same."""

    key: str
    values: Values
    files: tuple[DraftFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing or wrong. ``path`` is names joined by ``/``, places in lists as numbers, from ``report`` or
    ``file:KEY``; ``blocks`` says whether the other side would refuse it.
    """

    path: str
    why: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a form is filled from."""

    document: Document
    particulars: Particulars = field(default_factory=Particulars)
    files: tuple[DraftFile, ...] = ()
    """What is kept of the case and may go with it; ``values`` is empty."""
    earlier: tuple[str, ...] = ()
    """Receipts of reports of this node that it follows up."""


class Files(Protocol):
    """Where the bytes of a file come from; each call reads it from the start, verified, and is on record."""

    def open(self, key: str) -> BinaryIO:
        """The bytes of the file of that key."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """All that a channel is handed for a step. ``done`` maps the steps taken so far, in order, to their answers."""

    draft: Draft
    done: Mapping[str, Values]
    config: BaseModel
    files: Files
    at: datetime
    """Now, by the node's clock."""
    signer: Callable[[], Ed25519PrivateKey] | None = field(default=None, repr=False)
    """Gives the node's key of custody, for channels that sign what they send."""
    translate: Callable[[str, str], str] = lambda _, text: text
    """A text of ours in a language: its code (``ar``), the English text."""


@dataclass(frozen=True, slots=True)
class FoundOut:
    """What became of a step whose answer was lost.

    ``taken``: it was, ``answer`` is what it would have answered. ``not-taken``: it was not; taking it is safe.
    ``begin-again``: what was begun is gone, and nothing of it counts: all steps are taken anew. ``unknown``: a person
    must look; ``ask`` says for what, and where.
    """

    what: Literal["taken", "not-taken", "begin-again", "unknown"]
    answer: Values = field(default_factory=dict)
    ask: str = ""


@dataclass(frozen=True, slots=True)
class Filed:
    """How the other side has a report: for the daily comparison. ``there`` None: it cannot be asked."""

    there: bool | None
    detail: str = ""


class FilingChannel(ABC):
    """A body that takes reports in its own form, in steps. One object serves all threads."""

    name: ClassVar[str]
    label: ClassVar[str]
    authority: ClassVar[str]
    """Who it is, as the reference names it."""
    takes_files: ClassVar[bool]
    Config: ClassVar[type[BaseModel]]

    @abstractmethod
    def lane(self, config: BaseModel) -> str:
        """The destination: reports of one lane go one after the other and share a breaker."""

    def addressee(self, config: BaseModel) -> str:
        """Who gets the reports of a route; what goes with them is handed to that body, says their custody."""
        return self.authority

    @abstractmethod
    def form(self, config: BaseModel) -> Form:
        """The other side's form."""

    @abstractmethod
    def fill(self, grounds: Grounds, config: BaseModel) -> Draft:
        """A draft as far as what is known goes; what is not known is left out, never guessed. Deterministic."""

    @abstractmethod
    def check(self, draft: Draft, config: BaseModel) -> tuple[Gap, ...]:
        """Everything that is missing or wrong, the blocking first; empty: it can be filed."""

    @abstractmethod
    def steps(self, draft: Draft) -> Sequence[str]:
        """The steps in order, by names that are stored (``open``, ``upload:exhibit-12``, ..., ``finish``)."""

    @abstractmethod
    def take(self, step: str, attempt: Attempt) -> Values:
        """Take a step; its answer, in JSON, which is written down before the next one.

        Raises:
            NotSent: it certainly was not taken; again is safe (``permanent``: again cannot help).
            MaybeSent: it may have been; :meth:`find_out` is asked before anything else.
            BeginAgain: what earlier steps began is gone.
        """

    @abstractmethod
    def find_out(self, step: str, attempt: Attempt) -> FoundOut:
        """What became of a step whose answer was lost (the process died, or the line).

        Raises:
            NotSent, MaybeSent: the other side could not be asked; later it may be.
        """

    @abstractmethod
    def receipt(self, done: Mapping[str, Values]) -> str:
        """The other side's number for a filed report; of one that is only begun, as far as it has one."""

    def stays(self, step: str) -> bool:
        """Whether what a taken step left there stays: nothing takes it back, and were it taken anew, it would be there
        twice. A channel that retracts, or a step that only prepares, says no.
        """
        return True

    def retract(self, attempt: Attempt) -> Values | None:
        """Take back what is not finished, where the other side lets one; None: it does not.

        Raises:
            NotSent, MaybeSent: as :meth:`take`.
        """
        return None

    def ask(self, receipt: str, attempt: Attempt) -> Filed:
        """Whether the other side has a filed report."""
        return Filed(None)

    def expires(self, done: Mapping[str, Values], began: datetime, last: datetime) -> datetime | None:
        """When an unfinished report is deleted by the other side; None: never, or not known."""
        return None


class BeginAgain(HimayaError):
    """What was begun at the other side is gone: {why}."""

    status = 502
