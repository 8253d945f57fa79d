"""The ports: what a plug-in of each kind declares and does.

A plug-in is one file in ``himaya/plugins/<kind>/`` (or an entry point of the group ``himaya.<kind>``) whose module
attribute ``PLUGIN`` is an instance of the port's class. It is handed frozen values, never a model row, and imports
nothing but ``himaya.core`` and libraries. Names are stored with the data: they never change.

=========  ====================  =======================================
kind       class                 what it is
=========  ====================  =======================================
signals    :class:`SignalType`   a way to fingerprint content
schemes    :class:`Scheme`       a published classification
channels   :class:`Channel`      a way to tell somebody outside
formats    :class:`Format`       a file format for lists
exchanges  ``core.exchange``     a source of lists elsewhere
intakes    ``core.intake``       a form in which evidence of others comes
filings    ``core.filing``       a body that takes reports in its own form
=========  ====================  =======================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, ClassVar, Literal, NamedTuple

from pydantic import Base64Bytes, BaseModel

from himaya.core.contents import Content
from himaya.core.documents import Document
from himaya.core.errors import BadSignal, HimayaError

Media = Literal["picture", "video", "any"]
"""What a signal can be computed from: decoded pictures, the frames of videos, or any bytes."""


# --- signals ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VideoTerms:
    """What an operator sets about videos."""

    seconds_per_frame: float = 1.0
    """Time between frames that are looked at."""
    key_frames: bool = False
    """Decode key frames alone: five to ten times faster, and a fifth to a half of the seconds are seen."""
    longest: float = 6 * 3600.0
    """Seconds of a video that are looked at."""
    max_bytes: int = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Options:
    """How content is to be fingerprinted, where the operator or the caller has a say. The defaults are canonical."""

    exact: bool = False
    """Decode pictures exactly, also where that is not needed to be near; slower."""
    orientations: bool = False
    """A picture is also looked for turned and mirrored."""
    letterbox: bool = False
    """A picture is also looked for without the bars at its edges."""
    video: VideoTerms = VideoTerms()
    """How videos are looked at."""
    only: tuple[str, ...] = ()
    """Names of the signals that are computed, where they apply; every one that is installed where empty."""


CANONICAL = Options()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A computed signal. ``value`` is canonical (as ``parse`` returns it); ``quality`` is 0 to 100 or None.

    ``variant`` says how the content was turned or cut before it was computed, joined by plus signs where it was both;
    empty for the canonical one. ``body`` is what a composite signal is compared by; ``lacks`` says in words what of the
    content it leaves out, where it does.
    """

    signal: str
    value: str
    quality: int | None = None
    variant: str = ""
    body: Base64Bytes = b""
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class SignalExample:
    """Benign bytes, made by code, and what the signal must say about them."""

    content: bytes
    value: str


class SignalType(ABC):
    """A way to fingerprint content, and to compare two fingerprints."""

    name: ClassVar[str]
    label: ClassVar[str]
    media: ClassVar[Media]
    bits: ClassVar[int]
    """Length of the value in bits."""
    radius: ClassVar[int]
    """Default greatest distance, in bits, at which two values count as the same content. 0: exact."""
    max_radius: ClassVar[int]
    """Greatest radius a list may set."""
    composite: ClassVar[bool] = False
    """True where a fingerprint has parts, its ``body``, by which it is compared; ``value`` is a digest of these."""

    @property
    def exact(self) -> bool:
        """True where only equal values match."""
        return self.max_radius == 0

    @abstractmethod
    def compute(self, content: Content, options: Options = CANONICAL) -> tuple[Fingerprint, ...]:
        """Fingerprint ``content``; the canonical fingerprint first, then variants, if any.

        ``options`` may ask for variants, and a signal for which they mean nothing passes them over.

        Raises:
            NotHashable: with the reason in words.
        """

    @abstractmethod
    def parse(self, text: str) -> str:
        """The canonical form of a value written by somebody else.

        Raises:
            BadSignal: with what is wrong with it.
        """

    def read(self, text: str) -> tuple[str, bytes]:
        """As :meth:`parse`, with the body; of a composite value alone, the body is empty: others may know it."""
        return self.parse(text), b""

    def write(self, value: str, body: bytes) -> str:
        """What :meth:`read` reads back, as others write it."""
        return value

    def guessed(self, text: str) -> bool:
        """Whether ``text``, of which nobody says what it is, may be a value of this signal."""
        try:
            self.parse(text)
        except BadSignal:
            return False
        return True

    @abstractmethod
    def distance(self, one: str, other: str) -> int:
        """Distance in bits between two canonical values; 0 means equal."""

    @abstractmethod
    def examples(self) -> tuple[SignalExample, ...]:
        """At least one example, drawn by code."""


# --- schemes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facets:
    """Where a code lies in the grid that all schemes share. An empty set means: the code does not say."""

    age: frozenset[str] = frozenset()
    act: frozenset[str] = frozenset()
    origin: frozenset[str] = frozenset()
    legality: str = "undecided"
    """``baseline``, ``national``, ``harmful``, ``not-illegal`` or ``undecided``."""


@dataclass(frozen=True, slots=True)
class Code:
    """One class of a scheme.

    ``confirms`` says whether a verdict with this code confirms that the content is material to act on. ``same_as``
    holds the codes of other schemes that this one takes over by name, ``part_of`` the one that it was merged into, each
    as ``scheme/code``; ``sure`` is how far its cells can be relied upon: high, medium or low.
    """

    code: str
    label: str
    definition: str
    confirms: bool
    facets: Facets = field(default_factory=Facets)
    same_as: tuple[str, ...] = ()
    part_of: str = ""
    sure: str = "medium"


