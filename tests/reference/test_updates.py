"""An update of the program brings another edition: it never overwrites what this node wrote, and both can be seen."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from himaya.core.reference import TABLES, editions
from himaya.reference import queries, services

pytestmark = pytest.mark.django_db
KJT, OTHER = "lu-helpline-kanner-jugendtelefon", "li-helpline-pro-juventute-147"
Update = Callable[[dict[str, dict[str, str] | None]], None]


@pytest.fixture
def update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Update]:
    """``update({key: fields})``: a later version of the program, with contacts changed, or taken out (None)."""

    def ship(changes: dict[str, dict[str, str] | None]) -> None:
        rows = {key: dict(row) for key, row in editions.shipped("contacts").items()}
        for key, fields in changes.items():
            if fields is None:
                del rows[key]
            else:
                rows[key] = rows.get(key, {}) | fields
        out = io.StringIO()
        writer = csv.DictWriter(out, ["key", *(one.name for one in TABLES["contacts"].fields)], restval="")
        writer.writeheader()
        writer.writerows({"key": key} | row for key, row in rows.items())
        (tmp_path / "contacts.csv").write_text(out.getvalue(), "utf-8", newline="")
        monkeypatch.setattr(editions, "SHIPPED", tmp_path)
        editions.shipped.cache_clear()

    yield ship
    monkeypatch.undo()
    editions.shipped.cache_clear()


def numbers(key: str) -> str:
    return queries.row("contacts", key).values["numbers"]


def test_a_row_that_nobody_touched_follows_the_program(update: Update) -> None:
    update({KJT: {"numbers": "116 112"}})
    assert numbers(KJT) == "116 112"


def test_a_row_that_was_changed_here_stays_and_shows_that_the_program_moved_on(update: Update) -> None:
    services.change_row("contacts", key=KJT, values={"numbers": "1"}, reason="we rang them", by="person:1")
    assert not queries.row("contacts", KJT).moved
    update({KJT: {"numbers": "116 112"}, OTHER: {"note": "new"}})
    row = queries.row("contacts", KJT)
    assert (row.values["numbers"], row.shipped["numbers"], row.moved) == ("1", "116 112", True)
    assert row.revision.shipped["numbers"] == "116 111", "what it was when it was changed here"
    assert queries.standing("contacts").moved == 1
    services.change_row("contacts", key=KJT, values={"note": "looked at again"}, reason="compared", by="person:1")
    assert not queries.row("contacts", KJT).moved


def test_what_was_set_aside_stays_aside_whatever_the_program_says(update: Update) -> None:
    services.set_row_aside("contacts", key=KJT, reason="wrong number", by="person:1")
    update({KJT: {"numbers": "116 112"}})
    assert queries.contact_points("LU", kind="helpline") == []
    services.restore_row("contacts", key=KJT, reason="corrected", by="person:1")
    assert queries.contact_points("LU", kind="helpline")[0].numbers == ("116 112",)


def test_a_row_given_back_to_the_program_follows_it_again(update: Update) -> None:
    services.change_row("contacts", key=KJT, values={"numbers": "1"}, reason="r", by="person:1")
    services.take_shipped_row("contacts", key=KJT, reason="r", by="person:1")
    update({KJT: {"numbers": "116 112"}})
    assert numbers(KJT) == "116 112"


def test_what_the_program_ships_no_longer_is_kept_where_somebody_here_touched_it(update: Update) -> None:
    services.change_row("contacts", key=KJT, values={"numbers": "1"}, reason="r", by="person:1")
    services.set_row_aside("contacts", key=OTHER, reason="r", by="person:1")
    update({KJT: None, OTHER: None})
    row = queries.row("contacts", KJT)
    assert (row.values["numbers"], row.shipped, row.moved) == ("1", None, True)
    assert queries.row("contacts", OTHER).values["name"] == "Pro Juventute 147"
    assert [one.key for one in queries.rows("contacts", place="LI", aside=True)] == [OTHER]


def test_a_field_that_comes_with_an_update_is_empty_in_what_was_written_before(update: Update) -> None:
    services.change_row("contacts", key=KJT, values={"numbers": "1"}, reason="r", by="person:1")
    revision = queries.row("contacts", KJT).revision
    type(revision).objects.update(values={name: v for name, v in revision.values.items() if name != "hours"})
    assert queries.contact_points("LU", kind="helpline")[0].hours == ""


def test_a_new_row_of_the_program_does_not_meet_one_of_ours(update: Update) -> None:
    new = dict(editions.shipped("contacts")[KJT]) | {"name": "New"}
    services.add_row("contacts", values=new, reason="r", by="person:1")
    update({"lu-helpline-new": new})
    assert sorted(one.key for one in queries.contact_points("LU", kind="helpline")) == [
        KJT,
        "lu-helpline-new",
        "own-lu-1",
    ]
