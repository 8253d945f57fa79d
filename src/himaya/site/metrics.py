"""Metrics for Prometheus: everything that the numbers page counts, the queues, the outbox, and how the house stands.

Text format 0.0.4, asked with a key of scope ``numbers:read`` (``authorization`` in the scrape configuration). Numbers
alone: nothing of a case or a person. A number that can go down is a gauge, the others are counters and end in
``_total``. Everything is read from the database when it is asked for, so any web process answers the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from django.http import HttpRequest, HttpResponse
from ninja import Router
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from himaya import __version__
from himaya.accounts.keys import Key
from himaya.cases import flowing
from himaya.core import clock
from himaya.core.config import config
from himaya.core.wire import problems
from himaya.ledger import queries as ledger
from himaya.ledger import turns
from himaya.site.health import health
from himaya.transparency.pages import WORDS
from himaya.transparency.queries import numbers

router = Router(tags=["numbers"])
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STATES: Final = {"ok": 0, "wait": 1, "danger": 2}
GROWING: Final = re.compile(
    r"screened(\.[a-z-]+)?|scans|sightings|[a-z]+\.sent|partners\.(requests|items)|published\.[a-z]+"
    r"|evidence\.(urgent|destroyed)|demands\.(?!waiting)[a-z-]+|ledger\.entries|log\.(leaves|published)"
)
"""Numbers that never go down while the database stands."""


@router.get("/metrics", auth=Key("numbers:read"), response={200: None, **problems()}, summary="Metrics for Prometheus")
def metrics(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """All numbers, queues, jobs and findings, in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Node())
    return HttpResponse(generate_latest(registry), content_type=MEDIA_TYPE)


class _Node(Collector):
    """What is told of this node; each family once."""

    def collect(self) -> Iterable[Metric]:
        """Ask every room."""
        yield from _about()
        yield from _numbers()
        yield from _queues()
        yield from _jobs()
        yield from _findings()


def _about() -> Iterator[Metric]:
    about = GaugeMetricFamily("himaya_info", "Which program this is", labels=["version", "node"])
    about.add_metric([__version__, config().node_name], 1)
    yield about
    yield GaugeMetricFamily("himaya_worker_alive", "Whether a worker runs", value=int(turns.is_alive()))


def _numbers() -> Iterator[Metric]:
    for name, value in numbers().flat().items():
        plain, words = "himaya_" + re.sub(r"[.-]", "_", name), str(WORDS[name])
        if GROWING.fullmatch(name):
            yield CounterMetricFamily(plain, words, value=value)
        else:
            yield GaugeMetricFamily(plain, words, value=value)


def _queues() -> Iterator[Metric]:
    now = clock.now()
    waiting = GaugeMetricFamily("himaya_queue_open", "Open cases that match a list", labels=["list"])
    oldest = GaugeMetricFamily(
        "himaya_queue_oldest_seconds", "For how long the oldest of them has waited", labels=["list"]
    )
    for queue in flowing.queues():
        waiting.add_metric([queue.list_name], queue.open)
        oldest.add_metric([queue.list_name], (now - queue.oldest).total_seconds())
    yield waiting
    yield oldest
    buckets, sum_ = [], 0
    for (_, hours), (_, n) in zip(flowing.AGES, flowing.queue_ages(), strict=True):
        sum_ += n
        buckets.append((f"{hours}.0" if hours else "+Inf", float(sum_)))
    yield HistogramMetricFamily(
        "himaya_queue_age_hours", "For how many hours open cases have waited", buckets=buckets, sum_value=None
    )


def _jobs() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("himaya_jobs", "Jobs of the outbox by state", labels=["state"])
    for state, n in ledger.states().items():
        jobs.add_metric([state], n)
    yield jobs
    due = ledger.oldest_due()
    late = max((clock.now() - due).total_seconds(), 0) if due else 0
    yield GaugeMetricFamily("himaya_job_oldest_due_seconds", "For how long a job has been due", value=late)
    rests = sum(one.until is not None for one in ledger.resting())
    yield GaugeMetricFamily("himaya_lanes_resting", "Destinations left alone after failures", value=rests)


def _findings() -> Iterator[Metric]:
    """The worst finding of each subject: 0 well, 1 to be looked at, 2 wrong now."""
    worst: dict[str, int] = {}
    for finding in health():
        worst[finding.what] = max(worst.get(finding.what, 0), STATES[finding.state])
    found = GaugeMetricFamily("himaya_health", "0 well, 1 to be looked at, 2 wrong now", labels=["what"])
    for what, state in worst.items():
        found.add_metric([what], state)
    yield found
