"""Reading what HMA's clients send: as loosely as HMA does where that is harmless, and no more than a database holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import from_json

from himaya.accounts.keys import require_media_type
from himaya.core.errors import HimayaError
from himaya.core.wire import NO_NUL
from himaya.hma.door import BadAsk

if TYPE_CHECKING:
    from typing import TypeVar

    from django.http import HttpRequest

    T = TypeVar("T", bound=BaseModel)


class WrongShape(HimayaError):
    """{why}."""

    status = 422


LARGEST = 16 * 1024
"""Characters of a content's ``json``, written out."""
Name = Annotated[str, StringConstraints(max_length=1000)]
Ratio = Annotated[float, Field(ge=0, le=1), AllowInfNan(False)]
Note = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=255)]
Short = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=2000)]


class Loose(BaseModel):
    """A body of which what is not known is passed over, as HMA does."""

    model_config = ConfigDict(extra="ignore")


class BankAsked(Loose):
    """A new bank."""

    name: Name
    enabled_ratio: Ratio | None = None
    enabled: bool | None = None


class BankChange(Loose):
    """What is to change of a bank."""

    name: Name | None = None
    enabled_ratio: Ratio | None = None
    enabled: bool | None = None


class Metadata(BaseModel):
    """What a client knows of a content."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    content_id: Short | None = None
    content_uri: Short | None = None
    facts: Annotated[dict[str, Any] | None, Field(alias="json")] = None

    def given(self) -> dict[str, Any]:
        """What was given, by HMA's names.

        Raises:
            BadAsk: it is too large, or has a character that no database keeps.
        """
        found = self.model_dump(exclude_none=True, by_alias=True)
        text = json.dumps(found)
        if len(text) > LARGEST or "\\u0000" in text:
            raise BadAsk(why=f"metadata takes at most {LARGEST} characters, none of them NUL")
        return found


class ContentSaid(Loose):
    """What comes with a content whose file is named by an address."""

    metadata: Metadata | None = None
    note: Note | None = None


class ContentChange(Loose):
    """What is to change of a content."""

    disable_until_ts: int | None = None
    note: Note | None = None


class TypeChange(Loose):
    """Whether a signal type is on."""

    enabled_ratio: Ratio


class ExchangeAsked(Loose):
    """A new exchange."""

    bank: Name
    api: Name


def json_of(request: HttpRequest) -> Any:
    """The body.

    Raises:
        WrongMediaType, BadAsk: it does not say that it is JSON; it is none.
    """
    require_media_type(request, "application/json")
    return parsed(request.body)


def parsed(text: bytes | str) -> Any:
    """JSON, strictly: no NaN, and no half characters.

    Raises:
        BadAsk: it is none.
    """
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise BadAsk(why=f"The body is not JSON: {error}") from None


def read(request: HttpRequest, shape: type[T]) -> T:
    """The body as a shape.

    Raises:
        WrongMediaType, BadAsk: as :func:`json_of`.
        WrongShape: it is of another shape.
    """
    return _shaped(json_of(request), shape, WrongShape)


def shaped(body: Any, shape: type[T]) -> T:
    """A part of what was sent as a shape; HMA looks at such parts by itself and says 400.

    Raises:
        BadAsk: it is of another one.
    """
    return _shaped(body, shape, BadAsk)


def _shaped(body: Any, shape: type[T], error: type[HimayaError]) -> T:
    try:
        return shape.model_validate(body)
    except ValidationError as found:
        first = found.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise error(why=f"{where}: {first['msg']}" if where else first["msg"]) from None
