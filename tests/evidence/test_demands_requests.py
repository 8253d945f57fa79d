"""What we ask of others: complete before it is sent, kept as it was sent, and not forgotten."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from himaya.evidence.demands import clocks, queries, requesting
from himaya.evidence.demands.acting import BadRequest, UnknownRequest
from himaya.evidence.demands.models import Request
from himaya.evidence.demands.requesting import NEEDED, ONE_OF, PRESERVE
from himaya.evidence.demands.states import REQUEST, WrongRequestMove
from himaya.evidence.granting import MayNotAct
from himaya.ledger import queries as ledger
from himaya.ledger.services import record
from himaya.reference import services as reference

pytestmark = pytest.mark.django_db
URL = "digital-evidence-url"


@pytest.fixture
def lead(people: SimpleNamespace, clock: Any) -> Any:
    opened("case:1")
    return people.lead


@transaction.atomic
def opened(case: str) -> None:
    record("case.opened", by="system", about=case)


def made(by: Any, kind: str = PRESERVE, **more: Any) -> Request:
    facts = {"country": "FR", "case": "case:1", "recipient": "The contact point", "limit": "coe-budapest-29-preserve"}
    return requesting.make_request(kind, person=by, **(facts | more))


def whole(by: Any, kind: str = PRESERVE) -> Request:
    one = made(by, kind)
    stated = {key: f"stated: {key}" for key in (*NEEDED[kind], *(group[-1] for group in ONE_OF[kind]))}
    return requesting.fill_request(one.pk, fields=stated, person=by)


@pytest.mark.parametrize("kind", NEEDED)
def test_every_field_that_is_needed_is_one_of_the_reference(kind: str) -> None:
    known = {field.key for field in requesting.asked_fields()}
    assert set(NEEDED[kind]) <= known
    assert {key for group in ONE_OF[kind] for key in group} <= known


@pytest.mark.parametrize("kind", NEEDED)
def test_what_is_missing_is_named_and_nothing_is_sent_without_it(lead: Any, kind: str) -> None:
    one = made(lead, kind, limit="", case="")
    assert len(requesting.lacking(one)) == len(NEEDED[kind]) + len(ONE_OF[kind])
    with pytest.raises(BadRequest, match="Competent authority"):
        requesting.send_request(one.pk, channel="network-24-7", person=lead)
    full = whole(lead, kind)
    assert requesting.lacking(full) == []
    for key in NEEDED[kind]:
        requesting.fill_request(full.pk, fields={key: " "}, person=lead)
        assert [each.fields[0].key for each in requesting.lacking(queries.request(full.pk))] == [key]
        requesting.fill_request(full.pk, fields={key: "again"}, person=lead)


def test_one_of_several_identifiers_is_enough(lead: Any) -> None:
    one = whole(lead)
    requesting.fill_request(one.pk, fields={"digital-evidence-hash-values": ""}, person=lead)
    missing = requesting.lacking(queries.request(one.pk))
    assert [len(each.fields) for each in missing] == [4]
    assert "URL / Hash values" in str(missing[0])
    requesting.fill_request(one.pk, fields={URL: "https://files.example/1"}, person=lead)
    assert requesting.lacking(queries.request(one.pk)) == []


@pytest.mark.parametrize("kind", NEEDED)
def test_setting_rows_of_the_reference_aside_takes_no_needed_field_away(lead: Any, kind: str) -> None:
    one = made(lead, kind)
    before = [[field.key for field in each.fields] for each in requesting.lacking(one)]
    for key in {field.key for field in requesting.asked_fields()}:
        reference.set_row_aside("request-fields", key=key, reason="not here", by=lead.actor)
    assert [[field.key for field in each.fields] for each in requesting.lacking(one)] == before
    assert {field.key for field in requesting.asked_fields()} == requesting.FIXED
    with pytest.raises(BadRequest, match="Offence, provisions"):
        requesting.send_request(one.pk, channel="network-24-7", person=lead)


def test_what_was_sent_is_kept_as_it_was_and_is_on_record_without_its_words(lead: Any, clock: Any) -> None:
    one = whole(lead)
    sent = requesting.send_request(one.pk, channel="network-24-7", person=lead)
    assert sent.text.startswith(
        f"Request R-2026-{one.pk:06d}\nPreserve data, quickly\n\nTo: The contact point (France)"
    )
    assert "Legal basis\n-----------\nTreaty" in sent.text
    assert (sent.sent_by, sent.sent_at) == (lead.actor, clock.now())
    entry = ledger.entries(act="request.sent").get()
    assert set(entry.data) == {"channel", "sha256"}
    with pytest.raises(BadRequest, match="stands as it is"):
        requesting.fill_request(one.pk, fields={URL: "other"}, person=lead)
    with pytest.raises(WrongRequestMove):
        requesting.send_request(one.pk, channel="email", person=lead)


def test_who_is_silent_is_reminded_again_and_again_until_a_reply(lead: Any, clock: Any) -> None:
    one = requesting.send_request(whole(lead).pk, channel="email", person=lead)
    clock.advance(timedelta(days=15))
    assert [(each.request, each.what) for each in queries.late()] == [(one, clocks.REMINDER)]
    requesting.remind(one.pk, why="called them", person=lead)
    assert not queries.late().exists()
    requesting.take_receipt(one.pk, reference="FR 7", why="by e-mail", person=lead)
    clock.advance(timedelta(days=15))
    assert [each.what for each in queries.late()] == [clocks.REMINDER]
    requesting.take_reply(one.pk, refused=False, why="they preserve", person=lead)
    assert [each.what for each in queries.due_next()] == [clocks.KEEPING]
    with pytest.raises(BadRequest, match="no reply is waited for"):
        requesting.remind(one.pk, why="w", person=lead)
    requesting.end_request(one.pk, why="done", person=lead)
    assert not queries.due_next().exists()
    assert queries.request(one.pk).state == "closed"


def test_what_they_preserve_ends_by_the_law_from_when_it_was_sent(lead: Any, clock: Any) -> None:
    one = requesting.send_request(whole(lead).pk, channel="email", person=lead)
    assert clocks.open_clock(one, clocks.KEEPING).due == clock.now() + timedelta(days=60)  # type: ignore[union-attr]


def test_a_request_that_is_refused_is_waited_for_no_more(lead: Any) -> None:
    one = requesting.send_request(whole(lead, "assistance").pk, channel="diplomatic", person=lead)
    requesting.take_reply(one.pk, refused=True, why="no treaty", person=lead)
    assert not queries.due_next().exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"country": "XX"}, {"case": "blob:1"}, {"case": "case:999999"}, {"exhibits": [99]},
        {"recipient": ""}, {"contact": "no-such"}, {"kind": "wish"},
        {"fields": {"no-such-field": "x"}}, {"fields": {URL: "x" * 5001}}, {"fields": {URL: "a\0"}},
    ],
)  # fmt: skip
def test_what_cannot_be_is_not_made(lead: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        made(lead, **wrong)
    assert not Request.objects.exists()


def test_the_contact_point_is_chosen_from_the_reference_the_confirmed_first(lead: Any) -> None:
    row = {
        "country": "FR", "kind": "budapest-24-7", "name": "The contact point of France", "numbers": "1",
        "source": "a letter", "checked": "2026-01-15", "basis": "confirmed", "confidence": "high",
    }  # fmt: skip
    added = reference.add_row("contacts", values=row, reason="appointed", by=lead.actor)
    found = requesting.contacts_for("FR")
    assert found[0].key == added.key
    assert all(one.kind in requesting.WAYS for one in found)
    one = made(lead, contact=added.key, recipient="")
    assert one.recipient == "The contact point of France"


def test_only_leads_make_requests(people: SimpleNamespace, clock: Any) -> None:
    opened("case:1")
    for role in ("analyst", "reviewer", "auditor", "admin"):
        with pytest.raises(MayNotAct):
            made(getattr(people, role))
    with pytest.raises(UnknownRequest):
        requesting.remind(99, why="w", person=people.lead)


def test_a_draft_is_withdrawn_and_closed(lead: Any) -> None:
    one = made(lead)
    requesting.end_request(one.pk, why="not needed", person=lead)
    requesting.end_request(one.pk, why="filed", person=lead)
    assert queries.request(one.pk).state == "closed"
    assert {state for move in REQUEST.moves for state in move.sources} == set(REQUEST.states) - {"closed"}
