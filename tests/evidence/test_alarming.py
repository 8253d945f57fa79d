"""An urgent reading is told by mail, once: to every lead who has an address, and where the operator said."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse
from tests import mail
from tests.browsing import words
from tests.configured import configured, file_route, mail_route
from tests.desk import RECIPIENT, proof, second_lead
from tests.evidence.conftest import Keep

from himaya.evidence.alarming import queue_alarms
from himaya.evidence.granting import ask_access, grant_access, take_access
from himaya.evidence.models import Access
from himaya.flow.reactor import react
from himaya.ledger import worker
from himaya.ledger.models import Job
from himaya.site.health import routes_health

pytestmark = pytest.mark.django_db
FACTS = {"reason": "the school of a named child", "recipient": RECIPIENT}


@pytest.fixture
def server(people: SimpleNamespace) -> Iterator[Any]:
    """A mail server, a route of alarms there, and two leads with addresses."""
    for person, address in ((people.lead, "lead@example.org"), (second_lead(), "lead2@example.org")):
        person.email = address
        person.save()
    people.reviewer.email = "reviewer@example.org"
    people.reviewer.save()
    with (
        mail.serving() as (handler, options),
        configured(alarms=[mail_route(options.port, recipient="duty@example.org")]),
    ):
        yield handler


def taken(keep: Keep, person: Any) -> Access:
    return take_access([keep(label="a file of case 1")], person=person, proof=proof(), **FACTS)


def test_every_lead_with_an_address_and_the_named_recipient_get_one_mail_each(
    keep: Keep, people: SimpleNamespace, server: Any
) -> None:
    one = taken(keep, people.lead)
    worker.tick()
    assert worker.run_until_idle() == 3
    mails = [message_from_bytes(each) for each in server.mails]
    assert sorted(each["To"] for each in mails) == ["duty@example.org", "lead2@example.org", "lead@example.org"]
    assert {each["Subject"] for each in mails} == {f"Urgent reading: request {one.pk}"}
    assert len({each["Message-ID"] for each in mails}) == 3
    queue_alarms(one.pk)  # followed again, it is told no more
    react()
    assert worker.run_until_idle() == 0
    assert len(server.mails) == 3


def test_it_says_number_and_time_and_nothing_of_what_was_read_why_or_by_whom(
    keep: Keep, people: SimpleNamespace, server: Any
) -> None:
    people.lead.name = "Zora"
    people.lead.save()
    one = taken(keep, people.lead)
    worker.tick()
    worker.run_until_idle()
    assert server.mails
    for raw in server.mails:
        walked = [part for part in message_from_bytes(raw).walk() if not part.is_multipart()]
        parts = [part.get_payload(decode=True).decode() for part in walked]
        assert "At 2026-01-15 12:00 UTC a lead of Himaya read exhibits at once" in parts[0]
        assert f"It is request {one.pk}." in parts[0]
        whole = "\n".join(parts)
        for secret in ("E-2026", "named child", "a file of", "Zora", people.lead.username + "\n", RECIPIENT):
            assert secret not in whole


def test_what_was_granted_raises_no_alarm(keep: Keep, people: SimpleNamespace, server: Any) -> None:
    asked = ask_access([keep()], purpose="court", person=people.reviewer, **FACTS)
    grant_access(asked.pk, person=people.lead, proof=proof())
    worker.tick()
    assert worker.run_until_idle() == 0
    assert server.mails == []


def test_a_route_that_is_no_mail_is_told_once_and_addresses_nobody(
    keep: Keep, people: SimpleNamespace, tmp_path: Any
) -> None:
    people.lead.email = "lead@example.org"
    people.lead.save()
    with configured(alarms=[file_route(tmp_path / "alarms")]):
        taken(keep, people.lead)
        worker.tick()
        assert worker.run_until_idle() == 1
    written = [each.read_text() for each in (tmp_path / "alarms").rglob("*") if each.is_file()]
    assert any("urgent" in each for each in written), written
    assert not any("lead@example.org" in each for each in written)


def test_a_route_that_cannot_be_used_is_named_and_its_alarm_waits_for_a_person(
    keep: Keep, people: SimpleNamespace, sign_in: Any
) -> None:
    with configured(alarms=[{"name": "duty", "channel": "email", "options": {}}], second_factor=False):
        assert [each.what for each in routes_health()] == ["Routes"]
        one = taken(keep, people.lead)
        worker.tick()
        worker.run_until_idle()
        job = Job.objects.get(kind="alarm")
        assert job.state == "dead"
        page = words(sign_in("reviewer").get(reverse("ledger:delivery", args=[job.pk])))
    assert "That somebody read at once, and when; not what." in page
    assert f"request {one.pk}" in page


def test_without_such_a_route_today_alone_says_so(keep: Keep, people: SimpleNamespace) -> None:
    taken(keep, people.lead)
    worker.tick()
    assert not Job.objects.filter(kind="alarm").exists()
