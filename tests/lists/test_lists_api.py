"""Lists over the API: made, changed, read page by page, filled, marked, imported and exported."""

from __future__ import annotations

import io
from typing import Any

import pytest
from tests.program import Program, is_problem, sha256

from himaya.ledger.queries import entries
from himaya.lists import queries


@pytest.fixture
def program(db: None) -> Program:
    return Program("lists:read", "lists:write")


@pytest.fixture
def benign(program: Program) -> str:
    """An empty list."""
    assert program.post("/lists", {"name": "benign", "source": "Drawn"}).status_code == 201
    return "benign"


def rows(*texts: str, **more: str) -> dict[str, Any]:
    return {"items": [{"signal": "sha256", "value": sha256(text), **more} for text in texts]}


def test_a_list_is_made_and_shown(program: Program) -> None:
    made = program.post("/lists", {"name": "benign", "title": "Benign pictures", "radius": 20})
    told = made.json()
    assert made.status_code == 201
    created_at = told.pop("created_at")
    assert created_at
    assert told == {
        "name": "benign",
        "title": "Benign pictures",
        "source": "",
        "radius": 20,
        "enabled": True,
        "organisations": 1,
        "jurisdictions": 1,
        "disputes": 1,
        "tlp": "amber+strict",
        "common": False,
        "active": 0,
        "disputed": 0,
        "proposed": 0,
        "expired": 0,
        "withdrawn": 0,
        "negative": 0,
        "created_by": program.key.actor,
        "changed_at": None,
    }
    assert program.get("/lists/benign").json() == {**told, "created_at": created_at}
    assert entries(act="list.created").get().actor == program.key.actor


def test_a_name_that_is_taken_or_malformed_is_refused(program: Program, benign: str) -> None:
    told = is_problem(program.post("/lists", {"name": benign}), 422, "bad-list")
    assert "already" in told["detail"]
    told = is_problem(program.post("/lists", {"name": "No Good"}), 422)
    assert told["errors"][0]["where"] == "body.name"
    is_problem(program.post("/lists", {"name": "a", "radius": 65}), 422)
    is_problem(program.post("/lists", {"name": "a", "radius": True}), 422)
    is_problem(program.post("/lists", {"name": "a", "radius": 2**70}), 422)
    is_problem(program.post("/lists", {"name": "a", "owner": "me"}), 422)


def test_a_list_is_switched_off_and_its_radius_changed(program: Program, benign: str) -> None:
    told = program.patch("/lists/benign", {"enabled": False, "radius": 5}).json()
    assert (told["enabled"], told["radius"]) == (False, 5)
    told = program.patch("/lists/benign", {"enabled": True}).json()
    assert (told["enabled"], told["radius"]) == (True, 5)
    is_problem(program.patch("/lists/benign", {}), 422)
    is_problem(program.patch("/lists/nowhere", {"enabled": True}), 404, "unknown-list")


def test_lists_are_listed_page_by_page(program: Program) -> None:
    for name in ("c", "a", "b"):
        program.post("/lists", {"name": name})
    first = program.get("/lists", limit=2).json()
    rest = program.get("/lists", limit=2, cursor=first["next_cursor"]).json()
    assert [told["name"] for told in first["lists"] + rest["lists"]] == ["c", "a", "b"]
    assert rest["next_cursor"] is None


def test_items_are_added_and_brought_up_to_date(program: Program, benign: str) -> None:
    told = program.post("/lists/benign/items", rows("tea", "milk")).json()
    assert (told["rows"], told["added"], told["refused"]) == (2, 2, 0)
    told = program.post("/lists/benign/items", rows("tea", "milk", "salt")).json()
    assert (told["added"], told["unchanged"]) == (1, 2)
    told = program.post("/lists/benign/items", rows("tea", scheme="interpol", code="baseline")).json()
    assert (told["added"], told["changed"]) == (0, 1)
    assert program.get("/lists/benign").json()["active"] == 3


