"""POST /api/v1/screen: files or hashes, one or many; and what it says of those that cannot be screened."""

from __future__ import annotations

from typing import Any

import pytest
from tests import drawn
from tests.configured import configured
from tests.decoding import Decoding
from tests.program import Program, is_problem, sha256

from himaya.cases import queries as cases
from himaya.core import registry
from himaya.core.config import config
from himaya.core.contents import Content
from himaya.core.ports import ItemRow
from himaya.lists import services as lists
from himaya.screening import decoders
from himaya.screening import queries as screening
from himaya.screening.fingerprinting import CRASHED, OUT_OF_TIME


@pytest.fixture
def program(db: None) -> Program:
    return Program("screen", "scans:read")


@pytest.fixture
def known(program: Program) -> bytes:
    """A picture whose SHA-256 and PDQ are on the list ``benign``, and a text whose SHA-256 is on ``other``."""
    content = drawn.picture(1)
    listed = lists.create_list("benign", by="system", source="Drawn", radius=31)
    rows = [
        ItemRow(1, "sha256", sha256(content), "interpol", "baseline", "A hotline", "ref-1"),
        ItemRow(2, "pdq", registry.signal("pdq").compute(Content(content))[0].value),
    ]
    lists.add_items(listed, rows=rows, by="system")
    lists.add_items(lists.create_list("other", by="system"), rows=[ItemRow(1, "sha256", sha256("tea"))], by="system")
    return content


def one(answer: Any) -> dict[str, Any]:
    """The only answer to a request about one thing."""
    assert answer.status_code == 200, answer.content
    (told,) = answer.json()["answers"]
    return dict(told)


def value(content: bytes | str, **more: str) -> dict[str, str]:
    return {"signal": "sha256", "value": sha256(content), **more}


def test_a_known_hash_is_answered_with_everything_that_is_known_of_it(program: Program, known: bytes) -> None:
    answer = program.post("/screen", {"items": [value(known, place="https://host.example/1")]})
    told = one(answer)
    assert answer.json()["hits"] == 1
    assert told["place"] == "https://host.example/1"
    assert told["fingerprints"] == [{"signal": "sha256", "value": sha256(known), "quality": None}]
    (match,) = told["matches"]
    added_at = match["provenance"].pop("added_at")
    assert added_at.endswith("+00:00")
    assert isinstance(match.pop("item"), int)
    assert match == {
        "list": "benign",
        "signal": "sha256",
        "value": sha256(known),
        "distance": 0,
        "radius": 0,
        "variant": "",
        "overlap": None,
        "state": "active",
        "quarantined": False,
        "class": {"scheme": "interpol", "code": "baseline"},
        "provenance": {"source": "A hotline", "added_by": "system", "reference": "ref-1"},
    }
    case = cases.case(told["case"]["id"])
    assert case is not None
    assert told["case"]["reference"] == case.reference
    assert cases.sightings(case).get().place == "https://host.example/1"


def test_an_unknown_hash_leaves_nothing_but_a_number(program: Program, known: bytes) -> None:
    told = one(program.post("/screen", {"items": [value("never seen")]}, key="k1"))
    assert (told["matches"], told["case"]) == ([], None)
    assert screening.today() == {"miss": 1}
    assert not cases.queue().exists()


def test_a_known_file_is_found_by_its_bytes_and_by_its_looks(program: Program, known: bytes) -> None:
    told = one(program.upload(known))
    assert {m["signal"] for m in told["matches"]} == {"sha256", "pdq"}
    assert told["media_type"] == "image/jpeg"
    assert told["size"] == len(known)
    assert told["place"] == "file-0.jpg"
    recoded = one(program.upload(drawn.picture(1, quality=60)))
    assert {m["signal"] for m in recoded["matches"]} == {"pdq"}
    assert 0 <= recoded["matches"][0]["distance"] <= 31
    assert recoded["matches"][0]["class"] is None


