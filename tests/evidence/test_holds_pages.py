"""Long tables of holds: page by page, a row for each demand."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.desk import accepted, released
from tests.evidence.conftest import Keep

from himaya.core import clock as now_of
from himaya.evidence.demands import queries, services
from himaya.evidence.holding import HeldByDemand, lift_hold
from himaya.evidence.models import Exhibit, Hold

pytestmark = pytest.mark.django_db


def hold(one: Exhibit, n: int, **more: Any) -> Hold:
    facts = {"reason": "r", "authority": f"Court {n:04d}", "placed_by": "system", "placed_at": now_of.now()} | more
    return Hold(exhibit=one, review_on=now_of.now().date() + timedelta(days=n), **facts)


def test_five_hundred_holds_are_shown_page_by_page_and_an_exhibit_shows_the_last(keep: Keep, sign_in: Any) -> None:
    one, client = keep(), sign_in("lead")
    Hold.objects.bulk_create(hold(one, n) for n in range(520))
    address, courts = "/evidence/holds/", set()
    for _ in range(20):
        answer = client.get(address)
        assert len(answer.content) < 100_000
        courts |= {n for n in range(520) if f"Court {n:04d}" in answer.content.decode()}
        following = answer.context["shown"].next_url
        if not following:
            break
        address = f"/evidence/holds/{following}"
    assert courts == set(range(520))
    page = client.get(f"/evidence/exhibits/{one.pk}/").content.decode()
    assert len(page) < 100_000
    assert "all 520 holds" in page
    assert page.count("Court 05") >= 20
    found = client.get("/evidence/holds/", {"all": "1", "exhibit": one.reference}).content.decode()
    assert "Court 0519" in found


def test_what_one_demand_holds_is_one_row(people: SimpleNamespace, keep: Keep, sign_in: Any) -> None:
    first, second = keep("one"), keep("two")
    demand = accepted(people.lead, "production")
    hold(first, 3).save()
    answer = sign_in("lead").get("/evidence/holds/")
    page = answer.content.decode()
    assert [row["n"] for row in answer.context["rows"]] == [1, 2]
    assert "2 exhibits" in page
    assert page.count(demand.reference) == 1
    assert second.reference not in page


def test_holds_whose_day_has_passed_are_found(people: SimpleNamespace, keep: Keep, sign_in: Any, clock: Any) -> None:
    one = keep()
    hold(one, 3).save()
    hold(one, 400).save()
    clock.advance(timedelta(days=9))
    page = sign_in("lead").get("/evidence/holds/?late=1").content.decode()
    assert "Court 0003" in page
    assert "Court 0400" not in page


def test_a_hold_of_a_demand_is_lifted_with_the_demand_alone(people: SimpleNamespace, keep: Keep, clock: Any) -> None:
    keep()
    lead = people.lead
    demand = accepted(lead)
    with pytest.raises(HeldByDemand):
        lift_hold(queries.held_by(demand)[0].hold_id, reason="by mistake", by="person:1")
    assert queries.held_by(demand).count() == 1
    services.withdraw_demand(released(demand, lead).pk, why="w", person=lead)
    assert [change.act for change in queries.changes(demand)][-2:] == ["let go", "withdrawn"]


def test_the_same_hold_is_placed_once_and_the_second_press_names_the_first(sign_in: Any, keep: Any) -> None:
    one = keep()
    lead = sign_in("lead")
    given = {"about": "case:1", "authority": "The court", "review_on": "2027-01-01", "reason": "letter 17"}
    assert lead.post("/evidence/holds/new", given).status_code == 302
    again = lead.post("/evidence/holds/new", given)
    assert again.status_code == 422
    assert "This hold stands already" in again.content.decode()
    assert f"it is hold {Hold.objects.get().pk}" in again.content.decode()
    for other in ({"reason": "letter 18"}, {"review_on": "2027-06-01"}, {"about": one.reference}):
        assert lead.post("/evidence/holds/new", given | other).status_code == 302
    assert Hold.objects.count() == 4
