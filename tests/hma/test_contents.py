"""Contents of a bank: what is added, switched off, removed and added again, and what a person's word is worth."""

from __future__ import annotations

import hashlib
import itertools
from datetime import timedelta
from typing import Any

import pytest
from tests.configured import configured
from tests.core.test_sketch import vivid
from tests.decoding import Decoding
from tests.drawn import flat, picture
from tests.hma.conftest import SIGNALS, A, B, C, Hma, refused

from himaya.core import drawing, registry
from himaya.core.contents import Content
from himaya.core.ports import ItemRow, Options
from himaya.hma import services
from himaya.ledger.worker import _ticks
from himaya.lists import queries as lists
from himaya.lists import services as list_services
from himaya.screening.fingerprinting import CRASHED

SHA1 = "0" * 39 + "1"


def items(name: str = "known") -> dict[str, str]:
    """Value → state, for the items of a list."""
    return {item.value: item.state for item in lists.items(list_services.find_list(name))}


def item_id(value: str, name: str = "known") -> int:
    return int(lists.items(list_services.find_list(name)).get(value=value).pk)


@pytest.fixture(autouse=True)
def known(hma: Hma) -> None:
    hma.bank()


# --- adding ----------------------------------------------------------------------------------------------------------


def test_a_hash_is_added_and_matches_at_once(hma: Hma) -> None:
    answer = hma.post("/c/bank/KNOWN/signal", {"video_md5": A.upper()})
    number = item_id(A)
    assert (answer.status_code, answer.json()) == (200, {"id": number, "signals": {"video_md5": A}})
    assert hma.matches(A, "video_md5") == hma.matches(A, "md5") == {"KNOWN": [number]}


def test_several_signals_are_one_content(hma: Hma) -> None:
    number = hma.signal(md5=A, sha1=SHA1)
    assert number > services.OF_SEVERAL
    assert hma.matches(A) == hma.matches(SHA1, "sha1") == {"KNOWN": [number]}
    assert hma.get(f"/c/bank/KNOWN/content/{number}", include_signals="true").json() == {
        "id": number,
        "disable_until_ts": 1,
        "original_media_uri": None,
        "bank": {"name": "KNOWN", "matching_enabled_ratio": 1.0},
        "note": None,
        "signals": {"md5": A, "sha1": SHA1},
    }


def test_the_same_content_has_the_same_number_again(hma: Hma) -> None:
    assert hma.signal(md5=A) == hma.signal(md5=A)
    assert hma.signal(md5=B, sha1=SHA1) == hma.signal(sha1=SHA1, md5=B)
    noted = hma.signal(md5=A, note="the second")
    assert hma.signal(md5=A, note="the second") == noted != hma.signal(md5=A)
    assert len(items()) == 3


def test_contents_that_share_a_hash_are_both_found(hma: Hma) -> None:
    one, other = hma.signal(md5=A, sha1=SHA1), hma.signal(md5=B, sha1=SHA1)
    assert hma.matches(SHA1, "sha1") == {"KNOWN": [one, other]}
    assert hma.matches(A) == {"KNOWN": [one]}
    assert hma.matches(B) == {"KNOWN": [other]}


def test_an_item_of_an_imported_list_keeps_its_number_and_its_terms(hma: Hma) -> None:
    row = ItemRow(0, "md5", A, scheme="interpol", code="baseline", source="a hotline", note="theirs")
    list_services.add_items(list_services.find_list("known"), rows=[row], by="system")
    number = item_id(A)
    assert hma.matches(A) == {"KNOWN": [number]}
    assert hma.signal(md5=A) == number
    both = hma.signal(md5=A, sha1=SHA1)
    assert hma.matches(A) == {"KNOWN": [number, both]}
    kept = lists.item(number)
    assert (kept.scheme, kept.code, kept.source, kept.note) == ("interpol", "baseline", "a hotline", "theirs")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "No signals given"),
        ({"note": "alone"}, "No signals given"),
        ({"md5": "zz"}, "Invalid md5 signal"),
        ({"md5": 7}, "signal type to hash"),
        (["md5"], "signal type to hash"),
        ({"nonsense": A}, "SignalType 'nonsense' does not exist"),
        ({"md5": A, "video_md5": B}, "another name of the same signal"),
        ({"md5": A, "note": "n" * 256}, "note"),
        ({"md5": A, "note": "a\0b"}, "note"),
    ],
)
def test_what_cannot_be_added_is_said_and_nothing_is_written(hma: Hma, body: Any, words: str) -> None:
    refused(hma.post("/c/bank/KNOWN/signal", body), 400, words)
    assert items() == {}


