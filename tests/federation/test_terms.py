"""Terms of a list reach whoever follows it, and those of its sources bind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.federation import native
from tests.federation.conftest import Reader, fill, item, make, md5
from tests.federation.test_misp import manifest
from tests.federation.test_taxii import ask, good, home, indicators, objects

from himaya.core.repository.publishing import Repository
from himaya.federation import queries, services
from himaya.federation.native import publishing
from himaya.federation.native.keys import directory
from himaya.lists import labels, organisations, subscribing, voting
from himaya.lists import services as lists
from himaya.lists.models import HashList, Subscription
from himaya.lists.own import own_words

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]


# --- what we tell ----------------------------------------------------------------------------------------------------


def test_an_item_that_changes_while_everything_is_read_is_in_it(hotline: HashList) -> None:
    values = {md5(str(n)) for n in range(1100)}
    fill(hotline, [("md5", value) for value in values])
    said = own_words(hotline, upto=publishing.queries.revision())
    first = next(said)
    last = max(item(hotline, value).pk for value in values)
    voting.vote(last, opinion="confirm", by="system", reason="looked at again")
    assert {first.value, *(one.value for one in said)} == values


@pytest.mark.parametrize("wanted", [{"tlp": "green"}, {"radius": 20}, {"organisations": 2, "jurisdictions": 1}])
def test_other_terms_are_published_as_an_empty_delta(hotline: HashList, wanted: Any) -> None:
    native.Holders().install()
    fill(hotline, [("md5", md5("0"))])
    publishing.publish(hotline)
    lists.change_list("hotline", by="system", **wanted)
    changed = HashList.objects.get(pk=hotline.pk)
    assert publishing.publish(changed)
    held = Repository(directory() / "hotline").holdings()["hotline", organisations.own().name]
    assert held.terms == publishing.terms(changed)
    assert not publishing.publish(changed)


def test_with_other_terms_every_object_of_stix_has_a_later_version(
    hotline: HashList, reader: Reader, clock: Any
) -> None:
    fill(hotline, [("md5", md5(str(n))) for n in range(5)])
    clock.advance(timedelta(hours=1))
    before = indicators(reader, hotline)
    last = ask(reader, f"{home(hotline)}objects/")["X-TAXII-Date-Added-Last"]
    assert indicators(reader, hotline, added_after=last) == []
    clock.advance(timedelta(hours=1))
    lists.change_list("hotline", by="system", tlp="red")
    changed = HashList.objects.get(pk=hotline.pk)
    answer = ask(reader, f"{home(hotline)}objects/", {"added_after": last})
    after = [one for one in good(answer)["objects"] if one["type"] == "indicator"]
    assert [one["id"] for one in after] == [one["id"] for one in before]
    assert all(new["modified"] > old["modified"] for new, old in zip(after, before, strict=True))
    assert all(new["object_marking_refs"] != old["object_marking_refs"] for new, old in zip(after, before, strict=True))
    assert any(one.get("name") == "TLP:RED" for one in good(answer)["objects"])
    assert objects(reader, changed, added_after=answer["X-TAXII-Date-Added-Last"]) == []


def test_with_other_terms_every_page_is_told_once_and_only_the_last_says_that_all_was_told(
    hotline: HashList, reader: Reader, clock: Any
) -> None:
    for n in range(5):
        fill(hotline, [("md5", md5(str(n)))])
        clock.advance(timedelta(hours=1))
    lists.change_list("hotline", by="system", radius=20)
    query: dict[str, Any] = {"limit": 3, "added_after": "2026-01-01T00:00:00Z"}
    told: list[str] = []
    while True:
        answer = ask(reader, f"{home(hotline)}objects/", query)
        told += [one["id"] for one in good(answer)["objects"] if one["type"] == "indicator"]
        if not good(answer)["more"]:
            break
        again = {"added_after": answer["X-TAXII-Date-Added-Last"]}
        assert len(indicators(reader, hotline, **again)) == 5  # who breaks off here misses nothing
        query = {"limit": 3, "next": good(answer)["next"]}
    assert len(told) == len(set(told)) == 5
    assert objects(reader, hotline, added_after=answer["X-TAXII-Date-Added-Last"]) == []


def test_with_other_terms_every_event_of_misp_has_a_later_time(hotline: HashList, reader: Reader, clock: Any) -> None:
    fill(hotline, [("md5", md5("0"))])
    clock.advance(timedelta(hours=1))
    (before,) = manifest(reader).values()
    lists.change_list("hotline", by="system", tlp="amber+strict")
    clock.advance(timedelta(minutes=1))
    (after,) = manifest(reader).values()
    assert (after["Tag"], int(after["timestamp"]) > int(before["timestamp"])) == ([{"name": "tlp:amber+strict"}], True)


# --- what our sources say --------------------------------------------------------------------------------------------


def follows(url: str, reader: Reader, *, by: str, of: HashList | None = None) -> Subscription:
    """A list here that is filled from one of another node: this one, over the line."""
    mine = of or make("from-there", tlp="clear")
    options = {
        "taxii": {"api_root": f"{url}/exchange/taxii2/lists/", "collection": "hotline", "user": reader.name},
        "misp-feed": {"address": f"{url}/exchange/misp/hotline/", "user": reader.name},
    }[by]
    made = subscribing.subscribe(
        f"by-{by}", to=mine, exchange=by, options={**options, "password": reader.secret}, by="person:1", private=True
    )
    subscribing.run(made)
    return subscribing.find(made.name)


def may_read(reader: Reader) -> bool:
    return queries.readable(reader.partner).filter(name="from-there").exists()


@pytest.fixture
def served(hotline: HashList, clock: Any) -> Reader:
    fill(hotline, [("md5", md5("0"))])
    clock.advance(timedelta(minutes=1))
    return Reader("follower").reads("hotline")


@pytest.mark.parametrize("by", ["taxii", "misp-feed"])
@pytest.mark.parametrize("label", ["green", "amber", "amber+strict", "red"])
def test_a_list_is_no_wider_than_its_source(live_server: Any, served: Reader, by: str, label: str) -> None:
    lists.change_list("hotline", by="system", tlp=label)
    one = follows(live_server.url, served, by=by)
    assert (one.tlp, HashList.objects.get(name="from-there").tlp) == (label, label)
    with pytest.raises(labels.WiderThanSource) as refused:
        lists.change_list("from-there", by="person:1", tlp="clear")
    assert f"TLP:{label.upper()}" in str(refused.value)
    assert HashList.objects.get(name="from-there").tlp == label


@pytest.mark.parametrize(("label", "shared", "permitted"), [
    ("green", True, True), ("amber", False, True), ("amber+strict", False, True), ("red", False, False),
])  # fmt: skip
def test_what_a_source_gave_to_us_alone_is_shared_with_nobody_unless_it_permits_that(
    live_server: Any, served: Reader, label: str, shared: bool, permitted: bool
) -> None:
    lists.change_list("hotline", by="system", tlp=label)
    follows(live_server.url, served, by="taxii")
    third = Reader("third")
    for permission, may in (("", shared), ("letter 7 of 2026", permitted)):
        if may:
            services.share_list("from-there", partner="third", by="person:1", permission=permission)
        else:
            with pytest.raises(labels.NotToBeShared):
                services.share_list("from-there", partner="third", by="person:1", permission=permission)
        assert may_read(third) == may


def test_who_read_a_list_before_its_source_was_known_reads_it_no_more(live_server: Any, served: Reader) -> None:
    mine, third = make("from-there"), Reader("third")
    services.share_list("from-there", partner="third", by="person:1")
    assert may_read(third)
    follows(live_server.url, served, by="taxii", of=mine)
    assert not may_read(third)
    assert third.get("files/from-there.csv").status_code == 404
    services.share_list("from-there", partner="third", by="person:1", permission="letter 7 of 2026")
    assert may_read(third)


def test_a_source_that_becomes_stricter_takes_the_list_with_it(live_server: Any, served: Reader, clock: Any) -> None:
    lists.change_list("hotline", by="system", tlp="clear")
    one = follows(live_server.url, served, by="taxii")
    assert (one.tlp, HashList.objects.get(name="from-there").tlp) == ("clear", "clear")
    clock.advance(timedelta(hours=1))
    lists.change_list("hotline", by="system", tlp="amber")
    subscribing.run(one)
    assert (subscribing.find(one.name).tlp, HashList.objects.get(name="from-there").tlp) == ("amber", "amber")


def test_what_is_of_several_sources_is_as_strict_as_the_strictest(live_server: Any, served: Reader) -> None:
    mine = make("from-there", tlp="clear")
    lists.change_list("hotline", by="system", tlp="red")
    follows(live_server.url, served, by="misp-feed", of=mine)
    lists.change_list("hotline", by="system", tlp="green")
    follows(live_server.url, served, by="taxii", of=mine)
    assert HashList.objects.get(name="from-there").tlp == "red"
    with pytest.raises(labels.WiderThanSource):
        lists.change_list("from-there", by="person:1", tlp="green")
