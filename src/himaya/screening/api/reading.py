"""Reads a request to screen: fingerprints as JSON, or files as a form, at one address."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.errors import ValidationError as BadRequest
from pydantic import ValidationError

from himaya.accounts.idempotency import digest
from himaya.accounts.keys import require_media_type
from himaya.core import registry
from himaya.core.config import config
from himaya.core.errors import BadSignal, Flawed, UnknownPlugin
from himaya.core.ports import Options
from himaya.core.wire import inlined
from himaya.screening import services
from himaya.screening.api.shapes import FormAsked, ScreenAsked
from himaya.screening.options import chosen

JSON, FORM = "application/json", "multipart/form-data"
Things = Sequence[services.Content | services.Value]


class BadItems(Flawed):
    """{bad} of {given} items cannot be read; nothing was screened."""

    remedy = "Correct the items named here, or leave them out."


@dataclass(frozen=True, slots=True)
class Order:
    """A request, read: what to screen, where to look, whether cases are wanted, and a digest of all that."""

    things: Things
    lists: list[str]
    open_cases: bool
    digest: str
    options: Options | None = None


FILES = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "format": "binary"},
    "description": "One part for each file, all named `files`, each with a file name.",
}
_form = inlined(FormAsked)
for _name in ("open_cases", "orientations", "letterbox"):
    _form["properties"][_name] = {"type": "string", "enum": ["true", "false"]}
_form["properties"] = {"files": FILES, **_form["properties"]}
_form["required"] = ["files"]
BODY = {
    "required": True,
    "content": {JSON: {"schema": inlined(ScreenAsked)}, FORM: {"schema": _form}},
}


def read(request: HttpRequest) -> Order:
    """What is asked.

    Raises:
        WrongMediaType, BadItems, TooMany, ninja's ValidationError and HttpError: as their names say.
    """
    return _from_form(request) if require_media_type(request, JSON, FORM) == FORM else _from_json(request)


def _from_json(request: HttpRequest) -> Order:
    try:
        asked = ScreenAsked.model_validate_json(request.body)
    except ValidationError as error:
        raise _bad(error, "body") from None  # a cause would be told, and this one speaks of the library
    things = [services.Value(item.signal, item.value, item.place) for item in asked.items]
    if len(things) <= config().max_batch:
        _check(things)
    return Order(things, asked.lists, asked.open_cases, digest([request.body]))


def _check(things: list[services.Value]) -> None:
    """Name every item that cannot be read, not only the first."""
    flaws = [{"where": f"body.items[{n}]", "why": why} for n, thing in enumerate(things) if (why := _flaw(thing))]
    if flaws:
        raise BadItems(flaws, bad=len(flaws), given=len(things))


def _flaw(thing: services.Value) -> str:
    try:
        registry.signal(thing.signal).parse(thing.value)
    except (BadSignal, UnknownPlugin) as error:
        return str(error)
    return ""


def _from_form(request: HttpRequest) -> Order:
    try:
        files = request.FILES.getlist("files")
    except TooManyFilesSent:
        limit = config().max_batch
        raise services.TooMany(given=f"more than {limit}", limit=limit) from None
    if strays := set(request.FILES) - {"files"}:
        raise BadRequest([{"loc": ("body", name), "msg": "Files are sent under the name files"} for name in strays])
    if not files:
        raise BadRequest([{"loc": ("body", "files"), "msg": "Field required: at least one file"}])
    try:
        asked = FormAsked.model_validate({name: request.POST.getlist(name) for name in request.POST})
    except ValidationError as error:
        raise _bad(error, "body") from None
    if len(asked.place) not in (0, 1, len(files)):
        why = f"{len(asked.place)} places for {len(files)} files: give one, or one for each"
        raise BadRequest([{"loc": ("body", "place"), "msg": why}])
    places = asked.place * len(files) if len(asked.place) == 1 else asked.place or [f.name or "" for f in files]
    things = [services.Content(file.read(), place) for file, place in zip(files, places, strict=True)]
    open_cases = asked.open_cases != ["false"]
    options = _options(asked)
    parts = _parts(things, [asked.lists, open_cases, asdict(options)])
    return Order(things, asked.lists, open_cases, digest(parts), options)


def _options(asked: FormAsked) -> Options:
    given = {name: getattr(asked, name) for name in ("orientations", "letterbox")}
    return chosen(**{name: said == ["true"] for name, said in given.items() if said})


def _parts(things: Iterable[services.Content], fields: list[object]) -> Iterator[bytes]:
    """What counts in a form: its boundary, which is new for every attempt, does not."""
    yield json.dumps(fields).encode()
    for thing in things:
        yield thing.place.encode()
        yield thing.content


def _bad(error: ValidationError, source: str) -> Exception:
    flaws = error.errors(include_url=False, include_input=False, include_context=False)
    if flaws[0]["type"] == "json_invalid":
        return HttpError(400, f"The body is not JSON: {flaws[0]['msg'].removeprefix('Invalid JSON: ')}")
    return BadRequest([{"loc": (source, *flaw["loc"]), "msg": flaw["msg"]} for flaw in flaws])
