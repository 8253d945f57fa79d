"""Operators change the reference: with a reason, on record, over what is shipped; nothing goes away."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from himaya.core.periods import Period
from himaya.core.reference import BadRow, TimeLimit
from himaya.ledger.queries import entries
from himaya.reference import queries, services
from himaya.reference.models import Revision
from himaya.reference.rows import UnknownRow, UnknownTable, digest

pytestmark = pytest.mark.django_db
KJT = "lu-helpline-kanner-jugendtelefon"
OURS = {"numbers": "116 111; 28 77 70", "basis": "confirmed", "checked": "2026-11-28", "source": "their letter"}
OWN = {
    "country": "LU", "kind": "budapest-24-7", "name": "The contact point", "email": "duty@police.example",
    "source": "the list of the network", "checked": "2026-11-28", "basis": "confirmed", "confidence": "high",
}  # fmt: skip


def changed(**more: Any) -> Any:
    return services.change_row("contacts", key=KJT, values=OURS, reason="we rang them", by="person:1", **more)


def test_untouched_the_reference_is_what_is_shipped() -> None:
    found = queries.contact_points("LU", kind="helpline")
    assert [one.key for one in found] == [KJT]
    assert (found[0].kind, found[0].numbers, found[0].mark.ours) == ("helpline", ("116 111",), False)
    assert queries.standing("contacts") == queries.Standing(used=214, ours=0, moved=0, aside=0)


def test_a_change_counts_at_once_beside_what_is_shipped(clock: Any) -> None:
    row = changed()
    assert (row.ours, row.moved, row.aside, row.number) == (True, False, False, 1)
    assert row.shipped["numbers"] == "116 111"
    (contact,) = queries.contact_points("LU", kind="helpline")
    assert (contact.numbers, contact.mark.ours, contact.mark.basis) == (("116 111", "28 77 70"), True, "confirmed")
    assert contact.website == "https://www.kjt.lu/de/", "what was not changed stays"
    (told,) = queries.history(row)
    assert (told.reason, told.by, told.at) == ("we rang them", "person:1", clock.now())


def test_a_change_is_on_record_without_its_words() -> None:
    row = changed()
    (entry,) = entries(act="reference.changed")
    assert (entry.actor, entry.about) == ("person:1", f"reference:contacts/{KJT}")
    assert entry.data == {
        "what": "changed",
        "number": 1,
        "fields": ["numbers", "source", "checked", "basis"],
        "sha256": digest(row.values),
    }


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\0b"])
def test_a_change_needs_a_reason(reason: str) -> None:
    with pytest.raises(services.NoReasonGiven):
        services.change_row("contacts", key=KJT, values=OURS, reason=reason, by="person:1")
    assert not Revision.objects.exists()
    assert not entries(act="reference.changed").exists()


def test_what_cannot_stand_changes_nothing() -> None:
    with pytest.raises(BadRow, match="E-mail address"):
        services.change_row("contacts", key=KJT, values={"email": "x"}, reason="r", by="person:1")
    with pytest.raises(BadRow, match="no such field"):
        services.change_row("contacts", key=KJT, values={"key": "other"}, reason="r", by="person:1")
    with pytest.raises(services.NothingChanges):
        services.change_row("contacts", key=KJT, values={"numbers": "116 111"}, reason="r", by="person:1")
    assert not Revision.objects.exists()


def test_of_two_who_change_the_same_row_the_second_is_told() -> None:
    changed(seen=0)
    with pytest.raises(services.ChangedMeanwhile):
        services.change_row("contacts", key=KJT, values={"note": "x"}, reason="r", by="person:2", seen=0)
    services.change_row("contacts", key=KJT, values={"note": "x"}, reason="r", by="person:2", seen=1)
    assert queries.row("contacts", KJT).number == 2


def test_a_row_set_aside_is_found_by_nobody_but_its_history_and_comes_back() -> None:
    changed()
    services.set_row_aside("contacts", key=KJT, reason="it moved", by="person:1")
    assert queries.contact_points("LU", kind="helpline") == []
    assert queries.rows("contacts", place="LU", aside=True)[0].values["numbers"] == OURS["numbers"]
    with pytest.raises(services.NothingChanges):
        services.set_row_aside("contacts", key=KJT, reason="again", by="person:1")
    services.restore_row("contacts", key=KJT, reason="a mistake", by="person:2")
    assert queries.contact_points("LU", kind="helpline")[0].numbers == ("116 111", "28 77 70")
    history = queries.history(queries.row("contacts", KJT))
    assert [(one.number, one.reason) for one in history] == [(3, "a mistake"), (2, "it moved"), (1, "we rang them")]
    assert [entry.data["what"] for entry in entries(act="reference.changed")] == ["restored", "set-aside", "changed"]


def test_the_shipped_words_can_hold_again_and_ours_stay_in_the_history() -> None:
    with pytest.raises(services.NothingChanges):
        services.take_shipped_row("contacts", key=KJT, reason="r", by="person:1")
    changed()
    row = services.take_shipped_row("contacts", key=KJT, reason="they agree now", by="person:1")
    assert (row.ours, row.values["numbers"], row.number) == (False, "116 111", 2)
    assert queries.history(row).last().values["numbers"] == OURS["numbers"]


def test_a_row_of_our_own_has_a_key_that_nothing_shipped_can_have() -> None:
    first = services.add_row("contacts", values=OWN, reason="appointed", by="person:1")
    second = services.add_row("contacts", values=OWN | {"name": "Another"}, reason="appointed", by="person:1")
    assert (first.key, second.key) == ("own-lu-1", "own-lu-2")
    found = queries.contact_points("LU", kind="budapest-24-7")
    assert [(one.name, one.mark.ours) for one in found] == [("The contact point", True), ("Another", True)]
    with pytest.raises(services.NotShipped):
        services.take_shipped_row("contacts", key="own-lu-1", reason="r", by="person:1")
    with pytest.raises(BadRow):
        services.add_row("contacts", values={"country": "LU"}, reason="r", by="person:1")
    assert Revision.objects.count() == 2


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(UnknownTable, match="limits, contacts, languages"):
        queries.rows("customs")
    with pytest.raises(UnknownRow, match="nobody"):
        queries.row("contacts", "nobody")
    with pytest.raises(UnknownRow):
        services.change_row("contacts", key="nobody", values={}, reason="r", by="person:1")


def test_only_so_many_changes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST", 1)
    changed()
    with pytest.raises(services.TooManyChanges):
        services.set_row_aside("contacts", key=KJT, reason="r", by="person:1")


# --- time limits -----------------------------------------------------------------------------------------------------


def keys(found: list[TimeLimit]) -> set[str]:
    return {one.key for one in found}


def test_time_limits_are_found_by_jurisdiction_duty_and_day() -> None:
    assert len(queries.time_limits()) == 32
    kept = queries.time_limits(jurisdiction="US", duty="preserve", on=date(2026, 11, 29))
    assert [(one.key, str(one.period)) for one in kept] == [
        ("us-2258a-h-preserve", "1 year"),
        ("us-2703-f-preserve", "90 days"),
    ]
    assert keys(queries.time_limits(jurisdiction="US", duty="preserve", on=date(2024, 5, 6))) == {"us-2703-f-preserve"}
    assert queries.time_limits(jurisdiction="LU") == []


def test_a_law_that_lapsed_is_found_up_to_its_last_day() -> None:
    last = date(2026, 4, 3)
    assert "eu-2021-1232-preserve" in keys(queries.time_limits(jurisdiction="EU", on=last))
    assert "eu-2021-1232-preserve" not in keys(queries.time_limits(jurisdiction="EU", on=last + timedelta(days=1)))
    assert queries.time_limit("eu-2021-1232-preserve").standing == "lapsed"


def test_a_new_law_is_a_row_of_our_own_and_its_period_is_typed() -> None:
    law = {
        "jurisdiction": "LU", "instrument": "a law of 2027", "bearer": "provider", "duty": "preserve",
        "task": "keep what was reported", "bound": "at-least", "amount": "6", "unit": "months",
        "valid_from": "2027-01-01", "standing": "not-yet", "source": "the gazette", "checked": "2026-11-29",
        "basis": "primary", "confidence": "high",
    }  # fmt: skip
    services.add_row("limits", values=law, reason="published today", by="person:1")
    (found,) = queries.time_limits(jurisdiction="LU", duty="preserve", on=date(2027, 1, 1))
    assert (found.period, found.mark.ours) == (Period(6, "months"), True)
    assert found.end(date(2027, 8, 31)) == date(2028, 2, 29)
    services.set_row_aside("limits", key=found.key, reason="it was repealed", by="person:1")
    assert queries.time_limits(jurisdiction="LU") == []
    assert queries.time_limit(found.key).instrument == "a law of 2027", "what was built upon it can still tell"


def test_the_fields_of_a_request_stand_in_the_order_of_its_parts() -> None:
    found = queries.request_fields()
    assert [found[0].part, found[-1].part] == ["authorities", "models"]
    assert [one.field for one in queries.request_fields("facts")][:2] == [
        "Case reference",
        "Facts summary linking evidence to offence",
    ]
    services.add_row(
        "request-fields",
        values={"part": "facts", "field": "Our number", "source": "us", "checked": "2026-11", "basis": "confirmed",
                "confidence": "high"},
        reason="we need it",
        by="person:1",
    )  # fmt: skip
    assert queries.request_fields("facts")[-1].field == "Our number"