def test_rows_that_cannot_be_taken_are_named_and_none_is_imported(program: Program, benign: str) -> None:
    asked = rows("tea", "milk")
    asked["items"] += [{"signal": "sha256", "value": "abc"}, {"signal": "md5", "value": "0" * 32, "scheme": "interpol"}]
    told = is_problem(program.post("/lists/benign/items", asked), 422, "refused-rows")
    assert told["detail"] == "2 of 4 rows cannot be taken; nothing was imported."
    assert [flaw["where"] for flaw in told["errors"]] == ["body.items[2]", "body.items[3]"]
    assert "both or neither" in told["errors"][1]["why"]
    assert program.get("/lists/benign").json()["active"] == 0
    told = program.post("/lists/benign/items", {**asked, "accept_good": True}).json()
    assert (told["added"], told["refused"]) == (2, 2)
    assert [row["row"] for row in told["refusals"]] == [2, 3]


def test_more_than_a_thousand_items_are_refused(program: Program, benign: str) -> None:
    is_problem(program.post("/lists/benign/items", rows(*map(str, range(1001)))), 422)
    assert program.post("/lists/benign/items", rows(*map(str, range(1000)))).json()["added"] == 1000


def test_items_are_read_page_by_page_and_narrowed(program: Program, benign: str) -> None:
    program.post("/lists/benign/items", rows("a", "b", "c", source="Elsewhere", reference="r", note="n"))
    program.post("/lists/benign/items", {"items": [{"signal": "md5", "value": "A" * 32}]})
    first = program.get("/lists/benign/items", limit=3).json()
    rest = program.get("/lists/benign/items", limit=3, cursor=first["next_cursor"]).json()
    assert [i["value"] for i in first["items"]] == [sha256(text) for text in "abc"]
    assert [i["value"] for i in rest["items"]] == ["a" * 32]
    assert rest["next_cursor"] is None
    item = first["items"][0]
    assert (item["source"], item["reference"], item["note"]) == ("Elsewhere", "r", "n")
    assert (item["state"], item["added_by"], item["list"]) == ("active", program.key.actor, "benign")
    assert len(program.get("/lists/benign/items", signal="md5").json()["items"]) == 1
    assert len(program.get("/lists/benign/items", value=sha256("b").upper()).json()["items"]) == 1
    assert program.get("/lists/benign/items", value="nonsense").json()["items"] == []
    assert program.get("/lists/benign/items", state="withdrawn").json()["items"] == []
    is_problem(program.get("/lists/benign/items", state="gone"), 422)
    is_problem(program.get("/lists/nowhere/items"), 404, "unknown-list")


def test_a_cursor_of_another_list_is_refused(program: Program, benign: str) -> None:
    program.post("/lists", {"name": "other"})
    program.post("/lists/benign/items", rows("a", "b"))
    cursor = program.get("/lists/benign/items", limit=1).json()["next_cursor"]
    told = is_problem(program.get("/lists/other/items", cursor=cursor), 422, "bad-cursor")
    assert "next_cursor" in told["remedy"]


def test_an_item_is_withdrawn_and_stays_so(program: Program, benign: str) -> None:
    program.post("/lists/benign/items", rows("tea"))
    number = program.get("/lists/benign/items").json()["items"][0]["id"]
    told = program.patch(f"/items/{number}", {"state": "withdrawn", "reason": "the source took it back"}).json()
    assert (told["state"], told["reason"], told["list"]) == ("withdrawn", "the source took it back", "benign")
    assert program.post("/lists/benign/items", rows("tea")).json()["kept_withdrawn"] == 1
    is_problem(program.patch(f"/items/{number}", {"state": "withdrawn", "reason": " "}), 422)
    is_problem(program.patch(f"/items/{number}", {"state": "gone", "reason": "x"}), 422)
    is_problem(program.patch(f"/items/{number + 1}", {"state": "active", "reason": "x"}), 404, "unknown-item")
    is_problem(program.patch(f"/items/{2**63}", {"state": "active", "reason": "x"}), 422)


def test_a_file_is_imported(program: Program, benign: str) -> None:
    csv = "\ufeffsignal,value,source\r\n" + "".join(f"sha256,{sha256(t)},Somebody\r\n" for t in "ab")
    told = program.post("/lists/benign/import", csv.encode(), content_type="text/csv; charset=utf-8").json()
    assert (told["rows"], told["added"]) == (2, 2)
    plain = f"{sha256('c')}  picture.jpg\n"
    told = program.post("/lists/benign/import?signal=sha256", plain, content_type="text/plain").json()
    assert told["added"] == 1


