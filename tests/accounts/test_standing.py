"""Nobody who makes accounts is two people: a new lead counts once another one knows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from tests.conftest import PASSWORD

from himaya.accounts import services, standing
from himaya.accounts.models import Person
from himaya.accounts.roles import STANDING

pytestmark = pytest.mark.django_db


def named(username: str) -> Person:
    return Person.objects.get(username=username)


@pytest.mark.parametrize("way", ["added", "raised", "readmitted", "factor"])
def test_a_lead_whom_an_administrator_makes_approves_nothing_yet(way: str, people: SimpleNamespace) -> None:
    by = people.admin.actor
    if way == "added":
        services.add_person("new", role="lead", by=by, password=PASSWORD)
    else:
        services.add_person("new", role="lead" if way != "raised" else "reviewer", by="cli:operator", password=PASSWORD)
        assert way == "raised" or named("new").may("evidence.grant"), "who sits at the machine has its keys anyway"
    if way == "raised":
        services.change_person("new", by=by, role="lead")
    if way == "readmitted":
        services.change_person("new", by=by, active=False)
        assert not standing.waiting(), "barred people are nobody's second"
        services.change_person("new", by=by, active=True)
    if way == "factor":
        services.reset_factor("new", reason="lost", by=by)
    assert not any(named("new").may(act) for act in STANDING)
    assert named("new").may("evidence.ask")
    assert [one.username for one in standing.waiting()] == ["new"]


def test_another_lead_confirms_and_nobody_else(people: SimpleNamespace) -> None:
    for name in ("new", "newer"):
        services.add_person(name, role="lead", by=people.admin.actor, password=PASSWORD)
    for who in (people.admin, people.reviewer, people.auditor, named("new"), named("newer")):
        with pytest.raises(standing.MayNotConfirm):
            standing.confirm_lead("new", person=who)
    standing.confirm_lead("new", person=people.lead)
    assert named("new").may("evidence.grant")
    with pytest.raises(standing.NotWaiting):
        standing.confirm_lead("new", person=people.lead)
    standing.confirm_lead("newer", person=named("new"))
    assert not standing.waiting()


def test_a_week_in_which_all_leads_are_told_is_enough(people: SimpleNamespace, clock: Any) -> None:
    services.add_person("new", role="lead", by=people.admin.actor, password=PASSWORD)
    clock.advance(timedelta(days=6))
    assert not named("new").may("evidence.grant")
    clock.advance(timedelta(days=1))
    assert named("new").may("evidence.grant")


def test_nobody_changes_their_own_role(people: SimpleNamespace) -> None:
    services.add_person("other", role="admin", by="cli:operator", password=PASSWORD)
    with pytest.raises(services.YourOwnRole):
        services.change_person(people.admin.username, by=people.admin.actor, role="lead")


def test_the_page_names_who_waits_and_a_lead_confirms(
    sign_in: Callable[[str], Client], people: SimpleNamespace
) -> None:
    services.add_person("new", role="lead", by=people.admin.actor, password=PASSWORD, name="New Lead")
    client = sign_in("lead")
    assert "/leads/" in client.get("/").content.decode()
    assert "New Lead" in client.get("/leads/").content.decode()
    client.post("/leads/new/confirm")
    assert named("new").may("evidence.grant")
    assert "Nobody waits." in client.get("/leads/").content.decode()
