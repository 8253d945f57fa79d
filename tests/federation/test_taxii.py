"""Our TAXII 2.1 server: OASIS' own client reads it, objects are valid STIX, and it answers as medallion's tests ask.

The tests named after what they check are those of oasis-open/cti-taxii-server (``medallion/test``) in meaning.
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import stix2
from stix2validator import ValidationOptions, validate_instance
from tests.configured import configured
from tests.federation.conftest import Reader, fill, item, make, md5, pdq, sha1, sha256, withdraw

from himaya.core import stix
from himaya.core.ports import ItemRow
from himaya.federation.taxii.objects import Writer
from himaya.lists.models import HashList, Item

TAXII = "application/taxii+json;version=2.1"
ROOT = "taxii2/lists/"


def ask(reader: Reader, path: str, query: Any = None, **headers: str) -> Any:
    return reader.get(f"{ROOT}{path}", query, **({"Accept": TAXII} | headers))


def good(answer: Any) -> Any:
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == TAXII
    return answer.json()


def home(of: HashList) -> str:
    return f"collections/{Writer(of).collection}/"


def objects(reader: Reader, of: HashList, **query: Any) -> list[dict[str, Any]]:
    return list(good(ask(reader, f"{home(of)}objects/", query)).get("objects", []))


def indicators(reader: Reader, of: HashList, **query: Any) -> list[dict[str, Any]]:
    return [one for one in objects(reader, of, **query) if one["type"] == "indicator"]


def values(found: list[dict[str, Any]]) -> list[str]:
    return [value for one in found for _, value in stix.hashes(one["pattern"])]


def is_error(answer: Any, status: int) -> dict[str, Any]:
    """An error message object (3.6.1)."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == TAXII
    body: dict[str, Any] = answer.json()
    assert body["title"]
    assert body["http_status"] == str(status)
    return body


@pytest.fixture
def filled(hotline: HashList, clock: Any) -> HashList:
    """Five items, a minute apart."""
    for n, (signal, value) in enumerate(
        [("pdq", pdq("0")), ("md5", md5("1")), ("sha1", sha1("2")), ("sha256", sha256("3")), ("pdq", pdq("4"))]
    ):
        fill(hotline, [ItemRow(0, signal, value, "interpol", "baseline", note=f"remark {n}")])
        clock.advance(timedelta(minutes=1))
    return hotline


# --- what there is ---------------------------------------------------------------------------------------------------


def test_discovery_leads_to_the_api_root(filled: HashList, reader: Reader) -> None:
    body = good(reader.get("taxii2/", Accept=TAXII))
    assert body["api_roots"] == [body["default"]] == ["http://testserver/exchange/taxii2/lists/"]
    root = good(ask(reader, ""))
    assert root["versions"] == [TAXII]
    assert root["max_content_length"] > 0


def test_collections_are_the_lists_that_may_be_read(filled: HashList, reader: Reader) -> None:
    make("secret", tlp="red")
    make("open", tlp="clear")
    found = good(ask(reader, "collections/"))["collections"]
    assert [(one["alias"], one["can_read"], one["can_write"]) for one in found] == [
        ("hotline", True, False), ("open", True, False),
    ]  # fmt: skip
    assert [uuid.UUID(one["id"]).version for one in found] == [5, 5]
    for key in (found[0]["id"], "hotline"):
        assert good(ask(reader, f"collections/{key}/")) == found[0]


def test_a_partner_without_a_list_finds_no_collection(db: None) -> None:
    assert good(ask(Reader(), "collections/")) == {"collections": []}


def test_objects_come_with_what_they_refer_to(filled: HashList, reader: Reader) -> None:
    found = objects(reader, filled)
    ids = {one["id"] for one in found}
    kinds = [one["type"] for one in found]
    assert kinds == ["identity", "extension-definition", "marking-definition", *["indicator"] * 5]
    for one in found[3:]:
        assert {one["created_by_ref"], *one["object_marking_refs"], *one["extensions"]} <= ids
        assert one["extensions"][stix.EXTENSION]["list"] == "hotline"
    assert values(found[3:]) == [pdq("0"), md5("1"), sha1("2"), sha256("3"), pdq("4")]


