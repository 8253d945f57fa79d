"""Today: what waits at evidence and the legal desk for those who can act on it, with the page where they do."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from tests.desk import RECIPIENT, accepted, proof, received, second_lead
from tests.windows import signed_in

from himaya.evidence.demands import releasing
from himaya.evidence.demands.answering import approve_answer, prepare_answer
from himaya.evidence.granting import ask_access, grant_access, take_access
from himaya.evidence.holding import place_hold
from himaya.site.pages.errands import SHOWN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]
FACTS = {"reason": "an order", "recipient": RECIPIENT}


def waits(client: Client) -> dict[str, str]:
    """Address → what stands beside it, of all that one can act on."""
    page = client.get("/").content.decode().replace("\u2068", "").replace("\u2069", "")
    card = re.search(r'aria-labelledby="errands-h">(.*?)</section>', page, re.DOTALL)
    rows = re.findall(r'<li><span><a href="([^"]+)">(.*?)</li>', card[1] if card else "", re.DOTALL)
    return {url: " ".join(re.sub(r"<[^>]+>", " ", rest).split()) for url, rest in rows}


def test_where_nothing_waits_nothing_is_said(sign_in: Callable[[str], Client]) -> None:
    page = sign_in("lead").get("/").content.decode()
    assert "What you can act on now" not in page
    assert "What runs out at the legal desk" not in page


def test_a_request_waits_for_those_who_can_grant_it_and_the_grant_for_who_asked(
    keep: Any, people: SimpleNamespace, sign_in: Callable[[str], Client], clock: Any
) -> None:
    asked = ask_access([keep()], purpose="court", person=people.reviewer, **FACTS)
    where = f"/evidence/access/{asked.pk}/"
    assert waits(sign_in("lead")) == {where: f"request {asked.pk} · Reviewer asks to read waits for a decision"}
    assert waits(sign_in("reviewer")) == waits(sign_in("auditor")) == waits(sign_in("admin")) == {}
    grant_access(asked.pk, person=people.lead, proof=proof())
    assert waits(sign_in("lead")) == {}
    assert waits(sign_in("reviewer")) == {where: f"request {asked.pk} · You may read now until 15 Jan 2026, 12:30 UTC"}
    clock.advance(timedelta(minutes=30))
    assert waits(sign_in("reviewer")) == {}


def test_what_is_given_back_is_not_called_reading(
    keep: Any, people: SimpleNamespace, sign_in: Callable[[str], Client]
) -> None:
    asked = ask_access([keep(how="received")], purpose="return", person=people.reviewer, **FACTS)
    where = f"/evidence/access/{asked.pk}/"
    assert "asks to give something back" in waits(sign_in("lead"))[where]
    assert ">to give it back<" in sign_in("lead").get("/evidence/access/").content.decode()
    grant_access(asked.pk, person=people.lead, proof=proof())
    assert "You may give it back now" in waits(sign_in("reviewer"))[where]
    assert "\u2068Reviewer\u2069 asked to give something back</h1>" in sign_in("lead").get(where).content.decode()


def test_nobody_is_shown_their_own_request_to_grant(keep: Any, people: SimpleNamespace) -> None:
    asked = ask_access([keep()], purpose="court", person=people.lead, **FACTS)
    assert waits(signed_in(people.lead)) == {}
    assert list(waits(signed_in(second_lead()))) == [f"/evidence/access/{asked.pk}/"]


def test_an_urgent_reading_waits_for_another_lead(keep: Any, people: SimpleNamespace) -> None:
    taken = take_access([keep()], person=people.lead, proof=proof(), **FACTS)
    found = waits(signed_in(second_lead()))
    assert found == {
        f"/evidence/access/{taken.pk}/": f"request {taken.pk} · Lead read at once: look at it to be looked at"
    }
    assert "You may read now" in waits(signed_in(people.lead))[f"/evidence/access/{taken.pk}/"]
    page = signed_in(second_lead()).get(f"/evidence/access/{taken.pk}/").content.decode()
    assert "\u2068Lead\u2069 read at once</h1>" in page


def test_an_answer_waits_for_a_second_lead_and_then_for_being_handed_over(keep: Any, people: SimpleNamespace) -> None:
    keep()
    demand = accepted(people.lead, "production")
    made = prepare_answer(demand.pk, recipient=RECIPIENT, recipient_name="The court", person=people.lead)
    where = f"/desk/demands/{demand.pk}/"
    assert where not in waits(signed_in(people.lead))
    assert "Lead prepared an answer: let it leave, or drop it" in waits(signed_in(second_lead()))[where]
    approve_answer(made.pk, person=second_lead(), proof=proof())
    assert "may leave" in waits(signed_in(people.lead))[where]


def test_a_release_waits_for_a_second_lead(keep: Any, people: SimpleNamespace) -> None:
    keep()
    demand = accepted(people.lead)
    where = f"/desk/demands/{demand.pk}/"
    releasing.ask_release(demand.pk, ground="took-back", why="their letter", person=people.lead)
    assert where not in waits(signed_in(people.lead))
    assert "Lead says that it is released" in waits(signed_in(second_lead()))[where]
    releasing.confirm_release(demand.pk, person=second_lead(), proof=proof())
    assert where not in waits(signed_in(second_lead()))


def test_a_hold_waits_from_the_day_on_which_it_is_to_be_reviewed(
    keep: Any, people: SimpleNamespace, sign_in: Callable[[str], Client], clock: Any
) -> None:
    day = clock.now().date() + timedelta(days=10)
    one = keep()
    made = place_hold(one.about, reason="a letter", authority="The court", review_on=day, by=people.lead.actor)
    assert waits(sign_in("lead")) == {}
    clock.advance(timedelta(days=11))
    assert waits(sign_in("lead")) == {
        f"/evidence/holds/{made.pk}/": f"{one.reference} · Ask The court whether it is still to be held"
        " review was due 25 Jan 2026"
    }
    assert waits(sign_in("reviewer")) == {}


def test_a_clock_that_runs_out_is_shown_with_its_time_to_those_who_work_at_the_desk(
    people: SimpleNamespace, sign_in: Callable[[str], Client]
) -> None:
    slow, fast = received(people.lead, "production"), received(people.lead, "emergency")
    page = sign_in("lead").get("/").content.decode()
    assert f'<a href="/desk/demands/{fast.pk}/">' in page
    assert "in 60 minutes" in page
    assert f'<a href="/desk/demands/{slow.pk}/">' not in page
    assert fast.reference not in sign_in("auditor").get("/").content.decode()


def test_what_is_more_than_a_few_is_one_link_further(
    keep: Any, people: SimpleNamespace, sign_in: Callable[[str], Client]
) -> None:
    one = keep()
    for _ in range(SHOWN + 2):
        ask_access([one], purpose="court", person=people.reviewer, **FACTS)
    found = waits(sign_in("lead"))
    assert len(found) == SHOWN + 1
    assert "there are more like these" in found["/evidence/access/"]
