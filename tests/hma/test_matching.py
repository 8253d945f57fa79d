"""Looking up, comparing and the state of the index."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests import filmed
from tests.configured import configured
from tests.decoding import Decoding
from tests.drawn import flat, picture
from tests.hma import serving
from tests.hma.conftest import SIGNALS, A, B, Hma, refused

from himaya.cases import queries as cases
from himaya.cases.models import Case
from himaya.core import registry
from himaya.core.contents import Content
from himaya.core.ports import ItemRow
from himaya.lists import queries as lists
from himaya.lists import services as list_services
from himaya.screening import queries as screening
from himaya.screening import services
from himaya.screening.fingerprinting import CRASHED

NAMES = [*SIGNALS, "video_md5"]


@pytest.fixture
def pdq() -> str:
    return registry.signal("pdq").compute(Content(picture(1)))[0].value


def turned(value: str, bits: int) -> str:
    """A value that is ``bits`` away."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


# --- hashes ----------------------------------------------------------------------------------------------------------


def test_a_match_is_told_with_its_number_and_its_distance_as_text(hma: Hma, pdq: str) -> None:
    hma.bank()
    number = hma.signal(pdq=pdq)
    found = hma.get("/m/lookup", signal=turned(pdq, 31), signal_type="pdq")
    assert found.json() == {"KNOWN": [{"bank_content_id": number, "distance": "31"}]}
    assert hma.matches(turned(pdq, 32), "pdq") == {}


def test_what_is_not_known_is_an_empty_object(hma: Hma) -> None:
    found = hma.get("/m/lookup", signal=A, signal_type="md5")
    assert (found.status_code, found.content) == (200, b"{}")


def test_matches_stand_under_their_banks_nearest_first(hma: Hma, pdq: str) -> None:
    hma.bank("ONE"), hma.bank("TWO")
    far, near = hma.signal("ONE", pdq=turned(pdq, 9)), hma.signal("ONE", pdq=turned(pdq, 2))
    other = hma.signal("TWO", pdq=pdq)
    assert hma.matches(pdq, "pdq") == {"TWO": [other], "ONE": [near, far]}


def test_the_search_is_narrowed_to_banks_and_an_unknown_one_is_passed_over(hma: Hma) -> None:
    hma.bank("ONE"), hma.bank("TWO")
    numbers = {bank: hma.signal(bank, md5=A) for bank in ("ONE", "TWO")}
    assert hma.matches(A, banks="TWO") == {"TWO": [numbers["TWO"]]}
    assert hma.matches(A, banks="TWO,NOBODY") == {"TWO": [numbers["TWO"]]}
    assert hma.matches(A, banks="NOBODY") == {}
    assert set(hma.matches(A, banks="ONE,TWO")) == {"ONE", "TWO"}


def test_seed_and_coin_change_nothing(hma: Hma) -> None:
    hma.bank()
    number = hma.signal(md5=A)
    assert hma.matches(A, seed="x", bypass_coinflip="true") == {"KNOWN": [number]}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "Either url or both signal and signal_type are required"),
        ({"signal": A}, "required"),
        ({"signal_type": "md5"}, "required"),
        ({"signal": "zz", "signal_type": "md5"}, "Invalid md5 signal"),
        ({"signal": "", "signal_type": "pdq"}, "required"),
        ({"signal": A, "signal_type": "nonsense"}, "SignalType 'nonsense' does not exist"),
    ],
)
def test_a_question_that_is_none_is_refused(hma: Hma, query: dict[str, str], words: str) -> None:
    refused(hma.get("/m/lookup", **query), 400, words)


def test_the_raw_lookup_tells_numbers(hma: Hma, pdq: str) -> None:
    hma.bank("ONE"), hma.bank("TWO")
    far, near = hma.signal("ONE", pdq=turned(pdq, 9)), hma.signal("TWO", pdq=turned(pdq, 2))
    ask = {"signal": pdq, "signal_type": "pdq"}
    assert hma.get("/m/raw_lookup", **ask).json() == {"matches": [near, far]}
    assert hma.get("/m/raw_lookup", **ask, banks="ONE").json() == {"matches": [far]}
    assert hma.get("/m/raw_lookup", **ask, include_distance="true").json() == {
        "matches": [{"bank_content_id": near, "distance": "2"}, {"bank_content_id": far, "distance": "9"}]
    }
    hma.put("/c/bank/ONE", {"enabled": False})
    assert hma.get("/m/raw_lookup", **ask).json() == {"matches": [near]}


