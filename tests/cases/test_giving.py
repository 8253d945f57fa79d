"""Handing a case to a colleague, and leaving it to others for a while."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words as text
from tests.casework import opened

from himaya.cases import giving, queries, services
from himaya.cases.history import history
from himaya.core.config import config

pytestmark = pytest.mark.django_db


def test_a_colleague_gets_the_case_with_a_note_and_the_whole_time(people: SimpleNamespace, clock: Any) -> None:
    case = opened(1)
    services.claim(case.pk, person=people.reviewer)
    clock.advance(timedelta(minutes=config().claim_minutes - 1))
    giving.hand_over(case.pk, person=people.reviewer, to="lead", note="You know this list.")
    clock.advance(timedelta(minutes=config().claim_minutes - 1))
    assert queries.case(case.pk).holder() == people.lead  # type: ignore[union-attr]
    line = history(case).lines[0]
    assert (line.act, line.text) == ("case.handed-over", "You know this list.")  # type: ignore[union-attr]
    with pytest.raises(services.NotYours, match="handed over"):
        giving.hand_over(case.pk, person=people.reviewer, to="lead", note="Again.")


@pytest.mark.parametrize("to", ["auditor", "admin", "reviewer", "nobody", ""])
def test_a_case_goes_only_to_a_colleague_who_claims_cases(people: SimpleNamespace, to: str) -> None:
    case = opened(1)
    services.claim(case.pk, person=people.reviewer)
    with pytest.raises(giving.NobodyToTakeIt):
        giving.hand_over(case.pk, person=people.reviewer, to=to, note="A note.")
    with pytest.raises(giving.BadNote, match="what your colleague should know"):
        giving.hand_over(case.pk, person=people.reviewer, to="lead", note="")
    assert queries.case(case.pk).holder() == people.reviewer  # type: ignore[union-attr]


def test_who_leaves_a_case_to_others_is_not_given_it_again_that_day_and_others_are(
    people: SimpleNamespace, clock: Any
) -> None:
    first, second = opened(1), opened(2)
    assert giving.claim_next(person=people.reviewer) == first
    with pytest.raises(giving.BadNote, match="a reason is required"):
        giving.leave_case(first.pk, person=people.reviewer, reason=" ")
    giving.leave_case(first.pk, person=people.reviewer, reason="I know the place.")
    assert giving.claim_next(person=people.reviewer) == second
    assert giving.claim_next(person=people.reviewer) is None
    assert giving.claim_next(person=people.analyst) == first
    services.release(first.pk, person=people.analyst)
    assert services.claim(first.pk, person=people.reviewer) == first, "by hand, whoever wants it has it"
    services.release(first.pk, person=people.reviewer)
    clock.advance(giving.FOR)
    assert giving.claim_next(person=people.reviewer) == first


def test_the_page_hands_over_renews_and_leaves(sign_in: Any, people: SimpleNamespace, clock: Any) -> None:
    case, address = opened(1), "/cases/1/"
    address = f"/cases/{case.pk}/"
    client = sign_in("reviewer")
    client.post(f"{address}claim")
    clock.advance(timedelta(minutes=5))
    page = text(client.get(address))
    assert "Yours until 12:30 UTC: hold it for longer" in page
    assert "Yours until 12:35 UTC" in text(client.post(f"{address}claim", follow=True))
    refused = client.post(f"{address}hand", {"to": "auditor", "note": "You know this."})
    assert (refused.status_code, "You know this." in text(refused)) == (422, True)
    refused = client.post(f"{address}skip", {"reason": ""})
    assert (refused.status_code, "a reason is required" in text(refused)) == (422, True)
    assert (
        "Lead has the case now."
        in client.post(f"{address}hand", {"to": "lead", "note": "For you."}, follow=True).content.decode()
    )
    lead = sign_in("lead")
    assert "For you." in text(lead.get(address))
    left = text(lead.post(f"{address}skip", {"reason": "I know the place."}, follow=True))
    assert "It is left to others." in left
    assert "I know the place" not in text(client.get(address)), "colleagues do not read why"
    assert "Left to others for a day" in text(client.get(address))
