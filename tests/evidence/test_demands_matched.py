"""What a demand asks for: by accounts that were noted, by words elsewhere, and seen before it is accepted."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.desk import RECIPIENT, accepted, received, verified
from tests.evidence.conftest import Keep
from tests.evidence.test_demands_pages import do, text

from himaya.core.words import printable
from himaya.evidence.demands import queries, services
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.selecting import asked_for, found_by, named_exhibits
from himaya.evidence.models import Exhibit, Hold
from himaya.ledger import queries as ledger
from himaya.ledger.services import record

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(people: Any, clock: Any) -> Any:
    return people.lead


def more(one: Exhibit, n: int, **facts: Any) -> None:
    """Further exhibits of one file, as rows alone."""
    same = {
        field.attname: getattr(one, field.attname) for field in Exhibit._meta.concrete_fields if not field.primary_key
    }
    Exhibit.objects.bulk_create(
        (Exhibit(**{**same, "uuid": uuid4(), "once": f"more {k}", "origin": f"https://h.example/u{k}", **facts})
         for k in range(n)), batch_size=500,
    )  # fmt: skip


def test_an_account_that_was_noted_counts_and_words_only_where_none_was(lead: Any, keep: Keep) -> None:
    noted = keep("one", origin="a page, reported by bob", account="Ann")
    told = keep("two", origin="https://files.example.org/ann/1.jpg")
    keep("three", origin="reported by ann", account="carol")
    demand = received(lead, "production", scope="account ann")
    found = asked_for(demand)
    assert found_by(demand, found) == [(noted, "account"), (told, "words")]
    assert asked_for(received(lead, "production", scope="account bob")) == []
    assert printable(noted.account) == "ann"


def test_a_case_is_named_by_its_own_year(lead: Any, keep: Keep) -> None:
    keep()
    with transaction.atomic():
        record("case.opened", by="system", about="case:1")
    with pytest.raises(BadDemand, match="case 1 is of 2026, and not of 1999"):
        received(lead, "production", scope="case H-1999-000001")
    demand = received(lead, "production", scope="case H-2026-000001")
    with pytest.raises(BadDemand, match="case 1 is of 2026"):
        services.set_scope(demand.pk, scope="case H-1999-000001", why="w", person=lead)


def test_what_is_asked_for_is_shown_with_why_before_it_is_accepted(lead: Any, keep: Keep, sign_in: Any) -> None:
    one = keep("one", origin="https://files.example.org/ann/1.jpg", case="case:7")
    demand, client = verified(lead, "production", scope="account ann"), sign_in("lead")
    shown = text(client.get(f"/desk/demands/{demand.pk}/"))
    assert f"{one.reference} an account stands in where it came from: look at it" in shown
    shown = text(client.get(f"/desk/demands/{demand.pk}/matched"))
    assert "1 exhibit" in shown
    assert "https://files.example.org/ann/1.jpg" in shown


def test_what_is_not_handed_over_is_ticked(lead: Any, keep: Keep, sign_in: Any) -> None:
    keep("one")
    second = keep("two")
    demand, client = accepted(lead, "production"), sign_in("lead")
    page = client.get(f"/desk/demands/{demand.pk}/").content.decode()
    assert f'type="checkbox" name="leave_out" value="{second.pk}"' in page
    given = {"recipient_name": "The prosecutor", "recipient": RECIPIENT}
    assert do(client, demand, "prepare", **given, leave_out=["99"]).status_code == 422
    assert do(client, demand, "prepare", **given, leave_out=[str(second.pk)]).status_code == 302
    (answer,) = queries.answers(demand)
    assert second.pk not in [part.exhibit_id for part in queries.parts(answer)]
    assert queries.parts(answer).count() == 1


def test_much_is_left_out_by_numbers(lead: Any, keep: Keep, sign_in: Any) -> None:
    one = keep()
    more(one, 201)
    demand, client = accepted(lead, "production"), sign_in("lead")
    assert 'name="left_out"' in client.get(f"/desk/demands/{demand.pk}/").content.decode()
    given = {"recipient_name": "The prosecutor", "recipient": RECIPIENT}
    left = f"exhibits {one.reference}"
    assert do(client, demand, "prepare", **given, left_out=left).status_code == 302
    assert queries.parts(queries.answers(demand)[0]).count() == 201
    with pytest.raises(BadDemand, match="more than 20000"):
        named_exhibits("exhibits E-2026-000001-E-2026-999999")


@pytest.mark.parametrize("n", [100, 999])
def test_many_accounts_are_found_in_one_query(lead: Any, keep: Keep, n: int) -> None:
    one = keep("one", origin="u5 x")
    keep("two", origin="v5 x")
    third = keep("three", origin="", account="u7")
    demand = received(lead, "production", scope="accounts: " + ", ".join(f"u{k}" for k in range(n)))
    with CaptureQueriesContext(connection) as captured:
        assert asked_for(demand) == [one, third]
    assert len(captured) <= 3


def test_many_numbers_of_exhibits_are_found(lead: Any, keep: Keep) -> None:
    one = keep()
    more(one, 300)
    every = sorted(Exhibit.objects.values_list("pk", flat=True))
    odd = [number for number in every if number % 2]
    demand = received(lead, "production", scope="exhibits " + ", ".join(f"E-2026-{number:06d}" for number in odd))
    assert [each.pk for each in asked_for(demand)] == odd
    spans = ", ".join(f"E-2026-{number:06d}-E-2026-{number + 1:06d}" for number in every[::4])
    demand = received(lead, "production", scope="exhibits " + spans)
    wanted = [number for number in every if any(first <= number <= first + 1 for first in every[::4])]
    assert [each.pk for each in asked_for(demand)] == wanted


def test_much_is_held_and_let_go_in_batches(lead: Any, keep: Keep) -> None:
    more(keep(), 1200)
    demand = verified(lead, "production")
    with CaptureQueriesContext(connection) as held:
        services.accept_demand(demand.pk, why="w", person=lead)
    assert Hold.objects.filter(lifted_at=None).count() == 1201
    with CaptureQueriesContext(connection) as lifted:
        services.withdraw_demand(demand.pk, why="w", person=lead)
    assert not Hold.objects.filter(lifted_at=None).exists()
    assert len(held) < 120
    assert len(lifted) < 60
    told = list(ledger.entries(about=demand.about, act="demand.held"))
    assert sum(entry.data["n"] for entry in told) == 1201
    assert sorted(n for entry in told for n in entry.data["exhibits"]) == sorted(
        Exhibit.objects.values_list("pk", flat=True)
    )