def test_the_raw_lookup_says_what_it_lacks(hma: Hma) -> None:
    refused(hma.get("/m/raw_lookup", signal=A), 422, "signal_type is required")
    refused(hma.get("/m/raw_lookup", signal_type="md5"), 422, "signal is required")
    refused(hma.get("/m/raw_lookup", signal=A, signal_type="md5", include_distance="maybe"), 400, "true or false")


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_file_is_looked_up_by_every_signal(hma: Hma) -> None:
    hma.bank()
    number = hma.upload("/c/bank/KNOWN/content", picture(1)).json()["id"]
    same = {"KNOWN": [{"bank_content_id": number, "distance": "0"}]}
    assert hma.upload("/m/lookup", picture(1)).json() == dict.fromkeys(SIGNALS, same)
    near = hma.upload("/m/lookup?types=pdq,md5", picture(1, quality=60)).json()
    assert near["md5"] == {}
    assert [row["bank_content_id"] for row in near["pdq"]["KNOWN"]] == [number]
    assert hma.upload("/m/lookup?banks=NOBODY&types=pdq", picture(1)).json() == {"pdq": {}}


def test_a_file_that_is_not_known_names_what_was_asked(hma: Hma) -> None:
    assert hma.upload("/m/lookup", picture(1)).json() == {key: {} for key in SIGNALS}


def test_a_picture_without_detail_is_looked_up_by_what_it_has(hma: Hma) -> None:
    told = hma.upload("/m/lookup", flat())
    assert told.status_code == 200
    assert set(told.json()) == set(SIGNALS) - {"pdq"}
    refused(hma.upload("/m/lookup?types=pdq", flat()), 400, "not hashable", "too little detail")


def test_a_video_is_looked_up_by_its_looks(hma: Hma) -> None:
    """By the name that HMA's own extension has, and the distance is the mean one of the frames that match."""
    hma.bank()
    frames = filmed.frames_of(filmed.clip(7, 6))
    rows = [ItemRow(0, "vpdq", frames)]
    list_services.add_items(list_services.find_list("known"), rows=rows, by="system")
    number = lists.items(list_services.find_list("known")).get().pk
    names = ["vpdq", "sha1", "sha256", "video_md5"]
    same = hma.upload("/m/lookup", filmed.clip(7, 6) + b"x", field="video").json()
    assert same == {name: {} for name in names} | {"vpdq": {"KNOWN": [{"bank_content_id": number, "distance": "0"}]}}
    other = filmed.clip(7, 6, "webm", "libvpx")
    [expected] = services.look([services.Content(other, "")]).answers[0].matches
    assert expected.distance > 0
    [found] = hma.upload("/m/lookup?types=vpdq", other, field="video").json()["vpdq"]["KNOWN"]
    assert found == {"bank_content_id": number, "distance": str(expected.distance)}
    assert hma.upload("/m/lookup?types=vpdq", filmed.clip(3, 6), field="video").json() == {"vpdq": {}}
    assert hma.upload("/m/lookup?types=vpdq&banks=NOBODY", other, field="video").json() == {"vpdq": {}}


def test_a_video_that_an_address_names_is_looked_up_by_its_looks(
    hma: Hma, server: serving.Served, pages: dict[str, serving.Serve]
) -> None:
    hma.bank()
    rows = [ItemRow(0, "vpdq", filmed.frames_of(filmed.clip(7, 6)))]
    list_services.add_items(list_services.find_list("known"), rows=rows, by="system")
    pages["/a.mp4"] = serving.content(filmed.clip(7, 6) + b"x", "video/mp4")
    url = serving.at(server, "/a.mp4")
    found = hma.get("/m/lookup", url=url).json()
    assert list(found["vpdq"]) == ["KNOWN"]
    assert hma.get("/m/lookup", url=url, signal_type="vpdq").json() == found["vpdq"]
    refused(hma.get("/h/hash", url=url, types="vpdq"), 400, "signal_type 'vpdq'")


def test_frames_are_told_of_no_photo_and_taken_from_nobody(hma: Hma) -> None:
    frames = filmed.frames_of(filmed.clip(7, 2))
    hma.bank()
    refused(hma.upload("/m/lookup?types=vpdq", picture(1)), 400, "signal_type 'vpdq'")
    refused(hma.get("/m/lookup", signal=frames, signal_type="vpdq"), 400, "SignalType 'vpdq'")
    refused(hma.post("/c/bank/KNOWN/signal", {"vpdq": frames}), 400, "SignalType 'vpdq'")
    refused(hma.upload("/c/bank/KNOWN/content?types=vpdq", filmed.clip(7, 2), field="video"), 400, "vpdq")


def test_a_file_is_looked_up_by_what_is_asked_and_nothing_else_is_computed(hma: Hma, decoding: Decoding) -> None:
    decoding("fingerprinting.decode:kill")
    hma.bank()
    clip = filmed.clip(7, 6)
    number = hma.signal(video_md5=hashlib.md5(clip).hexdigest())
    same = {"KNOWN": [{"bank_content_id": number, "distance": "0"}]}
    assert hma.upload("/m/lookup?types=video_md5,sha1", clip, field="video").json() == {"video_md5": same, "sha1": {}}
    refused(hma.upload("/m/lookup?types=vpdq", clip, field="video"), 400, CRASHED)
    assert hma.upload("/m/lookup", clip, field="video").json() == {"video_md5": same, "sha1": {}, "sha256": {}}