def test_files_may_be_told_where_they_were_met(program: Program, known: bytes) -> None:
    answer = program.upload(known, drawn.picture(2), place=["https://a.example/", "https://b.example/"])
    assert [told["place"] for told in answer.json()["answers"]] == ["https://a.example/", "https://b.example/"]
    answer = program.upload(known, drawn.picture(2), place="one for all")
    assert [told["place"] for told in answer.json()["answers"]] == ["one for all"] * 2
    told = is_problem(program.upload(known, known, known, place=["a", "b"]), 422)
    assert told["errors"] == [{"where": "body.place", "why": "2 places for 3 files: give one, or one for each"}]


def test_a_thousand_hashes_are_answered_in_their_order(program: Program, known: bytes) -> None:
    items = [value(str(n)) for n in range(1000)]
    items[417] = value(known)
    told = program.post("/screen", {"items": items}).json()
    assert told["hits"] == 1
    assert [n for n, a in enumerate(told["answers"]) if a["matches"]] == [417]
    assert [a["fingerprints"][0]["value"] for a in told["answers"]] == [i["value"] for i in items]


def test_more_than_a_thousand_are_refused_and_none_is_screened(program: Program, known: bytes) -> None:
    told = is_problem(program.post("/screen", {"items": [value(known)] * 1001}), 413, "too-many")
    assert "1001" in told["detail"]
    assert "1000" in told["detail"]
    assert told["remedy"] == "Send them in several requests."
    is_problem(program.upload(*[b"x"] * 1001), 413, "too-many")
    assert not screening.today()
    assert not cases.queue().exists()


def test_every_item_that_cannot_be_read_is_named(program: Program, known: bytes) -> None:
    items = [
        value(known),
        {"signal": "sha256", "value": "abc"},
        {"signal": "smell", "value": "abc"},
        {"signal": "pdq", "value": "z" * 64},
    ]
    told = is_problem(program.post("/screen", {"items": items}), 422, "bad-items")
    assert told["detail"] == "3 of 4 items cannot be read; nothing was screened."
    assert [flaw["where"] for flaw in told["errors"]] == ["body.items[1]", "body.items[2]", "body.items[3]"]
    assert "'smell'" in told["errors"][1]["why"]
    assert not cases.queue().exists()


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"items": []}, "body.items"),
        ({"items": [{"signal": "md5"}]}, "body.items[0].value"),
        ({"items": [{"signal": "md5", "value": 7}]}, "body.items[0].value"),
        ({"items": [{"signal": "md5", "value": "a\0"}]}, "body.items[0].value"),
        ({"items": [{"signal": "md5", "value": "a" * 201}]}, "body.items[0].value"),
        ({"items": [{"signal": "md5", "value": "a", "place": "a" * 4001}]}, "body.items[0].place"),
        ({"items": [{"signal": "md5", "value": "a", "colour": "red"}]}, "body.items[0].colour"),
        ({"items": [{"signal": "md5", "value": "a"}], "open_cases": "false"}, "body.open_cases"),
        ({"items": [{"signal": "md5", "value": "a"}], "lists": ["A B"]}, "body.lists[0]"),
        ([], "body"),
    ],
)
def test_a_wrong_field_is_named(program: Program, body: Any, where: str) -> None:
    told = is_problem(program.post("/screen", body), 422, "bad-request")
    assert [flaw["where"] for flaw in told["errors"]] == [where]


@pytest.mark.parametrize(
    "body", [" ", "{", '{"items": "\ud800"}'.encode("utf-8", "surrogatepass"), b"\xff\xfe", "[NaN"]
)
def test_a_body_that_is_no_json_is_refused(program: Program, body: Any) -> None:
    told = is_problem(program.post("/screen", body), 400)
    assert "The body is not JSON" in str(told)
    assert "pydantic" not in str(told)


def test_another_kind_of_body_is_refused(program: Program) -> None:
    told = is_problem(program.post("/screen", "a=b", content_type="text/plain"), 415, "wrong-media-type")
    assert "multipart/form-data" in told["detail"]


