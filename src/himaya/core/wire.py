"""What programs may send and are told: the shared shapes of the API. Free of Django.

A model's own limits do not protect an API: a NUL in a text, a text that is too long or a number past 64 bits would
only be refused by the database, as a server error. So every field of a request is one of the types below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationInfo, field_validator

from himaya.core import registry
from himaya.core.frames import LONGEST

NO_NUL = r"^[^\x00]*$"
SHORT = 200
"""Characters of a value that is not composite."""
Text = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=4000)]
"""Any text that every database can hold: no NUL; a lone surrogate is refused as not being text."""
ShortText = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=120)]
Value = Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=200)]
"""A fingerprint as somebody wrote it; its signal's plug-in says whether it is one."""
SignalValue = Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=LONGEST)]
"""As :data:`Value`, of any signal: that of a composite one may be long, others are refused beyond 200 characters."""
ListName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
PluginName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]
Id = Annotated[int, Ge(1), Le(2**63 - 1)]
Limit = Annotated[int, Ge(1), Le(500)]
Cursor = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_-]{16})?$")]
AnyListName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9-]*)?$", max_length=60)]
AnyPluginName = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9-]*)?$", max_length=40)]
AnyValue = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=200)]
"""In a filter, the empty text does not narrow."""
YesNo = Literal["true", "false"]


class Asked(BaseModel):
    """A request: every field named, typed and known, or it is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SignalAsked(Asked):
    """A fingerprint; of a video (signal ``vpdq``) the value is its frames as JSON, or the digest of known ones."""

    signal: PluginName
    value: SignalValue

    @field_validator("value")
    @classmethod
    def _short(cls, value: str, info: ValidationInfo) -> str:
        if len(value) > SHORT:
            kind = registry.signals().get(info.data.get("signal", ""))
            if not (kind and kind.composite):
                raise ValueError(f"at most {SHORT} characters are taken")
        return value


class Told(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class OverlapTold(Told):
    """How a video matches: by which rule (``whole``: vPDQ's shares; ``clip``: what is listed is found within), which
    share of the upload's and of the listed frames matches, in per cent, and where in the upload, in seconds.
    """

    rule: str
    query: float
    listed: float
    start: float
    end: float


def overlap_told(overlap: Mapping[str, Any] | None) -> OverlapTold | None:
    """A stored overlap for programs; None for None."""
    return OverlapTold(**{name: overlap[name] for name in OverlapTold.model_fields}) if overlap else None


class Flaw(Told):
    """One thing that is wrong with a request."""

    where: str
    """The place, as a path into the request: ``body.items[3].value``, ``query.limit``, ``line 12``."""
    why: str


class Problem(Told):
    """An error (RFC 9457). ``type`` names it for machines; ``detail`` and ``remedy`` are for people."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str | None = None
    errors: list[Flaw] | None = None
    error_id: str | None = None
    """Under which the operator finds it in the log."""


PARAMETERS = {
    "limit": "Rows in one answer.",
    "cursor": "The `next_cursor` of the answer before; empty for the beginning.",
    "value": "Only this fingerprint, as anybody writes it.",
    "signal": "The name of a signal; see `/signals`.",
    "accept_good": "Import the lines that can be taken although others are refused.",
    "list": "Only those of the list of this name.",
    "format": "The name of a file format: `csv`, `hashes`.",
}
"""What parameters mean, the same wherever they occur."""
WORDS: dict[int, str] = {
    400: "The request cannot be read.",
    401: "No valid key was given.",
    403: "The key does not have the scope that this needs.",
    404: "There is no such thing here.",
    409: "Another request, or the present state, stands against it.",
    410: "It was here, and is gone for good.",
    411: "The length of the body must be announced (Content-Length).",
    413: "The request, or a file in it, is larger than this node takes.",
    415: "The body is of a kind that is not read here.",
    422: "Something in the request is not as it must be; `errors` says what, where it can.",
    429: "So much was asked for already; the answer says of what, and when more can be.",
    500: "Something is broken here; the operator finds it in the log.",
    502: "Somebody whom this node had to ask does not answer, or not as it should.",
    503: "The database does not answer; try again after Retry-After seconds.",
}
"""Every status that an error can have, and what it means."""
_EVERY = (401, 403, 422, 500, 503)
_BODY = (400, 411, 413, 415)


def problems(*statuses: int, body: bool = False) -> dict[int, type[Problem]]:
    """The error answers of an operation, for its declaration: those of all operations, of bodies, and ``statuses``."""
    return dict.fromkeys(sorted({*_EVERY, *(_BODY if body else ()), *statuses}), Problem)


def inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model with its definitions written out where they are used."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def written_out(node: Any) -> Any:
        if isinstance(node, dict) and "$ref" in node:
            return written_out(definitions[node["$ref"].rpartition("/")[2]])
        if isinstance(node, dict):
            return {key: written_out(part) for key, part in node.items()}
        return [written_out(part) for part in node] if isinstance(node, list) else node

    return written_out(schema)  # type: ignore[no-any-return]
