"""What a request takes from its case, and what others are asked anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from tests.evidence.conftest import Keep

from himaya.core.config import config
from himaya.evidence.demands import clocks, queries, requesting
from himaya.evidence.demands.acting import BadRequest
from himaya.evidence.demands.models import Request
from himaya.evidence.demands.prefilling import LONGEST
from himaya.evidence.demands.requesting import ASSIST, NEEDED, ONE_OF, PRESERVE
from himaya.evidence.models import Step
from himaya.ledger import queries as ledger

pytestmark = pytest.mark.django_db
HASHES, HEADS = "digital-evidence-hash-values", "annexes-chain-of-custody"


def made(by: Any, kind: str = PRESERVE, **more: Any) -> Request:
    facts = {"country": "FR", "case": "case:1", "recipient": "The contact point", "limit": "coe-budapest-29-preserve"}
    return requesting.make_request(kind, person=by, **(facts | more))


def sent(by: Any, **more: Any) -> Request:
    one = made(by, **more)
    stated = {key: f"stated: {key}" for key in (*NEEDED[PRESERVE], *(group[-1] for group in ONE_OF[PRESERVE]))}
    requesting.fill_request(one.pk, fields=stated, person=by)
    return requesting.send_request(one.pk, channel="email", person=by)


def test_a_request_is_filled_in_from_its_case_the_settings_and_the_law(
    people: SimpleNamespace, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "organisation", "hotline.example")
    monkeypatch.setattr(config(), "contact", "desk@hotline.example")
    kept = keep("one", origin="https://files.example/1", account="a-17", media_type="text/plain")
    keep("another case", case="case:2")
    stated = made(people.lead).fields
    digest = hashlib.sha256(b"one").hexdigest()
    assert stated[HASHES].startswith(f"{kept.reference}: SHA-256 {digest}, text/plain, met ")
    head = hashlib.sha256(bytes(Step.objects.filter(exhibit=kept).latest("number").line)).hexdigest()
    assert stated[HEADS] == f"{kept.reference}: head of custody {head}"
    assert stated["digital-evidence-url"] == "https://files.example/1"
    assert stated["digital-evidence-account-identifiers"] == "a-17"
    assert stated["authorities-competent-authority"] == "hotline.example"
    assert stated["authorities-contact-person-e-mail-phone"] == "desk@hotline.example"
    assert stated["legal-basis-treaty"] == "Budapest Convention Art. 29(7)"
    assert "at least 60 days" in stated["assistance-preservation"]
    assert "1" in stated["facts-case-reference"]


def test_what_was_filled_in_is_marked_until_a_person_states_it_otherwise(people: SimpleNamespace, keep: Keep) -> None:
    keep("one")
    one = made(people.lead, fields={"facts-why-assistance-is-needed": "why"})
    assert {HASHES, HEADS} <= requesting.filled_in(one)
    assert "facts-why-assistance-is-needed" not in requesting.filled_in(one)
    requesting.fill_request(one.pk, fields={HASHES: "other"}, person=people.lead)
    again = queries.request(one.pk)
    assert HASHES not in requesting.filled_in(again)
    assert again.fields[HASHES] == "other"


def test_what_is_stated_by_hand_outranks_what_is_known(people: SimpleNamespace, keep: Keep) -> None:
    keep("one")
    assert made(people.lead, fields={HASHES: "mine"}).fields[HASHES] == "mine"


def test_only_the_exhibits_that_are_named_are_stated(people: SimpleNamespace, keep: Keep) -> None:
    first, second = keep("one"), keep("two")
    stated = made(people.lead, exhibits=[second.pk]).fields[HASHES]
    assert second.reference in stated
    assert first.reference not in stated
    elsewhere = keep("three", case="case:2")
    with pytest.raises(BadRequest, match="none of the case"):
        made(people.lead, exhibits=[elsewhere.pk])


def test_more_exhibits_than_a_field_takes_are_counted(people: SimpleNamespace, keep: Keep) -> None:
    for number in range(60):
        keep(f"text {number}")
    stated = made(people.lead).fields[HASHES]
    assert len(stated) <= LONGEST
    *lines, last = stated.splitlines()
    assert last == f"and {60 - len(lines)} more, for which there is no room here"


def test_a_request_for_assistance_names_the_one_to_preserve_that_it_follows(
    people: SimpleNamespace, keep: Keep
) -> None:
    keep("one")
    first = sent(people.lead)
    requesting.take_receipt(first.pk, reference="FR 7", why="by e-mail", person=people.lead)
    one = made(people.lead, ASSIST, follows=first.pk, limit="")
    said = one.fields["digital-evidence-preservation-reference-number-and-date"]
    assert said.startswith(f"{first.reference}, sent ")
    assert "your reference FR 7, preserved until " in said
    assert ledger.entries(about=one.about, act="request.made").get().data["follows"] == first.about
    with pytest.raises(BadRequest, match="no request to preserve that was sent"):
        made(people.lead, ASSIST, follows=one.pk)


def test_who_preserves_is_asked_anew_and_their_clock_runs_on_from_its_end(
    people: SimpleNamespace, keep: Keep, clock: Any
) -> None:
    keep("one")
    one = sent(people.lead)
    end = clocks.open_clock(one, clocks.KEEPING).due  # type: ignore[union-attr]
    requesting.renew_request(one.pk, why="by e-mail", person=people.lead)
    running = clocks.open_clock(one, clocks.KEEPING)
    assert running is not None
    assert (running.due, running.renewals) == (end + timedelta(days=60), 1)
    entry = ledger.entries(about=one.about, act="request.renewed").get()
    assert entry.data == {"renewals": 1, "until": running.due.isoformat()}
    with pytest.raises(BadRequest, match="not later"):
        requesting.renew_request(one.pk, why="w", until=datetime(2020, 1, 1, tzinfo=UTC), person=people.lead)
    requesting.end_request(one.pk, why="done", person=people.lead)
    with pytest.raises(BadRequest, match="nothing is preserved"):
        requesting.renew_request(one.pk, why="w", person=people.lead)


def test_the_page_begins_from_a_case_says_what_it_filled_in_and_where_no_contact_is_known(
    sign_in: Callable[[str], Client], keep: Keep
) -> None:
    lead, kept = sign_in("lead"), keep("one")
    page = lead.get(f"/evidence/exhibits/{kept.pk}/").content.decode()
    assert f"/desk/requests/add?exhibits={kept.reference}&amp;case=1" in page
    first = lead.get(f"/desk/requests/add?exhibits={kept.reference}&case=1&country=LU").content.decode()
    assert "no contact point of that country" in first
    assert 'href="/reference/contacts/add"' in first
    assert f'value="{kept.reference}"' in first
    typed = {"kind": PRESERVE, "country": "LU", "case": "H-2026-000001", "recipient": "The point"}
    wrong = lead.post("/desk/requests/add", {**typed, "case": "H-2026-999999"})
    assert wrong.status_code == 422
    assert not Request.objects.exists()
    assert lead.post("/desk/requests/add", {**typed, "exhibits": kept.reference}).status_code == 302
    one = Request.objects.get()
    assert one.case == "case:1"
    shown = lead.get(f"/desk/requests/{one.pk}/").content.decode()
    assert "What was filled in for you" in shown
    assert "Filled in from what this node knows" in lead.get(f"/desk/requests/{one.pk}/fill").content.decode()
