"""``/m``: what is known. The same search as of ``/api/v1/screen``; nothing is found or lost by chance."""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from himaya.accounts.keys import caller
from himaya.core import registry
from himaya.core.config import config
from himaya.hma import kinds, queries
from himaya.hma.api.bodies import json_of
from himaya.hma.api.hashing import Media, chosen, from_form, from_url
from himaya.hma.door import BadAsk, Lacking, told
from himaya.lists import queries as lists
from himaya.screening import options, services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest, HttpResponse

    from himaya.screening.matching import Found

Matches = dict[str, list[dict[str, Any]]]
_PAIRS = TypeAdapter(dict[str, list[str]])
BOOLEANS = {"true": True, "1": True, "false": False, "0": False, "": False}


# --- looking up ------------------------------------------------------------------------------------------------------


def lookup(request: HttpRequest) -> HttpResponse:
    """``GET /m/lookup``: by ``signal`` and ``signal_type``, or what ``url`` names. Seed and coin have no effect."""
    if request.GET.get("url"):
        found = _of_media(request, from_url(request, composite=True))
        wanted = request.GET.get("signal_type")
        return told(found if wanted is None else found.get(wanted, {}))
    name, value = request.GET.get("signal_type", ""), request.GET.get("signal", "")
    if not name or not value:
        raise BadAsk(why="Either url or both signal and signal_type are required")
    return told(_by_bank(_of_value(request, name, value)))


def lookup_file(request: HttpRequest) -> HttpResponse:
    """``POST /m/lookup``: a form with one file."""
    return told(_of_media(request, from_form(request, composite=True)))


def raw_lookup(request: HttpRequest) -> HttpResponse:
    """``GET /m/raw_lookup``: the numbers alone. What is off stays off here, too."""
    for name in ("signal", "signal_type"):
        if not request.GET.get(name):
            raise Lacking(name=name)
    with_distance = BOOLEANS.get(request.GET.get("include_distance", "").lower())
    if with_distance is None:
        raise BadAsk(why="invalid boolean parameter include_distance: use true or false")
    found = _of_value(request, request.GET["signal_type"], request.GET["signal"])
    rows = [row for rows in _by_bank(found).values() for row in rows]
    rows.sort(key=lambda row: (int(row["distance"]), row["bank_content_id"]))
    return told({"matches": rows if with_distance else [row["bank_content_id"] for row in rows]})


def _of_value(request: HttpRequest, name: str, value: str) -> Iterable[Found]:
    signal, canonical = kinds.canonical(name, value)
    narrowed = _lists(request)
    if narrowed == []:
        return ()
    looked = services.look([services.Value(signal, canonical)], lists=narrowed or ())
    return _settled(request, looked)[0].matches


def _of_media(request: HttpRequest, media: Media) -> dict[str, Matches]:
    """Signal type → what is known by it. Nothing else is computed."""
    narrowed = _lists(request)
    looked = services.look(
        [services.Content(media.content, media.place)],
        lists=narrowed or (),
        seconds=config().screen_seconds,
        options=options.chosen(only=set(media.wanted.values())),
    )
    read = looked.read[0][1]
    assert not isinstance(read, services.Value)
    names, _ = chosen(read, media)
    if narrowed == []:
        return {name: {} for name in names}
    matches = _settled(request, looked)[0].matches
    return {name: _by_bank(m for m in matches if m.item.signal == media.wanted[name]) for name in names}


def _lists(request: HttpRequest) -> list[str] | None:
    """The lists that ``banks`` names; None where it does not narrow, empty where there is none of them."""
    given = request.GET.get("banks")
    return queries.lists_of(given) if given else None


def _settled(request: HttpRequest, looked: services.Looked) -> list[services.Answer]:
    """Count, and open cases where the operator wants that."""
    actor = caller(request).actor
    return services.settle(
        looked, by=actor, origin="hma", occasion=f"{actor}:{uuid.uuid4().hex}", open_cases=config().hma_open_cases
    )


def _by_bank(matches: Iterable[Found]) -> Matches:
    """Bank → its contents that match, nearest first, each once."""
    near = list(matches)
    if not near:
        return {}
    banks = queries.banks_of(match.item.list_name for match in near)
    numbers = queries.numbers(match.item.id for match in near)
    found: Matches = defaultdict(list)
    seen = set()
    for match in near:
        bank = banks[match.item.list_name]
        for number in numbers[match.item.id]:
            if (bank, number) not in seen:
                seen.add((bank, number))
                found[bank].append({"bank_content_id": number, "distance": str(match.distance)})
    return found


# --- comparing -------------------------------------------------------------------------------------------------------


def compare(request: HttpRequest) -> HttpResponse:
    """``POST /m/compare``: signal type → two values; whether they count as one content, and how far apart they are."""
    try:
        pairs = _PAIRS.validate_python(json_of(request))
    except ValidationError:
        raise BadAsk(why="Request input must be an object: signal type to a list of two hashes") from None
    if len(pairs) > config().max_batch or any(len(pair) != 2 for pair in pairs.values()):
        raise BadAsk(why=f"Comparison hash list length must be exactly 2, in at most {config().max_batch} types")
    return told({name: _compared(name, *pair) for name, pair in pairs.items()})


def _compared(name: str, one: str, other: str) -> list[Any]:
    (ours, left), (_, right) = kinds.canonical(name, one), kinds.canonical(name, other)
    signal = registry.signal(ours)
    distance = signal.distance(left, right)
    return [distance <= signal.radius, {"distance": distance}]


# --- the index -------------------------------------------------------------------------------------------------------


def index_status(request: HttpRequest) -> HttpResponse:
    """``GET /m/index/status``: every change holds at once, so that what is built is what is there."""
    return told(
        {
            name: {"present": True, "built_to": newest, "size": size}
            for name, (size, newest) in sizes(request.GET.get("signal_type")).items()
        }
    )


def sizes(only: str | None) -> dict[str, tuple[int, int]]:
    """HMA's name of a signal → how many items can match, and when one changed last (Unix; -1: never).

    Raises:
        NoSuchKind: there is no such signal.
    """
    names = kinds.known() if only is None else [only]
    found = {name: kinds.signal(name) for name in names}
    there = lists.sizes()
    return {
        name: (there[ours][0], int(there[ours][1].timestamp())) if ours in there else (0, -1)
        for name, ours in found.items()
    }