def test_a_node_that_has_a_name_makes_its_indicators(db: None) -> None:
    with configured(node_name="Example Node"):
        hotline = make()
        fill(hotline, [("pdq", pdq("a"))])
        found = objects(Reader().reads("hotline"), hotline)
    names = {one["id"]: one["name"] for one in found if one["type"] == "identity"}
    assert names[found[-1]["created_by_ref"]] == "Example Node"
    assert sorted(names.values()) == ["Example Node", "Himaya"]


def test_nothing_of_who_added_it_and_nothing_benign_is_told(filled: HashList, reader: Reader) -> None:
    from himaya.lists import services as lists

    benign = [ItemRow(0, "pdq", pdq("b"), note="benign", negative=True)]
    assert lists.add_items(filled, rows=benign, by="system", benign=True).imported
    text = ask(reader, f"{home(filled)}objects/").content.decode()
    for secret in ("person:7", "remark", pdq("b")):
        assert secret not in text


@pytest.mark.parametrize(
    ("tlp", "levels"),
    [
        ("clear", ["TLP:WHITE"]),
        ("green", ["TLP:GREEN"]),
        ("amber", ["TLP:AMBER"]),
        ("amber+strict", ["TLP:AMBER", "TLP:AMBER+STRICT"]),
        ("red", ["TLP:RED"]),
    ],
)
def test_every_object_is_valid_stix_under_its_level(reader: Reader, tlp: str, levels: list[str]) -> None:
    found = make("leveled", tlp=tlp)
    reader.reads("leveled")
    fill(found, [("pdq", pdq("a")), ("md5", md5("b")), ItemRow(0, "sha1", sha1("c"), "uk-sap", "A")])
    withdraw(found, md5("b"))
    Item.objects.filter(value=pdq("a")).update(state="disputed")
    told = objects(reader, found, added_after="2019-01-01T00:00:00Z")
    assert [one["name"] for one in told if one["type"] == "marking-definition"] == levels
    assert [one.get("revoked", False) for one in told if one["type"] == "indicator"] == [False, False, True]
    for one in told:
        result = validate_instance(one, ValidationOptions(version="2.1"))
        assert result.is_valid, [str(error) for error in result.errors]
    parsed = stix2.parse({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": told}, allow_custom=False)
    assert len(parsed["objects"]) == len(told)
    known = {str(one.id): one for one in (stix2.TLP_WHITE, stix2.TLP_GREEN, stix2.TLP_AMBER, stix2.TLP_RED)}
    first = next(one for one in told if one["type"] == "marking-definition")
    assert known[first["id"]].definition.tlp == first["definition"]["tlp"]


def test_ids_are_the_same_at_every_reading_and_lead_back_to_the_item(filled: HashList, reader: Reader) -> None:
    first, second = indicators(reader, filled), indicators(reader, filled)
    assert first == second
    writer = Writer(filled)
    assert [writer.item_of(one["id"]) for one in first] == [item(filled, value).pk for value in values(first)]
    other = Writer(make("other"))
    assert [other.item_of(one["id"]) for one in first] == [0] * 5
    assert writer.item_of("indicator--00000000-0000-4000-8000-000000000001") == 0


def test_what_is_withdrawn_is_told_as_revoked_to_whoever_may_have_it_and_not_to_others(
    filled: HashList, reader: Reader, clock: Any
) -> None:
    last = ask(reader, f"{home(filled)}objects/")["X-TAXII-Date-Added-Last"]
    before = {value: one["id"] for one in indicators(reader, filled) for value in values([one])}
    withdraw(filled, md5("1"))
    (gone,) = indicators(reader, filled, added_after=last)
    assert (gone["id"], gone["revoked"]) == (before[md5("1")], True)
    assert gone["modified"] > gone["created"]
    assert md5("1") not in values(indicators(reader, filled))


def test_what_may_never_have_counted_is_revoked_without_its_fingerprint(filled: HashList, reader: Reader) -> None:
    Item.objects.filter(value=md5("1")).update(state="proposed")
    assert md5("1") not in ask(reader, f"{home(filled)}objects/").content.decode()
    told = ask(reader, f"{home(filled)}objects/", {"added_after": "2020-01-01T00:00:00Z"}).content.decode()
    assert md5("1") not in told
    assert '"revoked": true' in told


# --- paging ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 8, 9, 10])
def test_pages_hold_everything_once_in_order(filled: HashList, reader: Reader, limit: int) -> None:
    whole, found, query = objects(reader, filled), [], {"limit": limit}
    while True:
        body = good(ask(reader, f"{home(filled)}objects/", query))
        found += body["objects"]
        assert len(body["objects"]) <= limit
        if not body["more"]:
            break
        query = {"limit": limit, "next": body["next"]}
    assert "next" not in body
    assert found == whole


def test_an_item_that_changes_while_pages_are_read_is_not_lost(filled: HashList, reader: Reader, clock: Any) -> None:
    answer = ask(reader, f"{home(filled)}objects/", {"limit": 6})
    body, last = good(answer), answer["X-TAXII-Date-Added-Last"]
    withdraw(filled, pdq("4"))
    while body["more"]:
        answer = ask(reader, f"{home(filled)}objects/", {"limit": 1, "next": body["next"]})
        body, last = good(answer), answer["X-TAXII-Date-Added-Last"]
    (gone,) = indicators(reader, filled, added_after=last)
    assert gone["revoked"] is True


def test_a_page_that_ends_within_a_change_does_not_say_that_this_was_told(reader: Reader, hotline: HashList) -> None:
    fill(hotline, [("pdq", pdq(str(n))) for n in range(9)])
    answer = ask(reader, f"{home(hotline)}objects/", {"limit": 7})
    first, last = values([one for one in good(answer)["objects"] if one["type"] == "indicator"]), answer
    rest = values(indicators(reader, hotline, added_after=last["X-TAXII-Date-Added-Last"]))
    assert set(first) | set(rest) == {pdq(str(n)) for n in range(9)}


def test_an_empty_page_is_an_empty_object(filled: HashList, reader: Reader) -> None:
    answer = ask(reader, f"{home(filled)}objects/", {"added_after": "2030-01-01T00:00:00Z"})
    assert good(answer) == {}
    assert "X-TAXII-Date-Added-Last" not in answer


def test_a_time_of_the_caller_s_own_clock_is_taken_with_some_minutes_to_spare(
    filled: HashList, reader: Reader, clock: Any
) -> None:
    assert values(indicators(reader, filled, added_after="2026-01-15T12:13:59Z")) == [pdq("4")]
    exact = good(ask(reader, f"{home(filled)}manifest/"))["objects"][-2]["date_added"]
    assert values(indicators(reader, filled, added_after=exact)) == [pdq("4")]


# --- filters ---------------------------------------------------------------------------------------------------------


def test_match_type(filled: HashList, reader: Reader) -> None:
    assert len(objects(reader, filled, **{"match[type]": "indicator"})) == 5
    kinds = {one["type"] for one in objects(reader, filled, **{"match[type]": "identity,marking-definition"})}
    assert kinds == {"identity", "marking-definition"}
    assert objects(reader, filled, **{"match[type]": "malware"}) == []


def test_match_id(filled: HashList, reader: Reader) -> None:
    one = indicators(reader, filled)[2]
    nobody = "indicator--11111111-1111-4111-8111-111111111111"
    assert objects(reader, filled, **{"match[id]": f"{one['id']},{nobody}"}) == [one]
    assert objects(reader, filled, **{"match[id]": nobody}) == []


def test_match_version(filled: HashList, reader: Reader) -> None:
    one = indicators(reader, filled)[2]
    for word in ("first", "last", "all", "first,last", one["modified"]):
        assert one in objects(reader, filled, **{"match[version]": word}), word
    assert objects(reader, filled, **{"match[version]": one["modified"]}) == [one]
    assert objects(reader, filled, **{"match[version]": "2001-01-01T00:00:00Z"}) == []


def test_match_spec_version(filled: HashList, reader: Reader) -> None:
    assert len(objects(reader, filled, **{"match[spec_version]": "2.1"})) == 8
    assert objects(reader, filled, **{"match[spec_version]": "2.0"}) == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "-1"}, {"limit": "x"}, {"limit": ""}, {"next": "x"}, {"next": "0.1.pdq.1.1"},
        {"added_after": "yesterday"}, {"added_after": "2026-01-01T00:00:00"}, {"match[version]": "newest"},
        {"match[id]": ""}, {"match[type]": ",".join(map(str, range(300)))},
        {"match[version]": "0001-01-01T00:00:00+14:00"},
    ],
)  # fmt: skip
def test_a_filter_that_is_none_is_refused(filled: HashList, reader: Reader, query: dict[str, str]) -> None:
    for what in ("objects", "manifest"):
        is_error(ask(reader, f"{home(filled)}{what}/", query), 400)