def test_a_file_is_added_by_all_its_signals_and_forgotten(hma: Hma) -> None:
    answer = hma.upload("/c/bank/KNOWN/content", picture(1), note="a landscape", content_id="42", metadata='{"a": [1]}')
    told = answer.json()
    assert answer.status_code == 200
    assert set(told) == {"id", "signals"}
    assert set(told["signals"]) == set(SIGNALS)
    content = hma.get(f"/c/bank/KNOWN/content/{told['id']}", include_metadata="true", include_signals="true").json()
    assert content["metadata"] == {"content_id": "42", "json": {"a": [1]}}
    assert content["note"] == "a landscape"
    assert content["signals"] == told["signals"]
    assert {item.reference for item in lists.items(list_services.find_list("known"))} == {"42"}


def test_what_is_added_is_the_exact_value_and_a_question_is_answered_by_the_shorter_way(hma: Hma) -> None:
    """Others match by what is on a list, and by no shorter way that this version happens to take."""
    content = drawing.encode(vivid(drawing.landscape(12, width=1100, height=1030)), quality=60)
    pdq = registry.signal("pdq")
    exact, near = (pdq.compute(Content(content), Options(exact=exact))[0].value for exact in (True, False))
    assert 0 < pdq.distance(exact, near) < 8, "this picture shows the difference"
    added = hma.upload("/c/bank/KNOWN/content", content).json()
    assert added["signals"]["pdq"] == exact
    assert [item.value for item in lists.items(list_services.find_list("known")).filter(signal="pdq")] == [exact]
    assert hma.upload("/h/hash", content).json()["pdq"] == near
    found = hma.upload("/m/lookup?types=pdq", content).json()["pdq"]["KNOWN"]
    assert found == [{"bank_content_id": added["id"], "distance": str(pdq.distance(exact, near))}]


def test_what_time_does_not_suffice_for_is_not_added_by_halves(hma: Hma, decoding: Decoding) -> None:
    decoding("fingerprinting.decode:sleep=60")
    with configured(screen_seconds=2):
        answer = hma.upload("/c/bank/KNOWN/content", picture(1))
        refused(answer, 503, "time for decoding")
        assert answer["Retry-After"]
        assert items() == {}
        assert hma.upload("/c/bank/KNOWN/content?types=md5", picture(1)).status_code == 200


def test_a_file_that_ends_its_decoder_is_added_by_its_digests_and_says_so(hma: Hma, decoding: Decoding) -> None:
    decoding("fingerprinting.decode:kill")
    told = hma.upload("/c/bank/KNOWN/content", picture(1)).json()
    assert told["signals"]["sha256"] == hashlib.sha256(picture(1)).hexdigest()
    assert told["problems"] == {"pdq": CRASHED}


def test_only_the_types_that_are_asked_for_are_added(hma: Hma) -> None:
    told = hma.upload("/c/bank/KNOWN/content?types=pdq,md5", picture(1)).json()
    assert list(told["signals"]) == ["pdq", "md5"]


def test_a_picture_without_detail_is_added_without_its_pdq_and_says_why(hma: Hma) -> None:
    told = hma.upload("/c/bank/KNOWN/content", flat()).json()
    assert "pdq" not in told["signals"]
    assert "too little detail" in told["problems"]["pdq"]
    refused(hma.upload("/c/bank/KNOWN/content?types=pdq", flat()), 400, "not hashable", "too little detail")


@pytest.mark.parametrize(
    "fields", [{"metadata": "{"}, {"metadata": "[]"}, {"content_id": "a\0b"}, {"metadata": '{"a": "\\u0000"}'}]
)
def test_metadata_that_no_database_keeps_are_refused(hma: Hma, fields: dict[str, str]) -> None:
    refused(hma.upload("/c/bank/KNOWN/content", picture(1), **fields), 400)
    refused(hma.upload("/c/bank/KNOWN/content", picture(1), metadata='{"a": "%s"}' % ("x" * 20_000)), 400, "metadata")
    assert items() == {}


def test_neither_a_file_nor_an_address_is_too_little(hma: Hma) -> None:
    refused(hma.post("/c/bank/KNOWN/content", {"note": "x"}), 400, "Neither `url` nor multipart file upload")


