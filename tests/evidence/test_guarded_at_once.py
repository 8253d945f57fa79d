"""What is guarded, when several act at once: one reading is one, one part is one, and nothing waits for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from tests.evidence.conftest import Grant, Keep, read
from tests.guarding import Custodians, fresh

from himaya.evidence.bundling import hand_over
from himaya.evidence.ending import end_due
from himaya.evidence.granting import NoAccess
from himaya.evidence.guarded.bringing import NothingBrought, PartRefused, PartsMissing, bring_parts
from himaya.evidence.guarded.custodians import end_custodian, thin
from himaya.evidence.guarded.models import Brought, Part
from himaya.evidence.guarded.renewing import begin_renewal
from himaya.evidence.holding import TooLateToHold, place_hold
from himaya.evidence.models import Access, Blob, Exhibit
from himaya.evidence.reading import ExhibitEnded, unsafe_content
from himaya.evidence.retention import note_occasion
from himaya.evidence.ruling import RuleTerms, set_rule


def at_once(number: int, act: Callable[[], Any]) -> tuple[list[Any], list[Exception]]:
    """What came of so many who do it at the same time."""
    got: list[Any] = []
    failed: list[Exception] = []

    def one() -> None:
        try:
            got.append(act())
        except Exception as error:  # noqa: BLE001 - told by who asked
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got, failed


@pytest.mark.django_db(transaction=True)
def test_of_fifty_that_read_at_once_exactly_one_gets_it(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    exhibit = guard()
    access = grant(exhibit)
    custodians.bring(access.about, "ann", "ben")
    got, failed = at_once(50, lambda: read(exhibit, access, people.reviewer))
    assert got == [b"a neutral text"]
    assert {type(error) for error in failed} == {NoAccess}
    assert not Brought.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_that_bring_one_part_at_once_one_does(guard: Keep, grant: Grant, custodians: Custodians) -> None:
    access = grant(guard())
    text = custodians.text(access.about, "ann")
    got, failed = at_once(10, lambda: bring_parts(access.about, text=text, by="cli:x"))
    assert len(got) == 1
    assert {type(error) for error in failed} == {PartRefused}
    assert Brought.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_ends_while_parts_are_brought_and_a_hold_saves_it_whole_or_not_at_all(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace, clock: Any
) -> None:
    exhibit, other = guard("one", case="case:5"), guard("two", case="case:6")
    place_hold("case:6", reason="a court asked", authority="District court", review_on=date(2040, 1, 1), by="person:1")
    clock.advance(timedelta(days=366))
    access = grant(exhibit, other)
    texts = [custodians.text(access.about, name) for name in ("ann", "ben")]
    hold = {"reason": "an order", "authority": "District court", "review_on": date(2040, 1, 1), "by": "person:1"}
    acts = [
        lambda: bring_parts(access.about, text=texts[0], by="cli:x"),
        lambda: bring_parts(access.about, text=texts[1], by="cli:x"),
        lambda: place_hold("case:5", **hold),
        lambda: [None for _ in iter(end_due, False)],
    ]
    _, failed = at_once(4, lambda: acts.pop()())
    now = fresh(exhibit)
    assert fresh(other).state == "kept"
    if now.state == "destroyed":
        assert not Part.objects.filter(deal__exhibit=exhibit).exists()
        with pytest.raises(ExhibitEnded):
            b"".join(unsafe_content(now, key=bytes(32)))
    else:
        while end_due():
            pass
        assert fresh(exhibit).state == "kept"
    assert all(isinstance(error, PartRefused | TooLateToHold) for error in failed), failed
    for name in ("ann", "ben", "cat"):
        try:
            custodians.bring(access.about, name)
        except PartRefused as error:
            assert "already" in str(error)  # noqa: PT017 - whoever was let through before
    key = {row.part.deal.exhibit_id for row in Brought.objects.select_related("part__deal")}
    assert other.pk in key
    assert read(fresh(other), access, people.reviewer) == b"two"
    assert Blob.objects.filter(state="whole").exists()


def one_of(acts: list[Any]) -> Any:
    """Do the last of them, which nobody else does."""
    return acts.pop()()


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_another_who_waits_for_them(
    guard: Keep, keep: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace, clock: Any
) -> None:
    """Reading, taking out, bringing, dealing anew, ending a custodian, a longer time and sealing, all in one moment."""
    terms = RuleTerms("a law on reports", "US", "legal-obligation", ["report"], minimum="2 years", begins="reported")
    set_rule("reports", terms=terms, by="person:1")
    custodians.add(people.lead)
    for turn in range(4):
        chosen = [guard(f"{turn} {n}", case=f"case:{n + 1}") for n in range(3)]
        reading, taking = grant(*chosen), grant(*reversed(chosen))
        made = begin_renewal(chosen, person=people.lead)
        for about in (reading.about, taking.about):
            custodians.bring(about, "ann", "ben")
        custodians.bring(made.about, "ann")
        text = custodians.text(made.about, "ben")
        late = custodians.text(taking.about, "cat")
        began = {"occasion": "report", "at": clock.now(), "by": "system"}
        acts = [
            *(partial(read, one, reading, people.reviewer) for one in chosen),
            partial(hand_over, taking.pk, person=people.reviewer),
            partial(bring_parts, made.about, text=text, by="cli:x"),
            partial(bring_parts, taking.about, text=late, by="cli:x"),
            *(partial(note_occasion, f"case:{n + 1}", **began) for n in range(3)),
            partial(guard, f"{turn} more"),
        ]
        if turn == 3:
            acts.append(partial(end_custodian, custodians.rows["cat"].pk, by="person:1", reason="left"))
        got, failed = at_once(len(acts), partial(one_of, acts))
        fit = (NoAccess, PartsMissing, PartRefused, NothingBrought)
        assert [error for error in failed if not isinstance(error, fit)] == []
        assert len(got) + len(failed) == 10 + (turn == 3)
    for one in Exhibit.objects.filter(kept_class="guarded"):
        again = grant(fresh(one))
        custodians.bring(again.about, "ann", "lead")
        assert read(fresh(one), again, people.reviewer)
    assert not thin().exists()
    assert Access.objects.filter(reads_left__gt=3).count() == 0
