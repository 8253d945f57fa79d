"""``/c``: banks and their contents, which are lists and items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from himaya.accounts.keys import caller, require_media_type
from himaya.hma import kinds, queries, services
from himaya.hma.api.bodies import BankAsked, BankChange, ContentChange, ContentSaid, json_of, parsed, read, shaped
from himaya.hma.api.hashing import from_form, from_url, hashes
from himaya.hma.door import BadAsk, told

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from himaya.lists.models import HashList

MULTIPART = "multipart/form-data"


# --- banks -----------------------------------------------------------------------------------------------------------


def banks(request: HttpRequest) -> HttpResponse:
    """``GET /c/banks``: every list, as a bank."""
    return told([_bank(name, one) for name, one in queries.banks()])


def add_bank(request: HttpRequest) -> HttpResponse:
    """``POST /c/banks``."""
    asked = read(request, BankAsked)
    on = _on(asked.enabled_ratio, asked.enabled)
    made = services.create_bank(asked.name, by=caller(request).actor, enabled=on is not False)
    return told(_bank(asked.name, made), 201)


def show_bank(request: HttpRequest, bank: str) -> HttpResponse:
    """``GET /c/bank/<bank>``."""
    return told(_bank(bank, queries.find_bank(bank)))


def change_bank(request: HttpRequest, bank: str) -> HttpResponse:
    """``PUT /c/bank/<bank>``: another name, on or off."""
    asked = read(request, BankChange)
    on = _on(asked.enabled_ratio, asked.enabled)
    changed = services.change_bank(bank, by=caller(request).actor, new_name=asked.name, enabled=on)
    return told(_bank(asked.name or bank, changed))


def remove_bank(request: HttpRequest, bank: str) -> HttpResponse:
    """``DELETE /c/bank/<bank>``: its list is off, and kept."""
    services.remove_bank(bank, by=caller(request).actor)
    return told({"message": "Done"})


def _on(ratio: float | None, enabled: bool | None) -> bool | None:
    """The ratio counts before the word, as HMA has it; and what is not off is on, for every request."""
    return ratio > 0 if ratio is not None else enabled


def _bank(name: str, hash_list: HashList) -> dict[str, Any]:
    return {"name": name, "matching_enabled_ratio": 1.0 if hash_list.enabled else 0.0}


# --- contents --------------------------------------------------------------------------------------------------------


def add_content(request: HttpRequest, bank: str) -> HttpResponse:
    """``POST /c/bank/<bank>/content``: a file in a form, or what ``url`` names; the bytes are forgotten."""
    queries.find_bank(bank)
    if request.GET.get("url"):
        said = shaped(json_of(request) if request.body else {}, ContentSaid)
        media = from_url(request)
    elif request.content_type == MULTIPART:
        media = from_form(request)
        said = _of_form(request)
    else:
        raise BadAsk(why="Neither `url` nor multipart file upload was received")
    found, lacking = hashes(media, to_keep=True)
    facts = said.metadata.given() if said.metadata else {}
    number = services.add_content(
        bank,
        signals={media.wanted[name]: value for name, value in found.items()},
        by=caller(request).actor,
        note=said.note or "",
        metadata=facts,
    )
    return told({"id": number, "signals": found, **({"problems": lacking} if lacking else {})})


def _of_form(request: HttpRequest) -> ContentSaid:
    """What Coop and HMA's own page put beside the file."""
    given = {name: request.POST[name] for name in ("content_id", "content_uri") if request.POST.get(name)}
    facts = {"json": parsed(request.POST["metadata"])} if request.POST.get("metadata") else {}
    return shaped({"metadata": {**given, **facts}, "note": request.POST.get("note")}, ContentSaid)


def add_signals(request: HttpRequest, bank: str) -> HttpResponse:
    """``POST /c/bank/<bank>/signal``: hashes that were computed elsewhere, by signal type."""
    queries.find_bank(bank)
    require_media_type(request, "application/json")
    body = json_of(request)
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise BadAsk(why="The body must be an object: signal type to hash, and optionally a note")
    note = shaped({"note": body.pop("note", None)}, ContentSaid).note or ""
    if not body:
        raise BadAsk(why="No signals given")
    signals: dict[str, str] = {}
    for name, value in body.items():
        ours, canonical = kinds.canonical(name, value)
        if signals.setdefault(ours, canonical) != canonical:
            raise BadAsk(why=f"{name} says something else than another name of the same signal")
    number = services.add_content(bank, signals=signals, by=caller(request).actor, note=note)
    return told({"id": number, "signals": {name: kinds.canonical(name, value)[1] for name, value in body.items()}})


def show_content(request: HttpRequest, bank: str, number: int) -> HttpResponse:
    """``GET /c/bank/<bank>/content/<id>``."""
    return told(_content(request, bank, queries.content(bank, number)))


def change_content(request: HttpRequest, bank: str, number: int) -> HttpResponse:
    """``PUT /c/bank/<bank>/content/<id>``: off, for a time or for good, or on; another note."""
    asked = read(request, ContentChange)
    changed = services.change_content(
        bank, number=number, by=caller(request).actor, disabled_until=asked.disable_until_ts, note=asked.note
    )
    return told(_content(request, bank, changed))


def remove_content(request: HttpRequest, bank: str, number: int) -> HttpResponse:
    """``DELETE /c/bank/<bank>/content/<id>``: its items are withdrawn, and kept."""
    return told({"deleted": services.remove_content(bank, number=number, by=caller(request).actor)})


def _content(request: HttpRequest, bank: str, content: queries.Banked) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": content.number,
        "disable_until_ts": content.disabled_until,
        "original_media_uri": content.metadata.get("content_uri"),
        "bank": _bank(bank, queries.find_bank(bank)),
        "note": content.note or None,
    }
    if request.GET.get("include_signals", "").lower() == "true":
        shown["signals"] = content.signals
    if request.GET.get("include_metadata", "").lower() == "true":
        shown["metadata"] = content.metadata
    return shown