def test_a_file_that_cannot_be_screened_says_why_and_the_others_are(program: Program, known: bytes) -> None:
    names = ["empty.jpg", "cut.jpg", "text.jpg", "page.html", "known.jpg", "bomb.png"]
    mislabelled = drawn.picture(3, "PNG")
    contents = [b"", drawn.truncated(drawn.picture(2)), mislabelled, b"<p>tea</p>", known, drawn.bomb()]
    answers = program.upload(*contents, names=names).json()["answers"]
    empty, cut, png, page, hit, bomb = answers
    assert empty["skipped"]["reason"] == "the file is empty"
    assert [p["signal"] for p in cut["problems"]] == ["pdq"]
    assert cut["problems"][0]["why"]
    assert {f["signal"] for f in cut["fingerprints"]} == {"md5", "sha1", "sha256"}
    assert png["media_type"] == "image/png"
    assert {f["signal"] for f in png["fingerprints"]} == {"md5", "pdq", "sha1", "sha256"}
    assert {f["signal"] for f in page["fingerprints"]} == {"md5", "sha1", "sha256"}
    assert page["problems"] == []
    assert hit["case"] is not None
    assert bomb["problems"][0]["signal"] == "pdq"
    assert [a["place"] for a in answers] == names
    assert screening.today() == {"hit": 1, "miss": 4, "skipped": 1}


def test_a_file_that_is_too_large_is_refused_by_name(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config(), "max_file_bytes", 1024)
    told = is_problem(program.upload(b"x", b"x" * 1025, names=["a.bin", "b.bin"]), 413, "too-large")
    assert "b.bin has 1025 bytes" in told["detail"]


def test_a_request_that_is_too_large_is_refused_before_it_is_read(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "max_request_bytes", 1024)
    told = is_problem(program.post("/screen", b" " * 1025), 413, "request-too-large")
    assert "1024" in told["detail"]


def test_fields_that_a_form_does_not_have_are_refused(program: Program) -> None:
    told = is_problem(program.upload(b"x", colour="red"), 422)
    assert told["errors"][0]["where"] == "body.colour"
    told = is_problem(program.upload(b"x", open_cases="perhaps"), 422)
    assert told["errors"][0]["where"] == "body.open_cases[0]"
    told = is_problem(program.upload(), 422)
    assert told["errors"][0]["where"] == "body.files"


def test_a_form_that_is_cut_off_is_refused(program: Program) -> None:
    answer = program.post("/screen", b"no form", content_type="multipart/form-data")
    is_problem(answer, 400, "unreadable")


def test_only_the_named_lists_are_looked_in(program: Program, known: bytes) -> None:
    items = [value(known), value("tea")]
    told = program.post("/screen", {"items": items, "lists": ["other"]}).json()
    assert [len(a["matches"]) for a in told["answers"]] == [0, 1]
    told = program.upload(known, lists="other").json()
    assert told["hits"] == 0


def test_an_unknown_list_is_refused_and_others_are_named_only_to_who_may_read_them(
    program: Program, known: bytes
) -> None:
    asked = {"items": [value(known)], "lists": ["nowhere"]}
    told = is_problem(program.post("/screen", asked), 404, "unknown-list")
    assert "'nowhere'" in told["detail"]
    assert "benign" not in told["detail"]
    told = is_problem(Program("screen", "lists:read").post("/screen", asked), 404, "unknown-list")
    assert "benign" in told["detail"]
    assert not cases.queue().exists()