# --- refusals --------------------------------------------------------------------------------------------------------

PATHS = ["collections/", "{home}", "{home}objects/", "{home}manifest/", "{home}objects/{id}/",
         "{home}objects/{id}/versions/", ""]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_without_a_key_everything_is_401(filled: HashList, reader: Reader, path: str) -> None:
    from django.test import Client as Browser

    one = indicators(reader, filled)[0]["id"]
    where = f"/exchange/{ROOT}{path.format(home=home(filled), id=one)}"
    answer = Browser().get(where, headers={"Accept": TAXII})
    is_error(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "accept",
    ["application/json", "text/html", "application/taxii+json;version=2.0", "application/vnd.oasis.taxii+json"],
)
def test_another_media_type_is_406(filled: HashList, reader: Reader, path: str, accept: str) -> None:
    one = indicators(reader, filled)[0]["id"]
    is_error(ask(reader, path.format(home=home(filled), id=one), Accept=accept), 406)


@pytest.mark.parametrize(
    "accept", [TAXII, "application/taxii+json", "application/taxii+json; version=2.1", "*/*", "text/html, */*;q=0.1"]
)
def test_the_media_type_is_taken_however_it_is_written(filled: HashList, reader: Reader, accept: str) -> None:
    good(ask(reader, "collections/", Accept=accept))


