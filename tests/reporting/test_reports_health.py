"""No report vanishes: what is late, in doubt, missing or cannot leave is said on the first page and by the doctor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.browsing import words
from tests.configured import configured
from tests.filings import particulars, route
from tests.reporting.conftest import work

from himaya.reporting import drafting, filing
from himaya.reporting.models import Filing
from himaya.site.reports_health import reports_health

Confirmed = Callable[..., Filing]


def said() -> list[tuple[str, str]]:
    return [(one.state, str(one.said)) for one in reports_health()]


def test_a_clock_is_an_alarm_a_day_before_its_end_and_after_it(
    confirmed: Confirmed, body: Any, clock: Any, sign_in: Callable[[str], Any]
) -> None:
    with configured(filings=[route(body.at, channel="lossy", within_hours=72)], second_factor=False):
        one = confirmed()
        assert said() == []
        clock.advance(timedelta(hours=50))
        assert said() == [("danger", "reports that must be filed within a day: 1")]
        assert "due soon" in words(sign_in("reviewer").get("/"))
        clock.advance(timedelta(hours=30))
        assert said() == [("danger", "reports that were to be filed by now: 1")]
        told = words(sign_in("lead").get("/"))
        assert one.reference in told
        assert "late" in told
        assert one.reference not in words(sign_in("admin").get("/"))
        drafting.keep_particulars(one.case_id, content=particulars(), by="key:1")
        filing.queue_filing(one.pk, by="person:1")
        work()
        assert said() == []


def test_what_is_in_doubt_or_refused_and_a_route_that_cannot_be_used_are_said(confirmed: Confirmed, body: Any) -> None:
    one, two = confirmed(1), confirmed(2)
    for each in (one, two):
        drafting.keep_particulars(each.case_id, content=particulars(), by="key:1")
    body.refuse = {"open"}
    filing.queue_filing(one.pk, by="person:1")
    work()
    body.refuse, body.lose, body.blind = set(), {"open"}, True
    filing.queue_filing(two.pk, by="person:1")
    work()
    assert said() == [
        ("danger", "reports of which nobody knows whether they are there: 1"),
        ("wait", "reports that were not taken: 1"),
    ]
    with configured(filings=[route(body.at, channel="nobody")]):
        assert "there is no channel 'nobody'" in said()[0][1]
