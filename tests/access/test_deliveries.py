"""Role × act × delivery: whoever may not is refused before anything is looked at; whoever may does what can be done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client

from himaya.accounts.roles import ROLES
from himaya.ledger import outbox
from himaya.ledger.models import Job
from himaya.ledger.queries import head

pytestmark = pytest.mark.django_db
ACTS = ("retry", "settle", "cancel")
BECOMES = {
    ("ready", "cancel"): "cancelled",
    ("dead", "retry"): "ready",
    ("unknown", "retry"): "ready",
    ("unknown", "settle"): "done",
    ("unknown revoked", "settle"): "done",
    ("unknown revoked", "cancel"): "cancelled",
}
"""State of the delivery and act of a lead → its state afterwards. Whatever is not named changes nothing."""
BEFORE = (*Job.STATES, "running revoked", "unknown revoked")


def made(before: str) -> Job:
    state, __, revoked = before.partition(" ")
    with transaction.atomic():
        job = outbox.enqueue("deliver", lane="l", key="k", about="case:1", payload={"route": "desk"})
    Job.objects.update(state=state, revoked=bool(revoked))
    return job


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("act", ACTS)
def test_only_a_lead_acts_on_a_delivery_and_only_where_its_state_allows_it(
    sign_in: Callable[[str], Client], role: str, act: str
) -> None:
    client, wrong = sign_in(role), []
    for before in BEFORE:
        Job.objects.all().delete()
        job, entries = made(before), head()
        answer = client.post(f"/ledger/deliveries/{job.pk}/{act}", {"reference": "by telephone"})
        after = Job.objects.get()
        expected = BECOMES.get((before, act), "") if role == "lead" else ""
        status = 302 if role == "lead" else 403
        if (answer.status_code, after.state, after.revoked) != (
            status,
            expected or job_state(before),
            job_revoked(before),
        ):
            wrong.append((before, answer.status_code, after.state))
        if (head() != entries) is not bool(expected):
            wrong.append((before, "the ledger says otherwise"))
    assert wrong == []


def job_state(before: str) -> str:
    return before.partition(" ")[0]


def job_revoked(before: str) -> bool:
    return " " in before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("pk", [0, 99, 2**80])
def test_a_delivery_that_is_not_there_is_told_to_a_lead_alone(
    sign_in: Callable[[str], Client], role: str, act: str, pk: int
) -> None:
    before = head()
    answer = sign_in(role).post(f"/ledger/deliveries/{pk}/{act}", {"reference": "by telephone"})
    assert answer.status_code == (404 if role == "lead" else 403)
    assert head() == before