def test_files_that_were_not_decoded_in_time_say_so_and_the_others_are_answered(
    program: Program, known: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIMAYA_FAULT", "fingerprinting.begin:sleep=60@2")
    slow = decoders.Decoders(1)
    monkeypatch.setattr(decoders, "_shared", slow)
    slow.level()
    with configured(screen_seconds=2):
        answer = program.upload(known, b"b", b"c")
    slow.close()
    told = answer.json()
    assert told["hits"] == 1
    assert [one["skipped"] and one["skipped"]["reason"] for one in told["answers"]] == [None, OUT_OF_TIME, OUT_OF_TIME]
    assert told["answers"][0]["case"]
    assert screening.today() == {"hit": 1, "skipped": 2}


@pytest.mark.parametrize(("fault", "why"), [("sleep=60", OUT_OF_TIME), ("kill", CRASHED)])
def test_a_file_that_was_not_decoded_is_answered_by_its_digests_and_says_why(
    program: Program, known: bytes, decoding: Decoding, fault: str, why: str
) -> None:
    decoding(f"fingerprinting.decode:{fault}")
    with configured(screen_seconds=2):
        answer = program.upload(known)
    told = one(answer)
    assert answer.json()["hits"] == 1
    assert told["skipped"] is None
    assert told["problems"] == [{"signal": "pdq", "why": why}]
    assert [match["signal"] for match in told["matches"]] == ["sha256"]
    assert told["case"]
    assert screening.today() == {"hit": 1}


def test_without_open_cases_nothing_is_opened(program: Program, known: bytes) -> None:
    told = one(program.post("/screen", {"items": [value(known)], "open_cases": False}))
    assert told["matches"]
    assert told["case"] is None
    told = one(program.upload(known, open_cases="false"))
    assert told["matches"]
    assert told["case"] is None
    assert not cases.queue().exists()


def test_the_same_request_with_the_same_key_is_one_sighting(program: Program, known: bytes) -> None:
    asked = {"items": [value(known, place="here")]}
    first, again = program.post("/screen", asked, key="k1"), program.post("/screen", asked, key="k1")
    assert first.content == again.content
    assert cases.queue().get().sightings == 1
    assert one(program.post("/screen", asked, key="k2"))["case"]
    assert cases.queue().get().sightings == 2
    assert screening.today() == {"hit": 2}


def test_the_same_files_in_a_new_form_are_the_same_request(program: Program, known: bytes) -> None:
    first, again = program.upload(known, key="k1"), program.upload(known, key="k1")
    assert first.content == again.content
    assert cases.queue().get().sightings == 1
    is_problem(program.upload(drawn.picture(2), key="k1"), 422, "key-reused")
    is_problem(program.upload(known, key="k1", open_cases="false"), 422, "key-reused")


def test_one_hash_is_cheap(program: Program, known: bytes, django_assert_max_num_queries: Any) -> None:
    program.post("/screen", {"items": [value("warm")]})
    with django_assert_max_num_queries(5):  # key, items, savepoint, count, release
        program.post("/screen", {"items": [value("tea leaves")]})


def test_a_thousand_hashes_take_no_more_queries_than_ten(
    program: Program, known: bytes, django_assert_max_num_queries: Any
) -> None:
    program.post("/screen", {"items": [value("warm")]})
    with django_assert_max_num_queries(7):
        program.post("/screen", {"items": [value(str(n)) for n in range(1000)]})


def test_a_key_without_the_scope_may_not_screen(db: None) -> None:
    told = is_problem(Program("lists:read").post("/screen", {"items": [value("tea")]}), 403, "missing-scope")
    assert "'screen'" in told["detail"]


def test_scans_are_listed_newest_first(program: Program, tmp_path: Any) -> None:
    from himaya.screening.scanning import scan

    (tmp_path / "tea.txt").write_text("tea")
    numbers = [scan([str(tmp_path)], by="system").scan for _ in range(3)]
    first = program.get("/scans", limit=2).json()
    assert [s["id"] for s in first["scans"]] == [numbers[2], numbers[1]]
    assert first["scans"][0]["state"] == "finished"
    rest = program.get("/scans", limit=2, cursor=first["next_cursor"]).json()
    assert ([s["id"] for s in rest["scans"]], rest["next_cursor"]) == ([numbers[0]], None)
    assert program.get(f"/scans/{numbers[0]}").json()["counts"]["files"] == 1
    is_problem(program.get(f"/scans/{numbers[2] + 1}"), 404, "unknown-scan")
