"""What can be done here and whether it is well: signal and content types, exchanges, ``/status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import Error
from django.http import HttpResponse, HttpResponseRedirect

from himaya.core.errors import HimayaError
from himaya.hma import kinds
from himaya.hma.api.bodies import ExchangeAsked, TypeChange, read
from himaya.hma.api.matching import sizes
from himaya.hma.door import BadAsk, NotHere, told
from himaya.ledger.queries import head

if TYPE_CHECKING:
    from django.http import HttpRequest


class NoExchange(HimayaError):
    """Exchange {name!r} not found: this node fetches from no exchange by itself."""

    remedy = "Load the list's file with: himaya lists import. See docs/hma.md."
    status = 404


# --- types -----------------------------------------------------------------------------------------------------------


def signal_types(request: HttpRequest) -> HttpResponse:
    """``GET /c/signal_type``: every signal that is installed; all are on."""
    return told([{"name": name, "enabled_ratio": 1.0} for name in kinds.known()])


def change_signal_type(request: HttpRequest, name: str) -> HttpResponse:
    """``PUT /c/signal_type/<type>``: on is what every signal is; none can be switched off for all lists at once."""
    kinds.signal(name)
    if not read(request, TypeChange).enabled_ratio:
        raise NotHere(what=f"switching {name} off", why="switch off the bank, or the contents, that must not match")
    return told({"name": name, "enabled_ratio": 1.0})


def signal_type_index(request: HttpRequest) -> HttpResponse:
    """``GET /c/signal_type/index``: every change holds at once."""
    return told(
        {
            name: {
                "db_size": size,
                "index_size": size,
                "index_out_of_date": False,
                "newest_db_item": newest,
                "index_built_to": newest,
            }
            for name, (size, newest) in sizes(request.GET.get("signal_type")).items()
        }
    )


def content_types(request: HttpRequest) -> HttpResponse:
    """``GET /c/content_type``."""
    return told([{"name": name, "enabled": True} for name in kinds.CONTENT_TYPES])


# --- exchanges -------------------------------------------------------------------------------------------------------


def none_there(request: HttpRequest) -> HttpResponse:
    """``GET /c/exchanges``, ``GET /c/exchanges/apis``: none."""
    return told([])


def add_exchange(request: HttpRequest) -> HttpResponse:
    """``POST /c/exchanges``: HMA's answer where an API is not installed, and nothing is made."""
    raise _no_api(read(request, ExchangeAsked).api)


def exchange_api(request: HttpRequest, name: str) -> HttpResponse:
    """``/c/exchanges/api/<api>`` and what is below it."""
    raise _no_api(name)


def exchange(request: HttpRequest, name: str) -> HttpResponse:
    """``/c/exchange/<name>`` and what is below it."""
    raise NoExchange(name=name[:80])


def _no_api(name: str) -> BadAsk:
    why = f"No such exchange type {name[:40]!r}: this node fetches from no exchange by itself; load the list's file"
    return BadAsk(why=f"{why} with himaya lists import (docs/hma.md)")


# --- health ----------------------------------------------------------------------------------------------------------


def status(request: HttpRequest) -> HttpResponse:
    """``GET /status``, ``/readyz``: an index that follows every change is neither missing nor stale."""
    try:
        head()
    except Error:
        return HttpResponse("INDEX-NOT-LOADED", status=503, content_type="text/plain; charset=utf-8")
    return live(request)


def live(request: HttpRequest) -> HttpResponse:
    """``GET /status/live``, ``/livez``: this process answers."""
    return HttpResponse("I-AM-ALIVE", content_type="text/plain; charset=utf-8")


def home(request: HttpRequest) -> HttpResponse:
    """``GET /``."""
    return HttpResponseRedirect("status")
