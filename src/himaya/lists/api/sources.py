"""What programs send about sources and subscriptions, and are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from himaya.core.statements import UNSTATED
from himaya.core.wire import NO_NUL, AnyPluginName, AnyValue, Asked, ListName, PluginName, Told
from himaya.core.words import unpacked
from himaya.lists.api.shapes import Refused

Names = list[str]
OptionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
OptionText = Annotated[str, Field(pattern=NO_NUL, max_length=200_000)]
Option = OptionText | Annotated[int, Field(ge=-(2**63), lt=2**63)] | bool | list[OptionText] | None
Options = Annotated[dict[OptionName, Option], Field(max_length=60)]
Basis = Literal["baseline", "national", "harmful", "person-shown", "unstated"]
Interval = Annotated[int, Field(ge=60, le=86_400)]


# --- what is asked ---------------------------------------------------------------------------------------------------


class SubscriptionAsked(Asked):
    """A source to follow. ``options``: what it needs (``/sources``), secrets included; ``interval``: seconds between
    rounds; ``members``: it is believed about which of its members says what, by default where each of them signs it.
    """

    name: ListName
    list: ListName
    exchange: PluginName
    options: Options
    organisation: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9.-]*)?$", max_length=60)] = ""
    jurisdiction: Annotated[str, Field(pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?$", max_length=6)] = ""
    basis: Basis = UNSTATED  # type: ignore[assignment]
    interval: Interval | None = None
    members: bool | None = None


class SubscriptionChange(Asked):
    """What is to change; at least one thing. ``asking``: its source may be asked about hashes, and learns each of them;
    ``daily``: about how many a day.
    """

    model_config = {"json_schema_extra": {"minProperties": 1}}

    enabled: bool | None = None
    interval: Interval | None = None
    basis: Basis | None = None
    members: bool | None = None
    options: Options | None = None
    asking: bool | None = None
    daily: Annotated[int, Field(ge=1, le=100_000)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give something to change")
        return self


class QuestionAsked(Asked):
    """Hashes that a source is asked about, which learns them. ``signal``: needed where it takes several; ``anew``: also
    what was answered within a week; ``take``: what it knows comes onto the list of the subscription, with
    ``near`` also what only resembles something that it knows.
    """

    values: Annotated[list[AnyValue], Field(min_length=1, max_length=100)]
    signal: AnyPluginName = ""
    anew: bool = False
    take: bool = False
    near: bool = False


# --- what is told ----------------------------------------------------------------------------------------------------


class SourceTold(Told):
    """A connector. ``options``: JSON Schema of what it needs; ``secrets``: those of them that are never told;
    ``interval``, ``shortest`` and ``longest`` in seconds; ``asks``: signals whose values it can be asked about.
    """

    name: str
    label: str
    terms: str
    pulls: bool
    votes: bool
    asks: list[str]
    interval: int
    shortest: int
    longest: int
    secrets: list[str]
    options: dict[str, Any]


class SourcesTold(Told):
    """The connectors that this node knows."""

    sources: list[SourceTold]


class TroubleTold(Told):
    """What failed, what to do, and a name of it for machines."""

    what: str
    remedy: str
    code: str


class LastRound(Told):
    """What the last round brought. ``entries`` are things that the source told of; the counts after it are of items.
    ``asked``, ``answered``, ``known``: of a source that is asked instead, hashes that went out, hashes whose answer was
    there, and those that it knows. ``caught``: items like a picture drawn to be benign. ``unread``: kinds of
    fingerprints that nothing here reads.
    """

    asked: int = 0
    answered: int = 0
    known: int = 0
    pages: int = 0
    entries: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    retracted: int = 0
    kept_withdrawn: int = 0
    refused: int = 0
    caught: int = 0
    unread: dict[str, int] = {}
    refusals: list[Refused] = []

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> LastRound:
        """From what is stored."""
        first = [Refused(row=one["line"], why=str(unpacked(one["why"]))) for one in told.get("first", ())]
        return cls(**{key: value for key, value in told.items() if key in cls.model_fields}, refusals=first)


class SubscriptionTold(Told):
    """A subscription without its secrets, which ``secrets`` names. ``state``: ``fine``, ``new``, ``paused``, ``late``,
    ``failing``; where the source brings no list: ``closed``, ``open``, ``answering``, ``paused``, ``failing``. ``lag``:
    seconds since a round was applied last, or a question answered; ``waiting``: pages of a round that is on its way;
    ``asking``: its source may be asked about hashes, ``daily`` of them a day; ``seconded``: two people set it so, else
    it does not count beside other organisations.
    """

    name: str
    list: str
    exchange: str
    organisation: str
    basis: str
    interval: int
    enabled: bool
    private: bool
    members: bool
    seconded: bool
    asking: bool
    daily: int
    options: dict[str, Any]
    secrets: Names
    state: str
    reading: bool
    waiting: int
    lag: int | None
    rounds: int
    due_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    failures: int
    tlp: str
    failed_at: datetime | None
    trouble: TroubleTold | None
    last: LastRound | None
    created_at: datetime
    created_by: str


class SourceAnswerTold(Told):
    """What a source says about a hash: whether it is ``known``, and then its class in a ``scheme``; ``note``: how it
    was found; ``organisation``: who says so.
    """

    signal: str
    value: str
    known: bool
    scheme: str
    code: str
    note: str
    at: datetime
    organisation: str


class AnswersTold(Told):
    """The answers in the order asked, each hash once. ``asked`` of them went out. ``brought``: what came onto the list,
    where that was asked for.
    """

    answers: list[SourceAnswerTold]
    asked: int
    brought: LastRound | None


class SubscriptionsTold(Told):
    """Some subscriptions, in the order in which they were made."""

    subscriptions: list[SubscriptionTold]
    next_cursor: str | None
