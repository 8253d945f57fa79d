"""What programs send about lists, and are told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from himaya.core.wire import NO_NUL, AnyPluginName, Asked, ListName, ShortText, SignalAsked, Told
from himaya.lists.services import MAX_RADIUS

Radius = Annotated[int, Field(ge=0, le=MAX_RADIUS)]
Number = Annotated[int, Field(ge=1, le=9)]
Tlp = Literal["clear", "green", "amber", "amber+strict", "red"]
Reason = Annotated[str, Field(pattern=r"^[^\x00]*\S[^\x00]*$", min_length=1, max_length=500)]


# --- what is asked ---------------------------------------------------------------------------------------------------


class ListAsked(Asked):
    """A new list."""

    name: ListName
    title: ShortText = ""
    source: ShortText = ""
    radius: Radius = 31


class ListChange(Asked):
    """What is to change; at least one of these. Under another rule (``organisations`` of so many ``jurisdictions`` have
    to vouch, so many ``disputes`` make disputed) every item there is is judged anew.
    """

    model_config = {"json_schema_extra": {"minProperties": 1}}

    title: Annotated[str, Field(pattern=r"^[^\x00]*\S[^\x00]*$", min_length=1, max_length=120)] | None = None
    enabled: bool | None = None
    radius: Radius | None = None
    organisations: Number | None = None
    jurisdictions: Number | None = None
    disputes: Number | None = None
    tlp: Tlp | None = None
    common: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"give at least one of {', '.join(type(self).model_fields)}")
        return self


class RowAsked(SignalAsked):
    """An item to add; of a video (``vpdq``) ``value`` is its frames as JSON. ``scheme`` and ``code`` go together; an
    empty ``source`` is the list's.
    """

    scheme: AnyPluginName = ""
    code: Annotated[str, Field(pattern=NO_NUL, max_length=40)] = ""
    source: ShortText = ""
    reference: ShortText = ""
    note: Annotated[str, Field(pattern=NO_NUL, max_length=500)] = ""


class RowsAsked(Asked):
    """Up to 1,000 items to add: all or none of them, unless ``accept_good`` asks for those that can be taken."""

    items: Annotated[list[RowAsked], Field(min_length=1, max_length=1000)]
    accept_good: bool = False


class ItemChange(Asked):
    """An item's new state, and why."""

    state: Literal["active", "disputed", "withdrawn"]
    reason: Reason


# --- what is told ----------------------------------------------------------------------------------------------------


class ListTold(Told):
    """A list, its terms, and how many of its items are in each state; ``negative`` ones, known to be benign, stand
    apart. So many ``organisations`` of so many ``jurisdictions`` have to vouch for an item before it matches, and so
    many votes against it (``disputes``) make it disputed. ``tlp``: how far the list may be handed on. What changes a
    ``common`` list needs a second person.
    """

    name: str
    title: str
    source: str
    radius: int
    enabled: bool
    organisations: int
    jurisdictions: int
    disputes: int
    tlp: str
    common: bool
    active: int
    disputed: int
    proposed: int
    expired: int
    withdrawn: int
    negative: int
    created_at: datetime
    created_by: str
    changed_at: datetime | None


class Lists(Told):
    """Some lists, in the order in which they were made."""

    lists: list[ListTold]
    next_cursor: str | None


class ItemTold(Told):
    """An item, who says so, and its class in a published scheme. ``negative``: known to be benign. ``agreement``: how
    many organisations vouch for it (9: or more); ``organisation`` the first of them; ``until``: when its state is
    looked at again, because somebody's word ceases to count.
    """

    id: int
    list: str
    signal: str
    value: str
    negative: bool
    state: str
    organisation: str
    agreement: int
    until: datetime | None
    reason: str
    scheme: str
    code: str
    source: str
    reference: str
    note: str
    added_by: str
    added_at: datetime
    changed_at: datetime


class Items(Told):
    """Some items of a list, in the order in which they came."""

    items: list[ItemTold]
    next_cursor: str | None


class StatementTold(Told):
    """What an organisation said about an item. ``basis``: the legal basis it names; ``key``: its own for the item;
    ``subscription``: by which it came, else empty; ``tlp``: the label of what that gives; ``by``: who or what
    brought it.
    """

    id: int
    organisation: str
    jurisdiction: str
    act: str
    scheme: str
    code: str
    basis: str
    at: datetime
    until: datetime | None
    key: str
    reason: str
    subscription: str
    tlp: str
    by: str


class Statements(Told):
    """Some of what was said about an item, the newest first."""

    statements: list[StatementTold]
    next_cursor: str | None


class ProposalTold(Told):
    """What waits for a second person, or was decided. ``state`` is ``waiting``, ``approved`` (a worker does it),
    ``done``, ``refused`` or ``failed``; ``why`` says why. ``arguments`` are those of the act; ``sha256``
    and ``size`` (bytes) those of a file to import.
    """

    id: int
    list: str
    act: str
    arguments: dict[str, Any]
    sha256: str
    size: int
    by: str
    at: datetime
    reason: str
    state: str
    decided_by: str
    decided_at: datetime | None
    why: str


class Proposals(Told):
    """Some proposals, the newest first."""

    proposals: list[ProposalTold]
    next_cursor: str | None


class Refused(Told):
    """A row that was not taken, and why."""

    row: int
    why: str


class Imported(Told):
    """What an import did. ``kept_withdrawn`` rows are withdrawn here and stay so; ``refusals``: the first 1,000."""

    rows: int
    added: int
    changed: int
    unchanged: int
    kept_withdrawn: int
    refused: int
    refusals: list[Refused]
