"""Custodians change: what too few can open is shown, two deal its key anew, and old parts open nothing then."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from tests.evidence.conftest import Grant, Keep, read
from tests.guarding import Custodians, fresh

from himaya.core import faults
from himaya.core.vault import shares
from himaya.core.vault.wrapping import WrongKey
from himaya.evidence.bundling import hand_over
from himaya.evidence.guarded.bringing import NothingBrought, PartRefused, bring_parts, gathering, standing
from himaya.evidence.guarded.custodians import TooFewCustodians, end_custodian, lost, thin
from himaya.evidence.guarded.models import Brought, Deal, Part, Renewal
from himaya.evidence.guarded.renewing import NoRenewal, begin_renewal
from himaya.evidence.keys import key_of
from himaya.evidence.models import Exhibit
from himaya.ledger import queries as ledger
from himaya.site.evidence_health import evidence_health


def end(who: Custodians, *names: str) -> None:
    for name in names:
        end_custodian(who.rows[name].pk, by="person:1", reason="left")


def test_what_too_few_can_open_is_shown_until_it_is_dealt_anew(
    guard: Keep,
    grant: Grant,
    custodians: Custodians,
    people: SimpleNamespace,
) -> None:
    one, two = guard("one"), guard("two")
    assert not thin().exists()
    custodians.add(people.lead)
    assert not thin().exists()
    end(custodians, "ann")
    assert list(thin()) == [one, two]
    assert not lost().exists()
    (said,) = [each for each in evidence_health() if "guarded" in str(each.said)]
    assert said.state == "wait"
    custodians.add(people.auditor)
    made = begin_renewal([one, two], person=people.lead)
    first = {each.exhibit_id: each.set for each in Deal.objects.all()}
    custodians.bring(made.about, "ben")
    assert list(thin()) == [one, two]
    custodians.bring(made.about, "cat")
    assert not thin().exists()
    assert Renewal.objects.get().ended_at is not None
    assert not Brought.objects.exists()
    assert {each.exhibit_id for each in Deal.objects.all() if each.set != first[each.exhibit_id]} == {one.pk, two.pk}
    assert sorted(Part.objects.filter(deal__exhibit=one).values_list("custodian__person__username", flat=True)) == [
        "auditor", "ben", "cat", "lead",
    ]  # fmt: skip
    access = grant(one)
    custodians.bring(access.about, "lead", "auditor")
    assert read(fresh(one), access, people.reviewer) == b"one"
    assert "evidence.dealt-anew" in [entry.act for entry in ledger.entries(about=one.about)]
    with pytest.raises(NothingBrought, match="it is done"):
        bring_parts(made.about, text="x", by="cli:x")


def test_old_parts_open_nothing_once_it_was_dealt_anew(
    guard: Keep,
    grant: Grant,
    custodians: Custodians,
    people: SimpleNamespace,
) -> None:
    exhibit = guard()
    made = begin_renewal([exhibit], person=people.lead)
    old = [custodians.text(made.about, name) for name in ("ann", "ben")]
    custodians.bring(made.about, "ann", "ben")
    access = grant(fresh(exhibit))
    for text in old:
        with pytest.raises(PartRefused, match="of another set"):
            bring_parts(access.about, text=text, by="cli:x")
    key = shares.join([shares.read(text) for text in old], opens=f"exhibit {exhibit.uuid}")
    with pytest.raises(WrongKey):
        key_of(fresh(exhibit), custody=key)


def test_what_one_custodian_has_left_is_lost_and_that_is_said(
    guard: Keep,
    custodians: Custodians,
    people: SimpleNamespace,
) -> None:
    exhibit = guard()
    end(custodians, "ann", "ben")
    assert list(lost()) == [exhibit]
    found = [each for each in evidence_health() if "guarded" in str(each.said) or "custodian" in str(each.said)]
    assert {each.state for each in found} == {"danger"}
    with pytest.raises(TooFewCustodians):
        begin_renewal([exhibit], person=people.lead)


def test_what_is_not_to_be_dealt_anew_is_refused(
    guard: Keep,
    keep: Keep,
    custodians: Custodians,
    people: SimpleNamespace,
) -> None:
    exhibit, plain = guard(), keep("plain")
    for chosen, why in (([], "1 to 100"), ([plain], "not guarded")):
        with pytest.raises(NoRenewal, match=why):
            begin_renewal(chosen, person=people.lead)
    begin_renewal([exhibit], person=people.lead)
    with pytest.raises(NoRenewal, match="anew already"):
        begin_renewal([exhibit], person=people.lead)


def test_custodians_who_become_too_few_in_between_change_nothing(
    guard: Keep,
    custodians: Custodians,
    people: SimpleNamespace,
) -> None:
    exhibit = guard()
    made = begin_renewal([exhibit], person=people.lead)
    before = bytes(fresh(exhibit).wrapped or b"")
    custodians.bring(made.about, "ann")
    end(custodians, "cat")
    with pytest.raises(TooFewCustodians):
        custodians.bring(made.about, "ben")
    assert bytes(fresh(exhibit).wrapped or b"") == before
    assert Part.objects.count() == 3
    assert [one.by for one in standing(gathering(made.about))] == [(custodians.people["ann"].actor,)]


@pytest.mark.parametrize("point", ["evidence.part-brought", "evidence.dealt", "evidence.dealt-anew"])
def test_what_breaks_off_in_between_leaves_the_old_deal_whole(
    guard: Keep,
    grant: Grant,
    custodians: Custodians,
    people: SimpleNamespace,
    point: str,
) -> None:
    exhibit = guard()
    made = begin_renewal([exhibit], person=people.lead)
    custodians.bring(made.about, "ann")
    faults.arm(f"{point}:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            custodians.bring(made.about, "ben")
    finally:
        faults.arm("")
    assert Brought.objects.count() == 1
    access = grant(fresh(exhibit))
    custodians.bring(access.about, "ann", "cat")
    assert read(fresh(exhibit), access, people.reviewer) == b"a neutral text"
    custodians.bring(made.about, "ben")
    assert Renewal.objects.get().ended_at is not None
    again = grant(fresh(exhibit))
    custodians.bring(again.about, "ann", "cat")
    assert read(Exhibit.objects.get(pk=exhibit.pk), again, people.reviewer) == b"a neutral text"


def test_a_renewal_is_over_after_a_week(guard: Keep, custodians: Custodians, people: Any, clock: Any) -> None:
    from datetime import timedelta

    made = begin_renewal([guard()], person=people.lead)
    clock.advance(timedelta(days=8))
    with pytest.raises(NothingBrought, match="its time is over"):
        custodians.bring(made.about, "ann")


def test_a_bundle_that_is_being_written_while_keys_are_dealt_anew_is_written_to_its_end(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    exhibit = guard()
    access = grant(exhibit)
    custodians.bring(access.about, "ann", "ben")
    taken, to = hand_over(access.pk, person=people.reviewer), io.BytesIO()
    custodians.bring(begin_renewal([exhibit], person=people.lead).about, "ann", "ben")
    assert taken.write(to, languages=()).files
    assert to.getvalue().startswith(b"PK")