# --- off, on, removed ------------------------------------------------------------------------------------------------


def test_a_content_is_switched_off_and_on(hma: Hma) -> None:
    number = hma.signal(md5=A, sha1=SHA1)
    off = hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": 0})
    assert (off.status_code, off.json()["disable_until_ts"]) == (200, 0)
    assert set(items().values()) == {"withdrawn"}
    assert hma.matches(A) == {}
    assert hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": 1}).json()["disable_until_ts"] == 1
    assert hma.matches(A) == {"KNOWN": [number]}


def test_an_imported_item_is_switched_off_and_on(hma: Hma) -> None:
    list_services.add_items(list_services.find_list("known"), rows=[ItemRow(0, "md5", A)], by="system")
    number = item_id(A)
    hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": 0, "note": "a mistake"})
    told = hma.get(f"/c/bank/KNOWN/content/{number}").json()
    assert (told["disable_until_ts"], told["note"], hma.matches(A)) == (0, "a mistake", {})
    hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": 1})
    assert hma.matches(A) == {"KNOWN": [number]}


def test_what_rests_until_a_moment_is_on_again_when_it_has_come(hma: Hma, clock: Any) -> None:
    number = hma.signal(md5=A)
    until = int(clock.now().timestamp()) + 3600
    assert hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": until}).json()["disable_until_ts"] == until
    assert not services.end_rests()
    clock.advance(timedelta(minutes=59))
    assert not services.end_rests()
    assert hma.matches(A) == {}
    clock.advance(timedelta(minutes=1))
    assert services.end_rests()
    assert hma.matches(A) == {"KNOWN": [number]}
    assert hma.get(f"/c/bank/KNOWN/content/{number}").json()["disable_until_ts"] == 1
    assert not services.end_rests()
    assert services.end_rests in _ticks


def test_a_moment_that_has_passed_is_on(hma: Hma, clock: Any) -> None:
    number = hma.signal(md5=A)
    assert hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": 2}).json()["disable_until_ts"] == 1
    assert hma.matches(A) == {"KNOWN": [number]}