def test_what_is_not_there_is_404(filled: HashList, reader: Reader) -> None:
    secret = make("secret", tlp="red")
    fill(secret, [("pdq", pdq("s"))])
    hidden = Writer(secret).identifier(item(secret, pdq("s")).pk)
    answers = [
        ask(reader, path)
        for path in (
            f"collections/{uuid.uuid4()}/", "collections/none/", "collections/secret/", home(secret),
            f"{home(secret)}objects/", f"{home(secret)}manifest/", f"{home(secret)}objects/{hidden}/",
            f"{home(filled)}objects/{hidden}/", f"{home(filled)}objects/indicator--{uuid.uuid4()}/",
            f"{home(filled)}objects/nonsense/versions/", "status/1/", "elsewhere/",
        )
    ]  # fmt: skip
    for answer in answers:
        assert is_error(answer, 404) == is_error(answers[0], 404)


def test_nobody_writes(filled: HashList, reader: Reader) -> None:
    where = f"{ROOT}{home(filled)}objects/"
    one = indicators(reader, filled)[0]
    body = json.dumps({"objects": [one]})
    assert reader.send("POST", where, body, TAXII).status_code == 403
    assert reader.send("POST", where, body, "application/json").status_code == 415
    assert reader.send("DELETE", f"{where}{one['id']}/").status_code == 403
    answer = reader.send("PUT", where, body, TAXII)
    is_error(answer, 405)
    assert answer["Allow"] == "GET, POST"
    assert indicators(reader, filled)[0] == one
