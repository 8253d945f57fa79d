"""What programs send about lists, and are told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from himaya.core.wire import NO_NUL, AnyPluginName, Asked, ListName, ShortText, SignalAsked, Told
from himaya.lists.services import MAX_RADIUS

Radius = Annotated[int, Field(ge=0, le=MAX_RADIUS)]


# --- what is asked ---------------------------------------------------------------------------------------------------


class ListAsked(Asked):
    """A new list."""

    name: ListName
    title: ShortText = ""
    source: ShortText = ""
    radius: Radius = 31


class ListChange(Asked):
    """What is to change; at least one of the two."""

    model_config = {"json_schema_extra": {"minProperties": 1}}

    enabled: bool | None = None
    radius: Radius | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give enabled or radius, or both")
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
    reason: Annotated[str, Field(pattern=r"^[^\x00]*\S[^\x00]*$", min_length=1, max_length=500)]


# --- what is told ----------------------------------------------------------------------------------------------------


class ListTold(Told):
    """A list, and how many of its items are in each state; ``negative`` ones, known to be benign, stand apart."""

    name: str
    title: str
    source: str
    radius: int
    enabled: bool
    active: int
    disputed: int
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
    """An item, who says so, and its class in a published scheme. ``negative``: known to be benign."""

    id: int
    list: str
    signal: str
    value: str
    negative: bool
    state: str
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