def test_a_file_with_bad_lines_is_refused_by_line(program: Program, benign: str) -> None:
    plain = f"sha256:{sha256('a')}\nsha256:xyz\nsha256:{sha256('b')}\n"
    told = is_problem(program.post("/lists/benign/import", plain, content_type="text/plain"), 422, "refused-rows")
    assert [flaw["where"] for flaw in told["errors"]] == ["line 2"]
    assert not queries.items(queries.lists().get()).exists()
    told = program.post("/lists/benign/import?accept_good=true", plain, content_type="text/plain").json()
    assert (told["added"], told["refused"], told["refusals"][0]["row"]) == (2, 1, 2)


def test_a_thousand_refused_lines_are_named_and_the_rest_counted(program: Program, benign: str) -> None:
    told = is_problem(program.post("/lists/benign/import", "sha256:x\n" * 1500, content_type="text/plain"), 422)
    assert len(told["errors"]) == 1000
    assert told["detail"].startswith("1500 of 1500 rows")


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        ("", "text/csv", 422, "empty-list-file"),
        ("a,b\n1,2\n", "text/csv", 422, "bad-list-file"),
        ("0" * 64, "text/plain", 422, "ambiguous-signal"),
        ("x", "application/json", 415, "wrong-media-type"),
        ("x", "image/png", 415, "wrong-media-type"),
    ],
)
def test_a_file_that_is_no_list_is_refused(
    program: Program, benign: str, body: str, kind: str, status: int, code: str
) -> None:
    is_problem(program.post("/lists/benign/import", body, content_type=kind), status, code)


def test_an_import_into_an_unknown_list_is_refused(program: Program) -> None:
    is_problem(program.post("/lists/nowhere/import", "x", content_type="text/plain"), 404, "unknown-list")


def test_an_import_with_a_key_happens_once(program: Program, benign: str) -> None:
    plain = f"sha256:{sha256('a')}\n"
    first = program.post("/lists/benign/import", plain, key="k", content_type="text/plain")
    again = program.post("/lists/benign/import", plain, key="k", content_type="text/plain")
    assert first.json()["added"] == 1
    assert first.content == again.content
    assert entries(act="list.imported").count() == 1
    is_problem(program.post("/lists/benign/import", "sha256:x", key="k", content_type="text/plain"), 422, "key-reused")


@pytest.mark.parametrize(("format_", "media_type"), [("csv", "text/csv"), ("hashes", "text/plain")])
def test_an_export_imports_to_the_same_list(program: Program, benign: str, format_: str, media_type: str) -> None:
    program.post("/lists/benign/items", rows("a", "b", "c"))
    answer = program.get("/lists/benign/export", format=format_)
    text = b"".join(answer.streaming_content)
    assert answer["Content-Type"].startswith(media_type)
    assert "benign" in answer["Content-Disposition"]
    program.post("/lists", {"name": "copy"})
    assert program.post("/lists/copy/import", text, content_type=media_type).json()["added"] == 3
    assert io.BytesIO(text).readline()
    assert entries(act="list.exported").get().actor == program.key.actor
    is_problem(program.get("/lists/benign/export", format="stone"), 404, "unknown-plugin")
    is_problem(program.get("/lists/nowhere/export"), 404, "unknown-list")


@pytest.mark.parametrize("path", ["/lists", "/lists/benign", "/lists/nowhere", "/lists/benign/items"])
def test_without_the_scope_nobody_learns_which_lists_there_are(benign: str, path: str) -> None:
    told = is_problem(Program("lists:write").get(path), 403, "missing-scope")
    assert "benign" not in str(told)


def test_who_may_read_may_not_write(benign: str) -> None:
    reader = Program("lists:read")
    is_problem(reader.post("/lists", {"name": "x"}), 403, "missing-scope")
    is_problem(reader.patch("/lists/benign", {"enabled": False}), 403, "missing-scope")
    is_problem(reader.post("/lists/benign/items", rows("a")), 403, "missing-scope")
    is_problem(reader.post("/lists/benign/import", "x", content_type="text/plain"), 403, "missing-scope")
    is_problem(reader.patch("/items/1", {"state": "active", "reason": "x"}), 403, "missing-scope")
