"""What programs send to be screened, and are told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from himaya.core.wire import Asked, ListName, OverlapTold, SignalAsked, Text, Told, YesNo

# --- what is asked ---------------------------------------------------------------------------------------------------


class ItemAsked(SignalAsked):
    """A fingerprint that was computed elsewhere; of a video (``vpdq``) its frames as JSON."""

    place: Text = ""


class ScreenAsked(Asked):
    """Up to 1,000 fingerprints (the operator may set another number)."""

    items: Annotated[list[ItemAsked], Field(min_length=1, max_length=10_000)]
    # Made anew, and not copied deeply from a default, which costs as much as to read the rest.
    lists: Annotated[list[ListName], Field(max_length=100, default_factory=list, json_schema_extra={"default": []})]
    open_cases: bool = True


class FormAsked(Asked):
    """The fields that go with files: in which lists to look, and where the files were met (once, or once for each).

    ``orientations`` looks for pictures turned and mirrored, too; ``letterbox`` for those within bars. Where they are
    left out, the node's settings hold.
    """

    lists: Annotated[list[ListName], Field(max_length=100)] = []
    place: list[Text] = []
    open_cases: Annotated[list[YesNo], Field(max_length=1)] = []
    orientations: Annotated[list[YesNo], Field(max_length=1)] = []
    letterbox: Annotated[list[YesNo], Field(max_length=1)] = []


# --- what is told ----------------------------------------------------------------------------------------------------


class Class(Told):
    """A class of a published scheme."""

    scheme: str
    code: str


class Provenance(Told):
    """Who says so: the source, who put it on the list here and when, the source's own reference."""

    source: str
    added_by: str
    added_at: datetime
    reference: str


class MatchTold(Told):
    """An item of a list that matched. Bits: ``distance``, and ``radius``, the most that the list allows (exact: 0).

    ``variant`` says how the content was turned before it matched. A ``quarantined`` item suddenly matched too much:
    what is like it, and not equal, opens no case until a person has looked at it. Nor does what matches items in the
    ``state`` disputed alone.
    """

    model_config: ClassVar[Any] = {"populate_by_name": True}

    list: str
    item: int
    signal: str
    value: str
    distance: int
    radius: int
    variant: str
    overlap: OverlapTold | None
    state: str
    quarantined: bool
    classed: Annotated[Class | None, Field(alias="class")]
    provenance: Provenance


class FingerprintTold(Told):
    """A fingerprint; ``quality`` 0 to 100 where the signal has one."""

    signal: str
    value: str
    quality: int | None


class Hindrance(Told):
    """A signal that could not be computed, and why, in words."""

    signal: str
    why: str


class SkippedTold(Told):
    """Why a file was not screened at all."""

    reason: str
    detail: str


class CaseTold(Told):
    """The case that a hit was put in."""

    id: int
    reference: str


class AnswerTold(Told):
    """What is known about one thing that was sent. ``suppressed``: items that would match, were the content not nearer
    to what their list knows to be benign; no case is opened for them. ``exhibit``: what is kept of it, as a rule says.
    """

    place: str
    matches: list[MatchTold]
    suppressed: list[MatchTold]
    fingerprints: list[FingerprintTold]
    problems: list[Hindrance]
    skipped: SkippedTold | None
    media_type: str
    size: int | None
    case: CaseTold | None
    exhibit: str | None


class Screened(Told):
    """One answer for each thing, in the order in which they were sent."""

    hits: int
    answers: list[AnswerTold]


class ScanTold(Told):
    """A walk through folders, begun at the command line."""

    id: int
    state: str
    roots: list[str]
    lists: list[str]
    counts: dict[str, int | dict[str, int]]
    started_at: datetime
    updated_at: datetime
    by: str


class Scans(Told):
    """Some scans, newest first."""

    scans: list[ScanTold]
    next_cursor: str | None