@pytest.mark.parametrize(("until", "status"), [(-1, 400), (2**70, 400), ("soon", 422), (1.5, 422)])
def test_a_moment_that_is_none_is_refused(hma: Hma, until: Any, status: int) -> None:
    number = hma.signal(md5=A)
    refused(hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": until}), status)
    assert hma.matches(A) == {"KNOWN": [number]}


def test_more_than_five_years_are_refused(hma: Hma, clock: Any) -> None:
    number, farthest = hma.signal(md5=A), int(clock.now().timestamp()) + services.FARTHEST
    refused(hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": farthest + 1}), 400, "5 years")
    assert hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": farthest}).status_code == 200


def test_a_removed_content_is_withdrawn_and_kept(hma: Hma) -> None:
    number = hma.signal(md5=A, sha1=SHA1)
    assert hma.delete(f"/c/bank/KNOWN/content/{number}").json() == {"deleted": 1}
    assert items() == {A: "withdrawn", SHA1: "withdrawn"}
    assert hma.matches(A) == {}
    refused(hma.get(f"/c/bank/KNOWN/content/{number}"), 404, "not found")
    refused(hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": 1}), 404, "not found")
    assert hma.delete(f"/c/bank/KNOWN/content/{number}").json() == {"deleted": 0}


def test_what_this_door_withdrew_it_can_add_again_under_a_new_number(hma: Hma) -> None:
    number = hma.signal(md5=A)
    hma.delete(f"/c/bank/KNOWN/content/{number}")
    again = hma.signal(md5=A)
    assert again != number
    assert hma.matches(A) == {"KNOWN": [again]}


def test_a_content_that_is_off_is_not_told_though_another_has_its_hash(hma: Hma) -> None:
    one, other = hma.signal(md5=A, sha1=SHA1), hma.signal(md5=B, sha1=SHA1)
    hma.put(f"/c/bank/KNOWN/content/{one}", {"disable_until_ts": 0})
    assert hma.matches(SHA1, "sha1") == {"KNOWN": [other]}
    assert hma.get(f"/c/bank/KNOWN/content/{one}").json()["disable_until_ts"] == 0
    hma.put(f"/c/bank/KNOWN/content/{one}", {"disable_until_ts": 1})
    assert hma.matches(SHA1, "sha1") == {"KNOWN": [one, other]}


def test_a_shared_hash_goes_with_the_last_content_that_has_it(hma: Hma) -> None:
    one, other = hma.signal(md5=A, sha1=SHA1), hma.signal(md5=B, sha1=SHA1)
    hma.delete(f"/c/bank/KNOWN/content/{one}")
    assert items() == {A: "withdrawn", SHA1: "active", B: "active"}
    assert hma.matches(SHA1, "sha1") == {"KNOWN": [other]}
    hma.delete(f"/c/bank/KNOWN/content/{other}")
    assert set(items().values()) == {"withdrawn"}


# --- a person's word -------------------------------------------------------------------------------------------------


def test_what_a_person_withdrew_stays_withdrawn(hma: Hma) -> None:
    number = hma.signal(md5=A)
    list_services.mark_item(number, state="withdrawn", by="person:1", reason="it was a mistake")
    assert hma.get(f"/c/bank/KNOWN/content/{number}").json()["disable_until_ts"] == 0
    refused(hma.post("/c/bank/KNOWN/signal", {"md5": A, "sha1": SHA1}), 409, "stays so", "it was a mistake")
    refused(hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": 1}), 409, "stays so")
    assert items() == {A: "withdrawn"}


def test_what_this_door_withdrew_and_then_a_person_stays_withdrawn(hma: Hma) -> None:
    number = hma.signal(md5=A)
    hma.delete(f"/c/bank/KNOWN/content/{number}")
    list_services.mark_item(number, state="withdrawn", by="person:1", reason="indeed")
    refused(hma.post("/c/bank/KNOWN/signal", {"md5": A}), 409, "stays so")


def test_what_a_person_restored_matches_and_says_so(hma: Hma) -> None:
    number = hma.signal(md5=A)
    hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": 0})
    list_services.mark_item(number, state="active", by="person:1", reason="it is known")
    assert hma.matches(A) == {"KNOWN": [number]}
    assert hma.get(f"/c/bank/KNOWN/content/{number}").json()["disable_until_ts"] == 1


def test_what_a_person_withdrew_does_not_come_back_when_a_rest_ends(hma: Hma, clock: Any) -> None:
    number = hma.signal(md5=A)
    hma.put(f"/c/bank/KNOWN/content/{number}", {"disable_until_ts": int(clock.now().timestamp()) + 60})
    list_services.mark_item(number, state="withdrawn", by="person:1", reason="for good")
    clock.advance(timedelta(minutes=2))
    assert services.end_rests()
    assert items() == {A: "withdrawn"}


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_a_content_is_reached_through_its_own_bank_alone(hma: Hma) -> None:
    hma.bank("OTHER")
    list_services.add_items(list_services.find_list("known"), rows=[ItemRow(0, "md5", C)], by="system")
    for number in (hma.signal(md5=A), hma.signal(md5=B, sha1=SHA1), item_id(C)):
        assert hma.get(f"/c/bank/KNOWN/content/{number}").status_code == 200
        refused(hma.get(f"/c/bank/OTHER/content/{number}"), 404, "not found in bank 'OTHER'")
        refused(hma.put(f"/c/bank/OTHER/content/{number}", {"disable_until_ts": 0}), 404, "not found")
        assert hma.delete(f"/c/bank/OTHER/content/{number}").json() == {"deleted": 0}
    assert set(items().values()) == {"active"}


@pytest.mark.parametrize("number", ["0", "999999999999999999", "9" * 30, "-1", "abc"])
def test_a_number_that_nothing_has_is_not_found(hma: Hma, number: str) -> None:
    refused(hma.get(f"/c/bank/KNOWN/content/{number}"), 404)


def test_numbers_are_never_given_out_twice(hma: Hma) -> None:
    given = set()
    for note, values in itertools.product(("one", "two"), ({"md5": A}, {"md5": B, "sha1": SHA1}, {"md5": C})):
        number = hma.signal(note=note, **values)
        hma.delete(f"/c/bank/KNOWN/content/{number}")
        given.add(number)
    assert len(given) == 6
    assert hma.signal(md5="0" * 31 + "9") not in given


def test_a_picture_banked_here_is_the_picture_that_screening_knows(hma: Hma) -> None:
    told = hma.upload("/c/bank/KNOWN/content", picture(1)).json()
    signal = registry.signal("pdq")
    near = signal.compute(Content(picture(1, quality=60)))[0].value
    assert near != told["signals"]["pdq"]
    assert hma.matches(near, "pdq") == {"KNOWN": [told["id"]]}
