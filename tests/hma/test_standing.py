"""Types, exchanges and health: what there is, and a clear word about what there is not."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client
from tests.hma.conftest import SIGNALS, Hma, refused

from himaya.hma.api import standing, urlpatterns


@pytest.mark.parametrize("path", ["/c/signal_type", "/c/signal_types"])
def test_every_signal_is_on(hma: Hma, path: str) -> None:
    assert hma.get(path).json() == [{"name": n, "enabled_ratio": 1.0} for n in (*SIGNALS, "video_md5")]


@pytest.mark.parametrize("path", ["/c/content_type", "/c/content_types"])
def test_photos_and_videos_are_content_types(hma: Hma, path: str) -> None:
    assert hma.get(path).json() == [{"name": "photo", "enabled": True}, {"name": "video", "enabled": True}]


def test_a_signal_type_can_be_on_and_not_off(hma: Hma) -> None:
    told = hma.put("/c/signal_type/pdq", {"enabled_ratio": 0.5})
    assert (told.status_code, told.json()) == (200, {"name": "pdq", "enabled_ratio": 1.0})
    refused(hma.put("/c/signal_type/pdq", {"enabled_ratio": 0}), 501, "switch off the bank")
    refused(hma.put("/c/signal_type/pdq", {}), 422, "enabled_ratio")
    refused(hma.put("/c/signal_type/nonsense", {"enabled_ratio": 1}), 400, "SignalType 'nonsense'")


def test_there_is_no_exchange_and_how_lists_come_is_said(hma: Hma) -> None:
    assert hma.get("/c/exchanges").json() == hma.get("/c/exchanges/apis").json() == []
    asked = {"bank": "KNOWN", "api": "ncmec", "api_json": {}, "credential_json": {"user": "u"}}
    refused(hma.post("/c/exchanges", asked), 400, "No such exchange type 'ncmec'", "himaya lists import")
    for path in ("/c/exchanges/api/ncmec", "/c/exchanges/api/ncmec/schema"):
        refused(hma.get(path), 400, "No such exchange type 'ncmec'")
    for method, path in (
        ("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/status"), ("POST", "/credentials")
    ):  # fmt: skip
        refused(hma.send(method, f"/c/exchange/KNOWN{path}"), 404, "Exchange 'KNOWN' not found")
    assert hma.get("/c/banks").json() == []


@pytest.mark.parametrize("path", ["/status", "/status/live", "/livez", "/readyz"])
def test_a_node_that_is_well_says_so_to_everybody(db: None, path: str) -> None:
    told = Client().get(f"/hma{path}")
    assert (told.status_code, told.content) == (200, b"I-AM-ALIVE")
    assert told["Content-Type"].startswith("text/plain")


def test_a_node_without_database_is_alive_and_not_ready(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(standing, "head", away)
    assert (Client().get("/hma/status").status_code, Client().get("/hma/status/live").status_code) == (503, 200)


def test_the_site_map_names_every_address(db: None) -> None:
    told = Client().get("/hma/site-map").json()
    assert "/m/lookup" in told
    assert len(told) == len(urlpatterns) - 1
    assert Client().get("/hma/")["Location"] == "status"


def test_what_is_not_there_is_said_in_hma_s_shape(hma: Hma) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        refused(hma.send(method, "/ui/banks"), 404, "nothing at this address")
    told = hma.send("DELETE", "/c/banks")
    refused(told, 405, "GET, POST")
    assert told["Allow"] == "GET, POST"


def test_a_defect_is_said_in_hma_s_shape_and_says_nothing_of_itself(hma: Hma, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("himaya.hma.queries.banks", broken)
    told = hma.get("/c/banks")
    assert told.status_code == 500
    assert set(told.json()) == {"message", "error_id"}
    assert b"secret" not in told.content


def test_our_own_description_does_not_describe_hma_s_api(db: None) -> None:
    assert b"/hma" not in Client().get("/api/v1/openapi.json").content
