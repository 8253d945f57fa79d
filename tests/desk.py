"""The legal desk for tests: what a demand says, and the steps up to its acceptance."""

from __future__ import annotations

from typing import Any

import pyrage

from himaya.core import clock as now_of
from himaya.evidence.demands import releasing, services
from himaya.evidence.demands.lists import REQUIRED
from himaya.evidence.demands.models import Answer, Demand, Request
from himaya.evidence.demands.terms import Terms
from himaya.evidence.granting import Proof

IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())


def terms(kind: str = "preservation", **more: Any) -> Terms:
    said: dict[str, Any] = {
        "kind": kind, "authority": "The prosecutor of the district", "country": "LU", "channel": "portal",
        "instrument": "18 USC 2703(f)", "limit": "us-2703-f-preserve" if kind == "preservation" else "",
        "received_at": now_of.now(), "reference": "2026/17", "scope": "case H-2026-000001",
        "limit_applies": True,
    } | more  # fmt: skip
    return Terms(**said)


def received(by: Any, kind: str = "preservation", **more: Any) -> Demand:
    return services.record_demand(terms(kind, **more), person=by)


def verified(by: Any, kind: str = "preservation", **more: Any) -> Demand:
    one = received(by, kind, **more)
    for item in REQUIRED[kind]:
        services.confirm_check(one.pk, item=item, said="seen", person=by)
    return services.verify_demand(one.pk, person=by)


def accepted(by: Any, kind: str = "preservation", **more: Any) -> Demand:
    one = verified(by, kind, **more)
    return services.accept_demand(one.pk, why="it is as it must be", person=by)


def second_lead() -> Any:
    from django.contrib.auth import get_user_model

    found = {"name": "Second Lead", "role": "lead"}
    return get_user_model().objects.get_or_create(username="lead2", defaults=found)[0]


def released(one: Demand, by: Any) -> Demand:
    """What it preserves need not be preserved any more, as two leads say."""
    releasing.ask_release(one.pk, ground="not-needed", why="their letter says so", person=by)
    releasing.confirm_release(one.pk, person=second_lead(), proof=proof())
    return one


def proof() -> Proof:
    return Proof("webauthn", now_of.now())


def objects_of_the_desk(pk: int, lead: Any) -> None:
    """A demand, an answer to it and a request, of one number."""
    facts = {"pk": pk, "authority": "An authority", "country": "LU", "channel": "portal", "received_at": now_of.now()}
    demand = Demand.objects.create(kind="production", instrument="A law", **facts)
    named = {"recipient": RECIPIENT, "recipient_name": "An authority"}
    Answer.objects.create(pk=pk, demand=demand, kind="production", prepared_by=lead, prepared_at=now_of.now(), **named)
    Request.objects.create(
        pk=pk, kind="preservation", country="LU", recipient="The point", made_at=now_of.now(), made_by=lead.actor
    )
