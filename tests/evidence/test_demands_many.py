"""However many demands run, what arrives costs the same, and is held by those that ask for it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.desk import accepted
from tests.evidence.conftest import Keep

from himaya.core import clock as now_of
from himaya.evidence.demands import arriving
from himaya.evidence.demands.models import DemandHold, Objection

pytestmark = pytest.mark.django_db


def test_what_arrives_costs_no_more_with_every_demand_that_runs(keep: Keep, people: SimpleNamespace) -> None:
    keep("first", once="0")
    costs = []
    for many in (1, 12):
        while arriving.running().count() < many:
            accepted(people.lead, scope=f"accounts: account{arriving.running().count()}")
        with CaptureQueriesContext(connection) as asked:
            keep(f"text {many}", once=f"k{many}")
        costs.append(len(asked))
    assert costs[0] == costs[1]


def test_of_many_demands_each_is_asked_with_what_a_court_left_of_it(keep: Keep, people: SimpleNamespace) -> None:
    wide, narrow, other = (
        accepted(people.lead, scope=scope) for scope in ("accounts: ann, ben", "accounts: ann, ben", "accounts: cat")
    )
    now = now_of.now()
    Objection.objects.create(
        demand=narrow, filed_at=now, filed_with="a court", outcome="narrowed", scope="accounts: ann", settled_at=now
    )
    held = {}
    for account in ("ann", "ben", "cat", "dan"):
        one = keep(account, once=account, account=account)
        held[account] = set(DemandHold.objects.filter(exhibit=one).values_list("demand", flat=True))
    assert held == {"ann": {wide.pk, narrow.pk}, "ben": {wide.pk}, "cat": {other.pk}, "dan": set()}
