"""Metrics, as Prometheus reads them."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.casework import opened
from tests.program import Program, is_problem

from himaya.cases import services
from himaya.screening.counting import count
from himaya.transparency.queries import numbers

pytestmark = pytest.mark.django_db


def scraped() -> dict[str, dict[tuple[str, ...], float]]:
    """Name of a sample → its labels' values → its value; read by Prometheus' own parser."""
    answer = Program("numbers:read").get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_every_number_of_the_page_is_told_once(people):
    count({"hit": 2, "miss": 5}, origin="api")
    opened(1)
    found = scraped()
    assert found["himaya_screened_total"] == {(): 7}
    assert found["himaya_cases_open"] == {(): 1}
    for name, value in numbers().flat().items():
        plain = "himaya_" + name.replace(".", "_").replace("-", "_")
        (sample,) = {plain, f"{plain}_total"} & found.keys()
        if not name.startswith(("people", "keys", "ledger")):  # the key that asks was made meanwhile
            assert found[sample] == {(): value}


def test_a_number_that_can_go_down_is_no_counter(people):
    case = opened(1)
    before = scraped()
    services.claim(case.pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")
    services.reopen(case.pk, person=people.lead, reason="Looked at again.")
    after = scraped()
    fallen = [name for name in before if name.endswith("_total") and after[name][()] < before[name][()]]
    assert fallen == []
    assert {"himaya_cases_open", "himaya_cases_decided", "himaya_items_active", "himaya_evidence_kept"} <= after.keys()


def test_queues_and_jobs_and_findings_are_told_with_their_labels(clock):
    opened(1)
    clock.advance(timedelta(hours=5))
    found = scraped()
    assert found["himaya_queue_open"] == {("hotline",): 1}
    assert found["himaya_queue_oldest_seconds"] == {("hotline",): 5 * 3600}
    assert found["himaya_queue_age_hours_bucket"] == {
        ("1.0",): 0, ("4.0",): 0, ("12.0",): 1, ("24.0",): 1, ("72.0",): 1, ("+Inf",): 1,
    }  # fmt: skip
    assert found["himaya_health"]["Worker",] in (0, 1, 2)
    assert set(found["himaya_jobs"]) >= {("ready",), ("dead",), ("unknown",)}


def test_a_key_for_other_things_gets_none():
    is_problem(Program("screen").get("/metrics"), 403)
