"""TAXII's clients at our door: OASIS' own reads page by page, ours goes on after a cut."""

from __future__ import annotations

from typing import Any

import pytest
from taxii2client.v21 import Collection, Server, as_pages
from tests.federation.conftest import Reader, fill, make, pdq, withdraw
from tests.federation.test_taxii import values

from himaya.core import registry
from himaya.core.exchange import Entry, Gone
from himaya.core.outward import Client
from himaya.federation.taxii.objects import Writer
from himaya.lists.models import HashList

# --- OASIS' client ---------------------------------------------------------------------------------------------------


@pytest.fixture
def served(live_server: Any, an_hour_ago: Any) -> tuple[Reader, str]:
    hotline = make()
    reader = Reader().reads("hotline")
    fill(hotline, [("pdq", pdq(str(n))) for n in range(7)])
    return reader, f"{live_server.url}/exchange/taxii2/"


def test_their_client_finds_its_way_and_reads_page_by_page(served: tuple[Reader, str]) -> None:
    reader, url = served
    with Server(url, user="platform", password=reader.secret) as server:
        root = server.default
        (collection,) = root.collections
        assert (collection.title, collection.can_read, collection.can_write) == ("Hotline", True, False)
        pages = list(as_pages(collection.get_objects, per_request=2))
        assert [len(page["objects"]) for page in pages] == [2, 2, 2, 2, 2]
        told = [one for page in pages for one in page["objects"]]
        assert sorted(values([one for one in told if one["type"] == "indicator"])) == sorted(
            pdq(str(n)) for n in range(7)
        )
        manifest = [one for page in as_pages(collection.get_manifest, per_request=3) for one in page["objects"]]
        assert [one["id"] for one in manifest] == [one["id"] for one in told]
        assert [one["version"] for one in manifest] == [one.get("modified", one["created"]) for one in told]
        one = told[-1]
        assert collection.get_object(one["id"])["objects"] == [one]
        assert collection.object_versions(one["id"])["versions"] == [one["modified"]]
        assert collection.get_objects(id=[one["id"], told[0]["id"]])["objects"] == [told[0], one]
        root.close()


def test_their_client_follows_by_the_time_of_the_last_page(served: tuple[Reader, str]) -> None:
    reader, url = served
    hotline = HashList.objects.get()
    with Collection(
        f"{url}lists/collections/{Writer(hotline).collection}/", user="platform", password=reader.secret
    ) as it:
        last = it.get_manifest()["objects"][-1]["date_added"]
        assert it.get_objects(added_after=last) == {}
        withdraw(hotline, pdq("3"))
        (gone,) = it.get_objects(added_after=last)["objects"]
        assert gone["revoked"] is True


def test_our_own_connector_reads_what_we_serve(served: tuple[Reader, str], an_hour_ago: Any) -> None:
    reader, url = served
    hotline, exchange = HashList.objects.get(), registry.exchange("taxii")
    fill(hotline, [("pdq", pdq(str(n))) for n in range(7, 1300)])
    config = exchange.Config(api_root=f"{url}lists/", collection="hotline", user="platform", password=reader.secret)
    with Client(private=True, attempts=1, total=10) as client:
        assert "Hotline" in exchange.check(config, client)
        pages = list(exchange.pull(config, client, checkpoint="", resume=""))
        found = {one.key: one for page in pages for one in page.changes if isinstance(one, Entry)}
        assert {value for one in found.values() for _, value in one.signals} == {pdq(str(n)) for n in range(1300)}
        withdraw(hotline, pdq("3"))
        again = list(exchange.pull(config, client, checkpoint=pages[-1].checkpoint, resume=""))
        (gone,) = [one for page in again for one in page.changes]
        assert isinstance(gone, Gone)
        assert found[gone.key].signals[0][1] == pdq("3")


def test_our_own_connector_goes_on_after_a_cut_within_one_change(served: tuple[Reader, str]) -> None:
    reader, url = served
    exchange = registry.exchange("taxii")
    fill(HashList.objects.get(), [("pdq", pdq(str(n))) for n in range(7, 1300)])
    config = exchange.Config(api_root=f"{url}lists/", collection="hotline", user="platform", password=reader.secret)
    with Client(private=True, attempts=1, total=10) as client:
        first = next(exchange.pull(config, client, checkpoint="", resume=""))
        rest = list(exchange.pull(config, client, checkpoint="", resume=first.resume))
    found = {one.key: one for page in [first, *rest] for one in page.changes if isinstance(one, Entry)}
    assert {value for one in found.values() for _, value in one.signals} == {pdq(str(n)) for n in range(1300)}
