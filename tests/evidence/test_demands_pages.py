"""The legal desk in the console: what is due, the checklist, one next step, and answers that two people let leave."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from tests.desk import RECIPIENT, accepted, proof, received, second_lead, verified
from tests.evidence.conftest import Keep
from tests.windows import signed_in

from himaya.core import clock as now_of
from himaya.evidence.demands import objecting, queries, releasing, requesting, words
from himaya.evidence.demands.answering import approve_answer, drop_answer, prepare_answer
from himaya.evidence.demands.lists import CHECKS, KINDS, REQUIRED
from himaya.evidence.demands.models import Demand, Request
from himaya.evidence.demands.pages.acts import DEMAND_ACTS
from himaya.evidence.demands.states import DEMAND

pytestmark = pytest.mark.django_db


def text(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def lead(sign_in: Callable[[str], Client], clock: Any) -> Client:
    return sign_in("lead")


def form(**more: Any) -> dict[str, Any]:
    return {
        "kind": "preservation", "authority": "The prosecutor", "country": "LU", "channel": "portal",
        "received_at": "2026-01-15 11:00", "instrument": "18 USC 2703(f)", "limit": "us-2703-f-preserve",
        "scope": "case H-2026-1",
    } | more  # fmt: skip


def do(client: Client, one: Demand | Request, act: str, **given: Any) -> Any:
    kind = "demands" if isinstance(one, Demand) else "requests"
    return client.post(f"/desk/{kind}/{one.pk}/do/{act}", given)


def test_an_empty_desk_says_what_to_do(lead: Client) -> None:
    shown = text(lead.get("/desk/"))
    assert "Nothing is late." in shown
    assert "No demand is open" in shown


def test_a_demand_goes_from_the_form_to_its_end(lead: Client, keep: Keep) -> None:
    one = keep()
    assert lead.get("/desk/demands/add").status_code == 200
    answer = lead.post("/desk/demands/add", form())
    demand = Demand.objects.get()
    assert answer["Location"] == f"/desk/demands/{demand.pk}/"
    shown = text(lead.get(answer["Location"]))
    assert "4 are missing" in shown
    assert "Kept of what it asks for 1 exhibit" in shown
    assert "nobody has confirmed this" in text(do(lead, demand, "verify"), 422)
    for item in REQUIRED["preservation"]:
        assert do(lead, demand, "check", item=item, said="looked at").status_code == 302
    assert do(lead, demand, "verify").status_code == 302
    assert "This field is required" in text(do(lead, demand, "accept"), 422)
    assert do(lead, demand, "accept", why="as it must be").status_code == 302
    assert do(lead, demand, "preserved", why="told by the portal").status_code == 302
    shown = text(lead.get(answer["Location"]))
    assert f"Held by it 1 exhibit {one.reference}" in shown
    assert re.search(r"What was done Answered Lead .*told by the portal .*Recorded as it came", shown)
    for item in REQUIRED["preservation"]:
        assert f"Something was confirmed: {CHECKS[item]} Lead" in shown
    do(lead, demand, "notice", notice="withheld", ground="danger", why="as the law says")
    do(lead, demand, "notice", notice="planned", why="once it is over")
    shown = text(lead.get(answer["Location"]))
    assert "Notice to the person concerned: planned" in shown
    assert "Notice to the person concerned: withheld, It would put a person in danger" in shown
    assert do(lead, demand, "renew", why="asked again").status_code == 302
    assert "renewed 1 time" in text(lead.get(answer["Location"]))
    assert "nobody has confirmed that the authority released it" in text(do(lead, demand, "close", why="over"), 422)
    assert do(lead, demand, "release", ground="took-back", why="their letter").status_code == 302
    releasing.confirm_release(demand.pk, person=second_lead(), proof=proof())
    assert do(lead, demand, "close", why="over").status_code == 302
    assert queries.demand(demand.pk).state == "closed"
    shown = text(lead.get(answer["Location"]))
    assert re.search(rf"1 hold was lifted Lead · [^·]* {one.reference} ", shown)
    assert "Another lead confirmed that it is released: " in shown


def test_a_scope_that_cannot_be_read_is_said_with_its_place_and_stays_in_the_form(lead: Client) -> None:
    shown = lead.post("/desk/demands/add", form(scope="accounts: ann marie"))
    assert "cannot be read at character 15 (marie): is this another account?" in text(shown, 422)
    assert "accounts: ann marie" in shown.content.decode()
    assert not Demand.objects.exists()


def test_what_is_due_comes_first_and_says_how_it_stands(lead: Client, people: SimpleNamespace, clock: Any) -> None:
    slow, fast = received(people.lead, "production"), received(people.lead, "emergency")
    clock.advance(timedelta(hours=3))
    page = lead.get("/desk/")
    assert "1 thing is late." in text(page)
    assert re.search(rf"{fast.reference} .*late by 2 hours .*{slow.reference} .*in 9 days", text(page))
    assert '<progress value="100" max="100" aria-label="Answer: 100 per cent of its time">' in page.content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_has_its_page_and_its_next_steps(
    lead: Client, people: SimpleNamespace, keep: Keep, kind: str
) -> None:
    keep()
    one = accepted(people.lead, kind, gag=True)
    for state in DEMAND.states:
        Demand.objects.filter(pk=one.pk).update(state=state, ground="no-basis", notice_ground="danger")
        page = lead.get(f"/desk/demands/{one.pk}/").content.decode()
        offered = {name for name in DEMAND_ACTS if f"/do/{name}" in page} - {"check", "uncheck"}
        assert (offered <= {"notice", "gag"}) is (state == "closed"), state
        assert ("prepare" in offered) <= (kind != "preservation")


def test_an_auditor_reads_and_is_offered_nothing(people: SimpleNamespace, sign_in: Any, keep: Keep) -> None:
    keep()
    one = accepted(people.lead, "production")
    prepare_answer(one.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    client = sign_in("auditor")
    for path in ("/desk/", "/desk/demands/", "/desk/requests/", f"/desk/demands/{one.pk}/"):
        page = client.get(path)
        assert page.status_code == 200
        assert "/do/" not in page.content.decode()
        assert "/desk/answers/" not in page.content.decode()


def with_key(person: Any) -> Client:
    """A client in which the person has just shown the security key that they have."""
    Authenticator.objects.get_or_create(user=person, type="webauthn", defaults={"data": {}})
    client = signed_in(person)
    session = client.session
    shown = {"method": "mfa", "type": "webauthn", "reauthenticated": True, "at": now_of.now().timestamp()}
    session["account_authentication_methods"] = [*session["account_authentication_methods"], shown]
    session.save()
    return client


def test_whoever_has_not_just_used_a_security_key_is_sent_to_do_so(
    lead: Client, people: SimpleNamespace, keep: Keep
) -> None:
    keep()
    one, colleague = accepted(people.lead, "production"), second_lead()
    answer = prepare_answer(one.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    assert "Let it leave" not in text(lead.get(f"/desk/demands/{one.pk}/"))
    other = signed_in(colleague)
    assert "Let it leave" in text(other.get(f"/desk/demands/{one.pk}/"))
    assert other.post(f"/desk/answers/{answer.pk}/approve")["Location"] == "/accounts/2fa/"
    Authenticator.objects.create(user=colleague, type="webauthn", data={})
    told = other.post(f"/desk/answers/{answer.pk}/approve")
    assert told["Location"].startswith("/accounts/2fa/webauthn/reauthenticate/?next=")
    assert queries.answer(answer.pk).state == "prepared"


def next_step(client: Client, one: Demand) -> str:
    page = client.get(f"/desk/demands/{one.pk}/").content.decode()
    card = re.search(r'aria-labelledby="next">(.*?)</section>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", card[1]).split()) if card else ""


def test_the_next_step_of_a_prepared_answer_is_to_let_it_leave_or_says_who_has_to(
    lead: Client, people: SimpleNamespace, sign_in: Callable[[str], Client], keep: Keep
) -> None:
    keep()
    one = accepted(people.lead, "production")
    answer = prepare_answer(one.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    assert next_step(lead, one).startswith("Next step Another lead lets the answer leave, and there is none")
    other = signed_in(second_lead())
    for reader in (lead, sign_in("auditor")):
        assert next_step(reader, one).startswith("Next step Another lead lets the answer leave: Second Lead")
        assert "Let it leave" not in next_step(reader, one)
    assert next_step(other, one).startswith("Next step Let it leave It can be handed over within a day.")
    page = other.get(f"/desk/demands/{one.pk}/").content.decode()
    assert page.count("button-primary") == 1
    approve_answer(answer.pk, person=second_lead(), proof=proof())
    assert next_step(lead, one).startswith("Next step Take it out One file that The prosecutor alone can open.")
    assert "a lead hands it over" in next_step(sign_in("auditor"), one)
    drop_answer(answer.pk, why="not needed", person=people.lead)
    assert next_step(lead, one).startswith("Next step Prepare an answer")


@pytest.mark.pango
@pytest.mark.django_db(transaction=True)
def test_an_approved_answer_is_taken_out_as_a_file_once(
    lead: Client, people: SimpleNamespace, keep: Keep, clock: Any, time_machine: Any
) -> None:
    time_machine.move_to(clock.now(), tick=False)  # the proofs of a session are of the machine's clock
    one = keep()
    demand = accepted(people.lead, "production")
    do(lead, demand, "prepare", recipient=RECIPIENT, recipient_name="The prosecutor")
    answer = queries.answers(demand).get()
    told = with_key(second_lead()).post(f"/desk/answers/{answer.pk}/approve")
    assert told["Location"] == f"/desk/demands/{demand.pk}/"
    told = signed_in(people.lead).post(f"/desk/answers/{answer.pk}/take")
    assert told["Content-Disposition"] == f'attachment; filename="{demand.reference}-{answer.pk}.zip"'
    bag = zipfile.ZipFile(io.BytesIO(b"".join(told.streaming_content)))
    names = {name.partition("/")[2] for name in bag.namelist()}
    assert f"data/exhibits/{one.uuid}.age" in names
    assert {"data/report.en.html", "data/report.ar.html"} <= names
    assert queries.demand(demand.pk).state == "answered"
    client = signed_in(people.lead)
    assert "handed over" in text(client.get(f"/desk/demands/{demand.pk}/"))
    again = client.post(f"/desk/answers/{answer.pk}/take", follow=True)
    assert "This answer cannot be handed over: it is given" in text(again)


def test_an_answer_is_dropped_with_a_reason(lead: Client, people: SimpleNamespace, keep: Keep) -> None:
    keep()
    demand = accepted(people.lead, "production")
    answer = prepare_answer(demand.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    assert "a reason is required" in text(lead.post(f"/desk/answers/{answer.pk}/drop", follow=True))
    lead.post(f"/desk/answers/{answer.pk}/drop", {"why": "another key"})
    assert queries.answer(answer.pk).state == "dropped"


def test_secrecy_neither_begins_nor_ends_by_a_form_that_nobody_filled_in(lead: Client, people: SimpleNamespace) -> None:
    for secret in (True, False):
        demand = received(people.lead, gag=secret)
        for left_out in ({}, {"gag": ""}, {"gag": "perhaps"}):
            answer = do(lead, demand, "gag", why="the court", **left_out)
            assert answer.status_code == 422
            assert 'id="gag-gag"' in answer.content.decode()
            assert "the court" in answer.content.decode()
            assert queries.demand(demand.pk).gag is secret


def test_a_challenge_and_its_end_are_on_the_page(lead: Client, people: SimpleNamespace) -> None:
    demand = verified(people.lead)
    assert do(lead, demand, "challenge", filed_with="The court", why="too broad").status_code == 302
    assert do(lead, demand, "settle", outcome="narrowed", scope="case H-2026-2", why="as it said").status_code == 302
    assert "The demand was narrowed" in text(lead.get(f"/desk/demands/{demand.pk}/"))
    assert do(lead, demand, "notice", notice="withheld", ground="danger", why="w").status_code == 302
    assert do(lead, demand, "gag", gag="yes", why="the court").status_code == 302
    assert "no end is set" in text(lead.get(f"/desk/demands/{demand.pk}/"))
    with pytest.raises(objecting.BadDemand):
        objecting.settle_objection(demand.pk, outcome="none", why="w", person=people.lead)


def test_a_request_is_begun_filled_in_and_sent(lead: Client, keep: Keep) -> None:
    keep(case="case:7")
    assert lead.get("/desk/requests/add?country=FR").status_code == 200
    given = {"kind": "preservation", "country": "FR", "recipient": "The contact point", "case": "H-2026-000007"}
    told = lead.post("/desk/requests/add", given)
    one = Request.objects.get()
    assert (told["Location"], one.case) == (f"/desk/requests/{one.pk}/", "case:7")
    assert "What is missing before it can be sent Competent authority" in text(lead.get(told["Location"]))
    assert "does not state this yet" in text(do(lead, one, "send", channel="email"), 422)
    keys = [*requesting.NEEDED["preservation"], "digital-evidence-url"]
    fields = {key: f"stated {n}" for n, key in enumerate(keys)}
    assert lead.get(f"/desk/requests/{one.pk}/fill").status_code == 200
    assert lead.post(f"/desk/requests/{one.pk}/fill", fields).status_code == 302
    assert do(lead, one, "send", channel="email").status_code == 302
    shown = text(lead.get(told["Location"]))
    assert "As it was sent Request R-2026-" in shown
    assert "Remind them" in shown
    assert do(lead, one, "receipt", reference="FR 7", why="by e-mail").status_code == 302
    assert do(lead, one, "remind", why="called").status_code == 302
    assert do(lead, one, "reply", refused="on", why="no").status_code == 302
    assert do(lead, one, "close", why="over").status_code == 302
    assert "/desk/requests/" in lead.get("/desk/requests/?state=closed").content.decode()
    assert queries.request(one.pk).state == "closed"


@pytest.mark.parametrize("path", ["demands/99/", "requests/99/", "requests/99/fill"])
def test_what_is_not_there_is_a_page_that_says_so(lead: Client, path: str) -> None:
    assert lead.get(f"/desk/{path}").status_code == 404
    assert lead.post("/desk/demands/99/do/close").status_code == 404
    assert lead.post("/desk/answers/99/drop").status_code == 404


def test_an_act_that_is_none_is_not_found(lead: Client, people: SimpleNamespace) -> None:
    one = received(people.lead)
    assert do(lead, one, "burn").status_code == 404


def test_the_ledger_leads_to_the_demand_and_says_what_happened(lead: Client, people: SimpleNamespace) -> None:
    one = received(people.lead)
    page = lead.get("/ledger/")
    assert "Demand of an authority recorded" in text(page)
    assert f'href="/desk/demands/{one.pk}/"' in page.content.decode()


def test_every_act_of_the_desk_has_words() -> None:
    """Their names are put together from *demand* or *request* and the name that is handed to ``move`` and ``note``."""
    source = "".join(path.read_text() for path in Path(words.__file__).parent.glob("*.py"))
    names = set(re.findall(r'\bname = "([a-z-]+)"|\bname="([a-z-]+)"', source)) | {("gagged", ""), ("ungagged", "")}
    known = {act.partition(".")[2] for act in words.ACTS}
    assert len(names) > 20
    assert {first or second for first, second in names} <= known | {""}


def test_the_desk_speaks_arabic(lead: Client, people: SimpleNamespace, keep: Keep) -> None:
    keep()
    one = accepted(people.lead, "production")
    for path in ("/desk/", f"/desk/demands/{one.pk}/", "/desk/demands/add", "/desk/demands/?state=accepted"):
        answer = lead.get(path, headers={"Accept-Language": "ar"})
        assert answer.status_code == 200
        assert 'dir="rtl"' in answer.content.decode()
