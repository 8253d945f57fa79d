"""What a draft lacks by its form, told at its place, whatever its values are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from himaya.core.filing import Choice, Draft, DraftFile, Form, FormField, Gap
from himaya.core.filling import MOST, gaps, moment, ordered, pruned

INNER = FormField("contact", "Contact", "group", one_of=True,
                  fields=(FormField("email", "E-mail", "text"), FormField("phone", "Telephone", "text")))  # fmt: skip
REPORT = FormField(
    "report", "Report", "group",
    fields=(
        FormField("name", "Name", "text", required=True, longest=5),
        FormField("kind", "Kind", "choice", choices=(Choice("A", "a"), Choice("B", "b"))),
        FormField("flag", "Flag", "flag"),
        FormField("count", "Count", "number"),
        FormField("at", "When", "moment"),
        FormField("tags", "Tags", "text", many=True),
        FormField("look", "Look", "text", suggested=True, why="It helps."),
        INNER,
        FormField("people", "People", "group", many=True, fields=(FormField("id", "Id", "text", required=True),)),
    ),
)  # fmt: skip
FORM = Form(REPORT, FormField("file", "File", "group", fields=(FormField("viewed", "Viewed", "flag", required=True),)))
FINE = {"name": "five!", "look": "seen"}


def places(values: dict[str, Any], *files: DraftFile, form: Form = FORM) -> dict[str, bool]:
    return {gap.path: gap.blocks for gap in gaps(form, Draft("k", {**FINE, **values}, files))}


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"name": ""}, "report/name"),
        ({"name": "  "}, "report/name"),
        ({"name": None}, "report/name"),
        ({"name": 7}, "report/name"),
        ({"name": "sixsix"}, "report/name"),
        ({"name": "a\0"}, "report/name"),
        ({"name": "\ud800"}, "report/name"),
        ({"kind": "C"}, "report/kind"),
        ({"kind": ["A"]}, "report/kind"),
        ({"flag": 1}, "report/flag"),
        ({"count": True}, "report/count"),
        ({"count": 1.5}, "report/count"),
        ({"at": "2026-11-29T12:00:00"}, "report/at"),
        ({"at": "2026-W48-7"}, "report/at"),
        ({"at": "2026-02-30"}, "report/at"),
        ({"tags": "one"}, "report/tags"),
        ({"tags": ["one", 2]}, "report/tags/1"),
        ({"tags": ["x"] * (MOST + 1)}, "report/tags"),
        ({"contact": {"email": "a", "phone": "b"}}, "report/contact"),
        ({"contact": "a"}, "report/contact"),
        ({"people": [{"id": "1"}, {}]}, "report/people/1/id"),
        ({"people": [7]}, "report/people/0"),
        ({"other": "x"}, "report/other"),
    ],
)
def test_what_is_wrong_blocks_at_its_place(values: dict[str, Any], path: str) -> None:
    assert places(values) == {path: True}


def test_what_is_right_has_no_gap() -> None:
    fine = {
        "kind": "A", "flag": False, "count": 0, "at": "2026-11-29T12:00:00.5+05:30", "tags": ["a", "b"],
        "contact": {"email": "a", "phone": ""}, "people": [{"id": "1"}],
    }  # fmt: skip
    assert places(fine) == {}


def test_what_is_merely_worth_a_look_says_why_and_does_not_block() -> None:
    (gap,) = gaps(FORM, Draft("k", {"name": "five!"}))
    assert gap == Gap("report/look", "It helps.", False)


def test_files_are_checked_by_their_own_form_and_go_nowhere_without_one() -> None:
    file = DraftFile("exhibit-1", "0" * 64, 1, "image/png", {})
    assert places({}, file) == {"file:exhibit-1/viewed": True}
    assert places({}, file, form=Form(REPORT)) == {"file:exhibit-1": True}


def test_the_blocking_come_first_and_each_once() -> None:
    look, stop = Gap("report/a", "look", False), Gap("report/b", "stop", True)
    assert ordered([look, stop, look]) == (stop, look)


def test_what_is_empty_is_left_out_however_deep_and_zero_and_no_are_not_empty() -> None:
    told = {"a": "", "b": [None, {"c": []}, "x"], "d": {"e": {"f": " "}}, "g": 0, "h": False}
    assert pruned(told) == {"b": ["x"], "g": 0, "h": False}


def test_a_date_begins_at_midnight_in_utc() -> None:
    assert moment("2026-11-29") == datetime(2026, 11, 29, tzinfo=UTC)
    assert moment("2026-11-29T01:00+02:00") == datetime(2026, 11, 28, 23, tzinfo=UTC)
    assert moment("9999-12-31T23:59:59-12:00") is None
