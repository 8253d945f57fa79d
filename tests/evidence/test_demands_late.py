"""What is late at the desk is told to whoever opens the first page, and all that is due can be read, page by page."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.desk import received

from himaya.core import clock as now_of
from himaya.evidence.demands.models import Clock
from himaya.site.desk_health import desk_health

pytestmark = pytest.mark.django_db


def test_what_is_late_is_a_finding_emergencies_first(people: SimpleNamespace, clock: Any) -> None:
    received(people.lead, "emergency")
    received(people.lead, "production")
    assert desk_health() == []
    clock.advance(timedelta(hours=2))
    assert [(one.state, str(one.said)) for one in desk_health()] == [
        ("danger", "demands in an emergency that nobody has answered in time: 1")
    ]
    received(people.lead, "production", gag=True, gag_until=now_of.now() + timedelta(days=1))
    clock.advance(timedelta(days=20))
    assert [one.state for one in desk_health()] == ["danger", "danger", "wait"]
    assert "demands that were to be answered by now: 2" in [str(one.said) for one in desk_health()]


def test_today_says_that_the_desk_is_late_to_whom_it_concerns(
    people: SimpleNamespace, sign_in: Any, clock: Any
) -> None:
    received(people.lead, "emergency", received_at=now_of.now() - timedelta(days=3))
    page = sign_in("lead").get("/").content.decode()
    assert "/desk/due/?late=1" in page
    assert "nobody has answered in time: 1" in page
    assert "/desk/due/" not in sign_in("reviewer").get("/").content.decode()


def test_all_that_is_due_is_read_page_by_page(people: SimpleNamespace, sign_in: Any, clock: Any) -> None:
    at = now_of.now()
    one = received(people.lead, "production")
    Clock.objects.bulk_create(
        Clock(demand=received(people.lead), what="follow-up", began=at, due=at + timedelta(days=n // 3))
        for n in range(70)
    )
    client, address, due = sign_in("auditor"), "/desk/due/", []
    while address:
        answer = client.get(address)
        due += [row["one"] for row in answer.context["clocks"]]
        address = answer.context["next_url"] and f"/desk/due/{answer.context['next_url']}"
    assert [each.pk for each in due] == list(Clock.objects.order_by("due", "pk").values_list("pk", flat=True))
    assert one.pk in [each.demand_id for each in due]
    clock.advance(timedelta(hours=30))
    answer = client.get("/desk/due/?late=1")
    assert all(row["one"].due < now_of.now() for row in answer.context["clocks"])
    assert client.get("/desk/due/?after=x").status_code == 200
