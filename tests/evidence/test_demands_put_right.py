"""What was typed wrongly is put right, laws that do not count are not offered, and nothing that was typed is lost."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.desk import accepted, received, terms, verified
from tests.evidence.conftest import Keep
from tests.evidence.test_demands_pages import do, form, text

from himaya.core import clock as now_of
from himaya.core.countries import PLACES
from himaya.core.reference.requests import SHIPPED as FIELDS
from himaya.evidence.demands import amending, clocks, queries, requesting, services
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.models import Demand, Request
from himaya.evidence.demands.states import WrongDemandMove
from himaya.evidence.models import Hold

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(people: SimpleNamespace, clock: Any) -> Any:
    return people.lead


def test_what_was_typed_wrongly_is_put_right_on_record_and_verified_anew(lead: Any, keep: Keep) -> None:
    keep()
    demand = verified(lead, "production", authority="The prosecuter")
    earlier = demand.received_at - timedelta(days=2)
    amending.amend_demand(
        demand.pk, terms("production", authority="The prosecutor", received_at=earlier), why="two slips", person=lead
    )
    found = queries.demand(demand.pk)
    assert (found.authority, found.state, found.received_at) == ("The prosecutor", "received", earlier)
    assert clocks.open_clock(found, clocks.ANSWER).due == earlier + timedelta(days=10)  # type: ignore[union-attr]
    change = queries.changes(demand).last()
    assert change is not None
    assert (change.act, change.why) == ("put right", "two slips")
    assert change.before["authority"] == "The prosecuter"
    for wrong, why in (
        (terms("production", authority="The prosecutor", received_at=earlier), "nothing of it is otherwise"),
        (terms("preservation"), "its kind stays"),
        (terms("production", follows=demand.pk), "cannot follow itself"),
    ):
        with pytest.raises(BadDemand, match=why):
            amending.amend_demand(demand.pk, wrong, why="w", person=lead)
    decided = accepted(lead, "production")
    with pytest.raises(WrongDemandMove, match="accepted cannot be put right"):
        amending.amend_demand(decided.pk, terms("production", authority="B"), why="w", person=lead)


def test_a_demand_to_preserve_says_until_when_as_it_is_recorded_and_is_held_until_tomorrow_at_least(
    lead: Any, keep: Keep
) -> None:
    keep()
    with pytest.raises(BadDemand, match="choose the time limit that counts, or a date"):
        received(lead, limit="")
    accepted(lead, preserve_until=now_of.now() + timedelta(hours=3))
    assert Hold.objects.get().review_on == now_of.now().date() + timedelta(days=1)
    late = verified(lead, received_at=now_of.now() - timedelta(days=91))
    with pytest.raises(BadDemand, match="was over on 2026-01-14: put its dates right"):
        services.accept_demand(late.pk, why="w", person=lead)


def test_a_demand_follows_one_that_stands(lead: Any, keep: Keep) -> None:
    keep()
    refused, stands = received(lead), accepted(lead)
    services.refuse_demand(refused.pk, ground="no-basis", text="w", person=lead)
    with pytest.raises(BadDemand, match=f"{refused.reference} is refused, and preserves nothing"):
        received(lead, "production", follows=refused.pk)
    services.confirm_preservation(stands.pk, why="told", person=lead)
    assert received(lead, "production", follows=stands.pk).follows == stands


@pytest.mark.parametrize(
    ("limit", "applies", "why"),
    [
        ("eu-2021-1232-preserve", True, "run from a demand"),
        ("us-2258a-h-preserve", True, "run from a demand"),
        ("un-cybercrime-25-preserve", True, "was not in force"),
        ("ca-reporting-act-4-preserve", False, "nobody has confirmed that the law"),
        ("coe-second-protocol-7-answer", False, "nobody has confirmed that the law"),
    ],
)
def test_a_law_that_does_not_count_is_not_taken(lead: Any, limit: str, applies: bool, why: str) -> None:
    with pytest.raises(BadDemand, match=why):
        received(lead, "production", limit=limit, limit_applies=applies)


def test_the_form_offers_laws_that_can_count_and_warns_of_what_may_be_a_slip(lead: Any, sign_in: Any) -> None:
    client = sign_in("lead")
    page = client.get("/desk/demands/add").content.decode()
    assert "us-2703-f-preserve" in page
    assert "us-2258a-h-preserve" not in page
    assert "eu-2021-1232-preserve" not in page
    first = received(lead, country="JP")
    answer = client.post("/desk/demands/add", form(kind="production", follows=str(first.pk), limit=""), follow=True)
    assert "It follows a demand of another country" in text(answer)


def test_a_time_of_secrecy_without_the_box_is_said_at_the_form(lead: Any, sign_in: Any) -> None:
    answer = sign_in("lead").post("/desk/demands/add", form(gag_until="2026-03-15T11:00"))
    assert "it says until when it is secret, and not that it is" in text(answer, 422)
    assert not Demand.objects.exists()


def test_a_demand_is_put_right_on_its_page(lead: Any, sign_in: Any) -> None:
    demand, client = received(lead), sign_in("lead")
    page = client.get(f"/desk/demands/{demand.pk}/amend").content.decode()
    assert 'value="The prosecutor of the district"' in page
    assert 'type="datetime-local" name="received_at" value="2026-01-15T12:00"' in page.replace("\n", " ") or (
        'value="2026-01-15T12:00"' in page
    )
    given = form(authority="The prosecutor of the region", received_at="2026-01-15T12:00", limit_applies="on")
    assert "This field is required" in text(client.post(f"/desk/demands/{demand.pk}/amend", given), 422)
    answer = client.post(f"/desk/demands/{demand.pk}/amend", {**given, "why": "a slip"}, follow=True)
    shown = text(answer)
    assert "The prosecutor of the region" in shown
    assert "a slip Before: Authority: The prosecutor of the district" in shown


def test_what_was_typed_at_the_checklist_stays(lead: Any, sign_in: Any) -> None:
    demand, client = received(lead, "production"), sign_in("lead")
    page = do(client, demand, "check", item="order", said="x" * 501)
    assert page.status_code == 422
    assert f'value="{"x" * 501}" aria-invalid="true" aria-describedby="check-errors" autofocus' in page.content.decode()
    services.confirm_check(demand.pk, item="order", said="seen", person=lead)
    assert "You had typed: I called back" in text(do(client, demand, "check", item="order", said="I called back"), 422)
    assert "You had typed: I called back" in text(do(client, demand, "check", item="none", said="I called back"), 422)


def test_contact_points_of_a_country_are_shown_and_what_was_typed_stays(lead: Any, sign_in: Any) -> None:
    client, place = sign_in("lead"), next(code for code in PLACES if requesting.contacts_for(code))
    typed = {"kind": "assistance", "country": place, "recipient": "Somebody", "case": "H-2026-000012", "choose": "1"}
    page = client.post("/desk/requests/add", typed).content.decode()
    assert 'value="Somebody"' in page
    assert 'value="H-2026-000012"' in page
    for point in requesting.contacts_for(place):
        assert f'<option value="{point.key}">' in page
        assert f"· {point.kind}<" not in page
    assert not Request.objects.exists()


def test_every_field_that_the_program_ships_has_words_in_the_catalogue() -> None:
    assert {field.field for field in requesting.asked_fields()} == set(FIELDS)