def test_a_case_that_a_look_up_opens_has_what_was_asked(hma: Hma) -> None:
    hma.bank()
    hma.signal(video_md5=hashlib.md5(filmed.clip(7, 6)).hexdigest())
    with configured(hma_open_cases=True):
        for types, has in (("?types=video_md5", {"md5"}), ("", {"md5", "sha1", "sha256", "vpdq"})):
            hma.upload(f"/m/lookup{types}", filmed.clip(7, 6), field="video")
            assert {signal for signal, *_ in Case.objects.get().fingerprints} == has


def test_what_time_does_not_suffice_for_is_left_out_of_the_answer(hma: Hma, decoding: Decoding) -> None:
    decoding("fingerprinting.decode:sleep=60")
    hma.bank()
    clip = filmed.clip(7, 6)
    number = hma.signal(video_md5=hashlib.md5(clip).hexdigest())
    with configured(screen_seconds=2):
        found = hma.upload("/m/lookup", clip, field="video").json()
        assert found == {
            "video_md5": {"KNOWN": [{"bank_content_id": number, "distance": "0"}]}, "sha1": {}, "sha256": {}
        }  # fmt: skip
        refused(hma.upload("/m/lookup?types=vpdq", clip, field="video"), 503, "time for decoding")
    assert screening.today() == {"hit": 1}


# --- what follows ----------------------------------------------------------------------------------------------------


def test_questions_are_counted_and_open_no_case(hma: Hma) -> None:
    hma.bank()
    hma.signal(md5=A)
    hma.matches(A), hma.matches(B), hma.upload("/m/lookup", picture(1))
    assert screening.today() == {"hit": 1, "miss": 2}
    assert cases.tally()["cases.open"] == 0


def test_where_the_operator_wants_it_a_hit_opens_a_case(hma: Hma) -> None:
    hma.bank()
    hma.signal(md5=A)
    with configured(hma_open_cases=True):
        hma.matches(B)
        assert cases.tally()["cases.open"] == 0
        hma.matches(A), hma.matches(A)
    assert cases.tally()["cases.open"] == 1
    assert screening.today() == {"hit": 2, "miss": 1}


def test_a_miss_asks_the_database_no_more_than_screening_does(hma: Hma, pdq: str) -> None:
    hma.bank()
    hma.signal(pdq=pdq)
    for value, kind in ((turned(pdq, 90), "pdq"), (A, "md5")):
        hma.matches(value, kind)  # the index is loaded, the key's use is noted
        with CaptureQueriesContext(connection) as asked:
            hma.matches(value, kind)
        tables = [query["sql"] for query in asked.captured_queries]
        assert not any("hma_" in sql for sql in tables), tables
        assert len(tables) <= 5, tables  # the key, the revision, the day's count within its savepoint


# --- comparing, and the index ----------------------------------------------------------------------------------------


def test_two_values_are_compared(hma: Hma, pdq: str) -> None:
    ask = {"pdq": [pdq, turned(pdq, 9)], "md5": [A, B], "video_md5": [A, A.upper()]}
    assert hma.post("/m/compare", ask).json() == {
        "pdq": [True, {"distance": 9}],
        "md5": [False, {"distance": registry.signal("md5").distance(A, B)}],
        "video_md5": [True, {"distance": 0}],
    }
    assert hma.post("/m/compare", {"pdq": [pdq, turned(pdq, 32)]}).json() == {"pdq": [False, {"distance": 32}]}


@pytest.mark.parametrize("body", [[], {"md5": A}, {"md5": [A]}, {"md5": [A, B, A]}, {"md5": [A, "zz"]}, {"x": [A, B]}])
def test_a_comparison_that_is_none_is_refused(hma: Hma, body: Any) -> None:
    refused(hma.post("/m/compare", body), 400)


def test_the_index_is_never_behind(hma: Hma, clock: Any) -> None:
    assert hma.get("/m/index/status").json() == {n: {"present": True, "built_to": -1, "size": 0} for n in NAMES}
    hma.bank()
    hma.signal(md5=A)
    hma.delete(f"/c/bank/KNOWN/content/{hma.signal(md5=B)}")
    now = int(clock.now().timestamp())
    assert hma.get("/m/index/status", signal_type="video_md5").json() == {
        "video_md5": {"present": True, "built_to": now, "size": 1}
    }
    assert hma.get("/c/signal_type/index").json()["md5"] == {
        "db_size": 1, "index_size": 1, "index_out_of_date": False, "newest_db_item": now, "index_built_to": now
    }  # fmt: skip
    refused(hma.get("/m/index/status", signal_type="x"), 400, "SignalType 'x'")
    refused(hma.get("/c/signal_type/index", signal_type="x"), 400, "SignalType 'x'")


def test_a_list_that_was_there_before_is_looked_up_like_a_bank(hma: Hma) -> None:
    made = list_services.create_list("hotline-2024", by="system")
    list_services.add_items(made, rows=[ItemRow(0, "md5", A)], by="system")
    assert hma.matches(A) == {"HOTLINE_2024": [lists.items(made).get().pk]}
    assert hma.matches(A, banks="HOTLINE_2024") == {"HOTLINE_2024": [lists.items(made).get().pk]}