class Scheme:
    """A published classification; usually nothing but its codes."""

    name: str
    label: str
    authority: str
    version: str
    source: str
    codes: tuple[Code, ...]
    reviewed: ClassVar[bool] = True
    """Whether people review by it; one by which others only tell us is offered where a list grades by it."""
    withdrawn: ClassVar[bool] = False
    """Whether it is only read, in what was classed by it before: nobody decides by it, and nothing is converted to it.
    """

    def get(self, code: str) -> Code | None:
        """The code of that name, or None."""
        return next((c for c in self.codes if c.code == code), None)


# --- channels --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """A composed document, ready to send. ``key`` is the document's: the same for every attempt."""

    key: str
    subject: str
    text: str
    data: str
    """The document as JSON, for readers that are machines."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side, or the medium, gave in return: proof that it took the message."""

    reference: str
    detail: str = ""


class NotSent(HimayaError):
    """It was not sent: {why}."""

    status = 502

    def __init__(self, *, why: str, permanent: bool = False) -> None:
        self.permanent = permanent
        """True where trying again cannot help."""
        super().__init__(why=why)


class MaybeSent(HimayaError):
    """It is not known whether it was sent: {why}."""

    remedy = "Ask the recipient whether the message with this key arrived, then mark it sent or send it again."
    status = 502


class OutOfReach(HimayaError):
    """{where} {trouble}."""

    remedy = "{mend}"
    status = 502


class Channel(ABC):
    """A way to tell somebody outside. One object serves all threads: it keeps no state."""

    name: ClassVar[str]
    label: ClassVar[str]
    audience: ClassVar[frozenset[Literal["authority", "host"]]]
    repeatable: ClassVar[bool]
    """True where sending the same message twice has the effect of sending it once."""
    Config: ClassVar[type[BaseModel]]
    """What an operator sets; forms, checks and documentation are made from it."""

    @abstractmethod
    def lane(self, config: BaseModel) -> str:
        """The destination: messages of one lane go one after the other and share a breaker."""

    @abstractmethod
    def compose(self, document: Document) -> Message:
        """Write the message. Deterministic: the same document gives the same message."""

    @abstractmethod
    def send(self, message: Message, config: BaseModel) -> Receipt:
        """Hand the message over. May block, within the channel's own time limit.

        Raises:
            NotSent: it certainly did not leave; trying again is safe.
            MaybeSent: it may have left; a person must find out, unless the channel is ``repeatable``.
        """

    def reach(self, config: BaseModel) -> str:
        """Go as far as one can without sending anything; what answered. Empty: there is nothing to try.

        Raises:
            OutOfReach: with what is wrong and how to mend it.
        """
        return ""


# --- formats ---------------------------------------------------------------------------------------------------------


class ItemRow(NamedTuple):
    """One item of a list as a file states it. ``line`` counts from 1 in the file (0: not from a file); of a format that
    is not made of lines, it is the one on which the entry begins. What comes after ``negative`` is given by its name.
    """

    line: int
    signal: str
    value: str
    scheme: str = ""
    code: str = ""
    source: str = ""
    reference: str = ""
    """The source's own key for the item."""
    note: str = ""
    negative: bool = False
    """Known to be benign: it keeps what is near it from being a match. A format without a place for this leaves such
    rows out, so that nobody takes them for the contrary."""
    organisation: str = ""
    """Which member of the source says so, and under whose law (``core.statements``); empty: the source itself."""
    jurisdiction: str = ""
    basis: str = ""
    """The legal basis (``core.statements.BASES``); empty: as whoever imports it says."""
    at: datetime | None = None
    """When it was said, and until when it counts; None: now, and until it is taken back."""
    until: datetime | None = None
    body: bytes = b""
    """Of a composite signal, once it is parsed; in a file it stands in ``value``."""
    marks: tuple[tuple[str, str], ...] = ()
    """What investigators say besides: kinds and values of ``core.intake.offered``. It is kept only where the operator
    lets it be, and written into no file."""
    tells_class: bool = True
    """Whether whoever says so speaks of classes at all: a file without columns for them says nothing by that."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that cannot be taken, and why. ``excerpt`` shows at most 80 characters of it."""

    line: int
    why: str
    excerpt: str = ""


class Format(ABC):
    """A file format for lists. Reads and writes in constant memory."""

    name: ClassVar[str]
    label: ClassVar[str]
    accepts: ClassVar[tuple[str, ...]]
    """File name endings, with the dot."""
    media_type: ClassVar[str]
    carries: ClassVar[tuple[str, ...]] = ()
    """The signals that it has a place for, where it has not one for every signal: rows of others are left out."""

    def recognises(self, head: bytes) -> bool:
        """Whether a file that begins with ``head`` (some thousand bytes) is of this format without doubt."""
        return False

    @abstractmethod
    def read(self, stream: BinaryIO) -> Iterator[ItemRow | Refusal]:
        """Read rows as they come, values as they stand in the file: whoever imports them parses them.

        ``signal`` is empty where the file does not name it. A defect of a line is a :class:`Refusal` and reading
        goes on; a defect of the whole file is an error. A generator may return how far what it read may be handed on:
        the strictest label in the file (``core.labels``).

        Raises:
            BadListFile: the file as a whole is not of this format.
        """

    @abstractmethod
    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """Write rows, in the order given; ``read`` of the result gives them back."""


class BadListFile(HimayaError):
    """The file is not a {format} list: {why}."""

    status = 422


class EmptyListFile(BadListFile):
    """The file is empty: no list is in it."""

    remedy = "Look whether it was written whole, and take the file that was meant."
