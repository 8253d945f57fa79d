"""The door to lists in Himaya's own form: what a partner may fetch, in which parts, and how it votes."""

from __future__ import annotations

import json
from base64 import b64decode
from io import BytesIO
from typing import Any

import pytest
from django.test import Client as Browser
from tests.federation import native
from tests.federation.conftest import Reader, fill, item, make, pdq

from himaya.core.config import config
from himaya.core.merkle import verify_consistency
from himaya.core.notes import VerifierKey
from himaya.core.outward import Client
from himaya.core.proofs import Proof
from himaya.core.repository.origins import Line
from himaya.federation.models import Publication
from himaya.federation.native import publishing
from himaya.federation.queries import use_today
from himaya.federation.services import add_partner
from himaya.ledger.queries import entries
from himaya.lists import organisations
from himaya.lists.models import HashList
from himaya.lists.models import Statement as Row
from himaya.log import queries as log

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_published")]


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


@pytest.fixture
def door(filled: HashList, reader: Reader) -> Reader:
    publishing.publish(filled)
    return reader


def full_file(of: HashList) -> str:
    return next(f"targets/{path}" for path in native.files(of) if ".full-" in path)


def test_a_partner_sees_the_lists_that_it_may_read_and_the_log_s_key(door: Reader) -> None:
    hidden = make("hidden", tlp="red")
    fill(hidden, [("pdq", pdq("x"))])
    publishing.publish(hidden)
    told = door.get("himaya/").json()
    assert [one["name"] for one in told["lists"]] == ["hotline"]
    assert told["organisation"] == organisations.own().name
    assert told["log"] == [str(key) for key in log.verifier_keys()]


@pytest.mark.parametrize(
    "place",
    [
        "metadata/timestamp.json",
        "metadata/1.root.json",
        "{full}",
        "proof/{digest}",
        "consistency/1-1",
        "nowhere",
        "metadata/../../1.root.json",
        "metadata/%2e%2e/secret",
    ],
)
def test_a_list_that_may_not_be_read_is_one_that_is_not_there(door: Reader, place: str) -> None:
    hidden = make("hidden", tlp="red")
    fill(hidden, [("pdq", pdq("x"))])
    publishing.publish(hidden)
    digest = Publication.objects.get(list=hidden).sha256
    path = place.format(full=full_file(hidden), digest=digest)
    there, absent = door.get(f"himaya/hidden/{path}"), door.get(f"himaya/absent/{path}")
    assert there.status_code == absent.status_code == 404
    assert body(there) == body(absent)
    assert not entries(act="list.read", about="list:hidden").exists()


@pytest.mark.parametrize("place", ["1.root.json", ".publishing", "hotline/.lock", "hotline/metadata/.lock"])
def test_what_is_no_part_of_the_repository_is_not_served(door: Reader, place: str) -> None:
    assert door.get(f"himaya/{place}").status_code == 404
    assert door.get(f"himaya/hotline/metadata/../../{place}").status_code == 404


@pytest.mark.parametrize("way", ["himaya/{}", "himaya/{}/", "misp/{}/"])
def test_a_right_address_can_be_told_from_a_wrong_one(door: Reader, filled: HashList, way: str) -> None:
    answer = door.get(way.format("hotline"))
    assert (answer.status_code, json.loads(answer.content)["name"]) == (200, "hotline")
    assert door.get(way.format("hotlin")).status_code == 404
    assert Browser().get(f"/exchange/{way.format('hotline')}").status_code == 401


def test_nobody_reads_without_a_key(door: Reader, filled: HashList) -> None:
    for path in ("", "hotline/metadata/timestamp.json", f"hotline/{full_file(filled)}", "hotline/votes"):
        assert Browser().get(f"/exchange/himaya/{path}").status_code == 401


