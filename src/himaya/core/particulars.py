"""Particulars: what a service knows of an incident and this node does not, in one neutral form.

A platform posts them with a case, or a person types them. Channels fill their own forms from them; nothing here is a
field of one authority. Times are aware; texts are stripped; lengths are those of the widest form known (CyberTipline,
2025).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=3000)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2083)]


def _written(given: object) -> object:
    """A moment is written out: a number is none, nor a text that is one."""
    if isinstance(given, int | float) or (isinstance(given, str) and "-" not in given[1:]):
        raise ValueError("a time is written as 2026-11-29T14:30:00Z")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
MOST = 50
"""Of accounts, addresses and the like in one place."""
MOST_FILES = 10_000


class _Stated(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Connection(_Stated):
    """An address of the internet as the service saw it."""

    address: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f.:]{2,45}$")]
    at: Moment | None = None
    what: Line = ""
    """``login``, ``registration``, ``upload``, ``purchase``, ``other``, ``unknown``, or the service's own word."""
    proxy: StrictBool | None = None
    port: int | None = Field(None, ge=1, le=65535, strict=True)


class Device(_Stated):
    """A device by a number of its own: ``kind`` says which number it is (IMEI, IDFA, ...)."""

    kind: Line
    value: Address


class Account(_Stated):
    """Somebody as a service knows them. ``id`` is the service's own and does not change."""

    role: Literal["reported", "recipient", "victim"]
    id: Line
    service: Line = ""
    screen_names: tuple[Line, ...] = Field((), max_length=MOST)
    display_names: tuple[Line, ...] = Field((), max_length=MOST)
    first_name: Line = ""
    last_name: Line = ""
    emails: tuple[Line, ...] = Field((), max_length=MOST)
    phones: tuple[Line, ...] = Field((), max_length=MOST)
    profile_url: Address = ""
    age: int | None = Field(None, ge=0, le=150, strict=True)
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")] = ""
    """Where the service takes the person to be: ISO 3166-1 alpha-2."""
    connections: tuple[Connection, ...] = Field((), max_length=MOST)
    devices: tuple[Device, ...] = Field((), max_length=MOST)
    note: Text = ""


class Venue(_Stated):
    """Where it happened."""

    kind: Literal["web", "email", "chat", "game", "newsgroup", "peer-to-peer", "phone", "offline"]
    url: Address = ""
    name: Line = ""
    """Of the service, the game, the room or the newsgroup."""
    note: Text = ""


class UploadedFile(_Stated):
    """A file of the incident. ``sha256`` (64 hex) ties it to the case's content and to its exhibit."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    name: Address = ""
    """As its owner named it."""
    uploaded_at: Moment | None = None
    url: Address = ""
    viewed: StrictBool | None = None
    """A person of the service looked at the whole file. Never true for a match alone: courts ask."""
    exif_viewed: StrictBool = False
    public: StrictBool | None = None
    """Whether anybody could see it; None: not known."""
    connection: Connection | None = None
    """From where it was uploaded."""
    devices: tuple[Device, ...] = Field((), max_length=MOST)
    marks: tuple[Line, ...] = Field((), max_length=20)
    """What was noted of it: ``generated``, ``meme``, ``viral``, ``live-stream``, ``self-generated``, ``infant``, ..."""
    note: Text = ""


class Particulars(_Stated):
    """Everything a service states of one incident."""

    happened_at: Moment | None = None
    happened_note: Text = ""
    accounts: tuple[Account, ...] = Field((), max_length=500)
    venues: tuple[Venue, ...] = Field((), max_length=MOST)
    files: tuple[UploadedFile, ...] = Field((), max_length=MOST_FILES)
    earlier: tuple[Line, ...] = Field((), max_length=MOST)
    """Numbers of earlier reports to the same authority that belong to this one."""
    urgent: Text = ""
    """Why somebody should look at once; empty: nothing is urgent. Words, not a flag."""
    note: Text = ""
