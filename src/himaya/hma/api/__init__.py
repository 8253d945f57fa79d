"""HMA's addresses, and what answers at each: method → scope of the key, and the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from himaya.core.errors import HimayaError
from himaya.hma.api import curation, hashing, matching, standing
from himaya.hma.door import told, view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

ANY_KEY, NO_KEY = "", None
ASK, READ, WRITE = "screen", "lists:read", "lists:write"


class NoSuchAddress(HimayaError):
    """There is nothing at this address."""

    remedy = "GET site-map names what there is."
    status = 404


class Number(IntConverter):
    """The number of a content: as many digits as a database takes."""

    regex = "[0-9]{1,18}"


register_converter(Number, "content_number")


def site_map(request: HttpRequest) -> HttpResponse:
    """``GET /site-map``."""
    return told(sorted({f"/{one.pattern}" for one in urlpatterns if one.name != "nothing"}))


def nothing(request: HttpRequest, rest: str) -> HttpResponse:
    """Every other address."""
    raise NoSuchAddress


_none = view(GET=(ANY_KEY, standing.none_there), POST=(WRITE, standing.add_exchange))
_api = view(GET=(ANY_KEY, standing.exchange_api), POST=(WRITE, standing.exchange_api))
_exchange = view(
    GET=(READ, standing.exchange),
    PUT=(WRITE, standing.exchange),
    POST=(WRITE, standing.exchange),
    DELETE=(WRITE, standing.exchange),
)
_nothing = view(**dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), (NO_KEY, nothing)))
_health, _life = view(GET=(NO_KEY, standing.status)), view(GET=(NO_KEY, standing.live))
_signal_types, _content_types = view(GET=(ANY_KEY, standing.signal_types)), view(GET=(ANY_KEY, standing.content_types))

urlpatterns = [
    path("", view(GET=(NO_KEY, standing.home)), name="home"),
    path("status", _health, name="status"),
    path("readyz", _health, name="readyz"),
    path("status/live", _life, name="live"),
    path("livez", _life, name="livez"),
    path("site-map", view(GET=(NO_KEY, site_map)), name="site_map"),
    path("h/hash", view(GET=(ASK, hashing.hash_url), POST=(ASK, hashing.hash_file)), name="hash"),
    path("m/lookup", view(GET=(ASK, matching.lookup), POST=(ASK, matching.lookup_file)), name="lookup"),
    path("m/raw_lookup", view(GET=(ASK, matching.raw_lookup)), name="raw_lookup"),
    path("m/compare", view(POST=(ANY_KEY, matching.compare)), name="compare"),
    path("m/index/status", view(GET=(ANY_KEY, matching.index_status)), name="index_status"),
    path("c/banks", view(GET=(READ, curation.banks), POST=(WRITE, curation.add_bank)), name="banks"),
    path(
        "c/bank/<str:bank>",
        view(GET=(READ, curation.show_bank), PUT=(WRITE, curation.change_bank), DELETE=(WRITE, curation.remove_bank)),
        name="bank",
    ),
    path("c/bank/<str:bank>/content", view(POST=(WRITE, curation.add_content)), name="contents"),
    path("c/bank/<str:bank>/signal", view(POST=(WRITE, curation.add_signals)), name="signals"),
    path(
        "c/bank/<str:bank>/content/<content_number:number>",
        view(
            GET=(READ, curation.show_content),
            PUT=(WRITE, curation.change_content),
            DELETE=(WRITE, curation.remove_content),
        ),
        name="content",
    ),
    path("c/signal_type", _signal_types, name="signal_type"),
    path("c/signal_types", _signal_types, name="signal_types"),
    path("c/signal_type/index", view(GET=(ANY_KEY, standing.signal_type_index)), name="signal_type_index"),
    path("c/signal_type/<str:name>", view(PUT=(WRITE, standing.change_signal_type)), name="change_signal_type"),
    path("c/content_type", _content_types, name="content_type"),
    path("c/content_types", _content_types, name="content_types"),
    path("c/exchanges", _none, name="exchanges"),
    path("c/exchanges/apis", view(GET=(ANY_KEY, standing.none_there)), name="exchange_apis"),
    path("c/exchanges/api/<str:name>", _api, name="exchange_api"),
    path("c/exchanges/api/<str:name>/schema", _api, name="exchange_schema"),
    path("c/exchange/<str:name>", _exchange, name="exchange"),
    path("c/exchange/<str:name>/status", _exchange, name="exchange_status"),
    path("c/exchange/<str:name>/credentials", _exchange, name="exchange_credentials"),
    path("<path:rest>", _nothing, name="nothing"),
]