def test_a_file_comes_whole_in_parts_and_not_beyond_its_end(door: Reader, filled: HashList) -> None:
    path = f"himaya/hotline/{full_file(filled)}"
    whole = door.get(path)
    content = body(whole)
    size = len(content)
    assert whole["Accept-Ranges"] == "bytes"
    assert int(whole["Content-Length"]) == size
    for asked, part in {
        "bytes=0-": content,
        "bytes=10-": content[10:],
        "bytes=10-19": content[10:20],
        f"bytes={size - 1}-": content[-1:],
        f"bytes=5-{size * 2}": content[5:],
    }.items():
        answer = door.get(path, Range=asked)
        assert (answer.status_code, body(answer)) == (206, part)
        assert int(answer["Content-Length"]) == len(part)
        assert answer["Content-Range"].endswith(f"/{size}")
    beyond = door.get(path, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{size}")
    for odd in ("bytes=-5", "bytes=0-1,3-4", "lines=1-2", "bytes=x", "bytes=9-3"):
        answer = door.get(path, Range=odd)
        assert (answer.status_code, body(answer)) in ((200, content), (416, b""))


def test_a_head_tells_the_length_and_nothing_else(door: Reader, filled: HashList) -> None:
    path = f"himaya/hotline/{full_file(filled)}"
    answer = door.send("HEAD", path)
    assert (answer.status_code, body(answer)) == (200, b"")
    assert int(answer["Content-Length"]) == next(
        size for name, size in native.files(filled).items() if ".full-" in name
    )
    assert use_today(door.partner)[1] == 0
    assert not entries(act="list.read").exists()


def test_what_never_changes_may_be_kept_and_the_timestamp_may_not(door: Reader, filled: HashList) -> None:
    for path in (full_file(filled), "metadata/1.root.json", "metadata/1.targets.json"):
        assert "immutable" in door.get(f"himaya/hotline/{path}")["Cache-Control"]
        assert "private" in door.get(f"himaya/hotline/{path}")["Cache-Control"]
    assert door.get("himaya/hotline/metadata/timestamp.json")["Cache-Control"] == "no-store"


def test_a_file_is_counted_once_however_many_parts_it_comes_in(door: Reader, filled: HashList) -> None:
    path = f"himaya/hotline/{full_file(filled)}"
    body(door.get(path))
    for first in (10, 100, 200):
        body(door.get(path, Range=f"bytes={first}-"))
    assert use_today(door.partner) == (4, 40)
    [entry] = entries(act="list.read", about="list:hotline")
    assert (entry.actor, entry.data["protocol"], entry.data["items"]) == ("partner:platform", "himaya", 40)


def test_a_file_without_its_first_byte_is_counted_too(door: Reader, filled: HashList) -> None:
    body(door.get(f"himaya/hotline/{full_file(filled)}", Range="bytes=1-"))
    assert use_today(door.partner)[1] == 40
    assert entries(act="list.read", about="list:hotline").exists()


def test_who_has_read_enough_today_gets_no_file_and_no_part_of_one(filled: HashList) -> None:
    publishing.publish(filled)
    small = Reader("small", items_a_day=39).reads("hotline")
    for part in ("bytes=0-", "bytes=1-", "bytes=1-"):
        answer = small.get(f"himaya/hotline/{full_file(filled)}", Range=part)
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0
    assert small.get("himaya/hotline/metadata/timestamp.json").status_code == 200
    assert use_today(small.partner)[1] == 0


def test_a_file_is_proved_by_its_digest(door: Reader, filled: HashList) -> None:
    one = Publication.objects.get(list=filled)
    answer = door.get(f"himaya/hotline/proof/{one.sha256}")
    proof = Proof.read(answer.content)
    proved = proof.check([VerifierKey.read(str(log.verifier_keys()[0]))])
    told = json.loads(proved.event)
    assert (told["kind"], told["list"], told["sha256"]) == ("publication", "hotline", one.sha256)
    other = make("other")
    fill(other, [("pdq", pdq("y"))])
    publishing.publish(other)
    elsewhere = Publication.objects.get(list=other).sha256
    for digest in (elsewhere, "0" * 64):
        assert door.get(f"himaya/hotline/proof/{digest}").status_code == 404


def test_that_the_log_only_grew_is_proved_to_who_reads_a_list(door: Reader, filled: HashList) -> None:
    first = log.latest()
    fill(filled, [("pdq", pdq("new"))])
    publishing.publish(filled)
    second = log.latest()
    assert first is not None
    assert second is not None
    answer = door.get(f"himaya/hotline/consistency/{first.size}-{second.size}")
    proof = [b64decode(one) for one in answer.json()["proof"]]
    sizes = {"old": first.size, "new": second.size, "old_root": first.root, "new_root": second.root}
    verify_consistency(**sizes, proof=proof)  # type: ignore[arg-type]
    for wrong, status in ((f"1-{second.size + 1}", 404), ("5-1", 422), ("9" * 15 + "-" + "9" * 15, 404)):
        assert door.get(f"himaya/hotline/consistency/{wrong}").status_code == status


# --- votes -----------------------------------------------------------------------------------------------------------


def ballot(**more: Any) -> dict[str, Any]:
    return {"signal": "pdq", "value": pdq("1"), "opinion": "dispute", "reason": "A landscape.", **more}


def cast(reader: Reader, told: Any, to: str = "hotline") -> Any:
    text = told if isinstance(told, str) else json.dumps(told)
    return reader.send("POST", f"himaya/{to}/votes", text, "application/json")


@pytest.fixture
def voter(filled: HashList) -> Reader:
    return Reader("voter", votes=True, organisation="voter.example", jurisdiction="NL").reads("hotline")


def votes() -> list[tuple[str, str]]:
    rows = Row.objects.filter(act__in=("confirm", "dispute", "abstain")).order_by("pk")
    return list(rows.values_list("organisation__name", "act"))


def test_a_partner_votes_in_its_own_name(voter: Reader, filled: HashList) -> None:
    answer = cast(voter, ballot())
    assert answer.status_code == 200
    assert answer.json() == {"item": item(filled, pdq("1")).pk, "opinion": "dispute"}
    assert cast(voter, ballot()).status_code == 200  # twice is once
    assert votes() == [("voter.example", "dispute")]
    assert item(filled, pdq("1")).state == "disputed"
    [entry] = entries(act="item.voted")
    assert (entry.actor, entry.data["organisation"]) == ("partner:voter", "voter.example")


def test_a_vote_cannot_be_cast_in_another_name(voter: Reader) -> None:
    mine = organisations.own().name
    add_partner("victim", by="system", organisation="victim.example", votes=True)
    for name in ("organisation", "by", "actor", "partner", "speaker"):
        for whose in (mine, "victim.example", 1):
            cast(voter, ballot(**{name: whose}))
    voter.client.post(
        "/exchange/himaya/hotline/votes?organisation=victim.example",
        json.dumps(ballot()),
        "application/json",
        headers={"X-Organisation": "victim.example", "From": mine},
    )
    assert {whose for whose, _ in votes()} == {"voter.example"}


def test_who_was_not_admitted_to_vote_does_not(door: Reader) -> None:
    assert cast(door, ballot()).status_code == 403
    assert votes() == []


def test_an_item_that_is_not_on_the_list_or_a_list_that_may_not_be_read_is_not_there(voter: Reader) -> None:
    hidden = make("hidden", tlp="red")
    fill(hidden, [("pdq", pdq("x"))])
    assert cast(voter, ballot(value=pdq("never"))).status_code == 404
    assert cast(voter, ballot(value=pdq("x"))).status_code == 404
    for to in ("hidden", "absent"):
        assert cast(voter, ballot(value=pdq("x")), to).status_code == 404
    assert votes() == []


@pytest.mark.parametrize(
    "told",
    [
        "",
        "{",
        "[]",
        "1",
        '"text"',
        "null",
        "[" * 20_000,
        {"signal": "pdq"},
        ballot(signal="none"),
        ballot(signal=["pdq"]),
        ballot(value="xyz"),
        ballot(value=None),
        ballot(opinion="delete"),
        ballot(reason="half a pair \ud800"),
        ballot(reason="a NUL \0"),
        ballot(reason=""),
        ballot(reason="x" * 501),
    ],
)
def test_a_vote_that_is_nonsense_is_refused_and_nothing_happens(voter: Reader, told: Any) -> None:
    answer = cast(voter, told)
    assert answer.status_code in (400, 404, 422)
    assert answer["Content-Type"] == "application/problem+json"
    assert votes() == []


def test_a_vote_without_an_end_is_refused(voter: Reader) -> None:
    assert cast(voter, "x" * (config().max_request_bytes + 1)).status_code in (400, 413)


# --- our own connector through the door ------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_our_own_connector_goes_on_in_the_middle_of_a_file(
    live_server: Any, filled: HashList, holders: native.Holders
) -> None:
    publishing.publish(filled)
    reader = Reader("remote").reads("hotline")
    headers = {"Authorization": f"Bearer {reader.secret}"}
    line = Line(f"{live_server.url}/exchange/himaya/hotline", Client(private=True), headers=headers)
    path = full_file(filled)
    content = (native.place(filled) / path).read_bytes()
    came = BytesIO(content[:100])
    line.large(path, came, len(content), lambda _: None)
    assert came.getvalue() == content
    line._client.close()
