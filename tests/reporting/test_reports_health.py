"""No report vanishes: what is late, in doubt, missing or cannot leave is said on the first page and by the doctor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.browsing import words
from tests.configured import configured
from tests.filings import particulars, route
from tests.reporting.conftest import fresh, work

from himaya.cases.services import claim, decide, reopen
from himaya.reporting import drafting, filing, queries
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


def test_what_the_other_side_still_has_although_the_verdict_is_gone_is_a_persons_until_it_is_corrected(
    confirmed: Confirmed, body: Any, people: SimpleNamespace, sign_in: Callable[[str], Any]
) -> None:
    one, two = confirmed(1), confirmed(2)
    for each in (one, two):
        drafting.keep_particulars(each.case_id, content=particulars(), by="key:1")
        body.refuse = {"finish"} if each == two else set()
        filing.queue_filing(each.pk, by="person:1")
        work()
    body.refuse, body.firm = set(), True
    for each in (one, two):
        reopen(each.case_id, person=people.lead, reason="Another look.")
    work()
    gone = "filed reports whose verdict does not hold any more, and that nothing corrects: 1"
    left = "reports that were taken back and stay unfinished at the other side: 1"
    assert said() == [("danger", gone), ("wait", left)]
    assert [each.pk for each in queries.need_a_person()] == [one.pk, two.pk]
    with configured(second_factor=False):
        client = sign_in("lead")
        told = words(client.get("/"))
        assert "Its verdict does not hold any more: tell them" in told
        assert "It stays there unfinished: ask them to end it" in told
        assert "its verdict is gone" in words(client.get("/reports/filings/"))
        assert "the other side does not know" in words(client.get(f"/reports/filings/{one.pk}"))
        assert "It is looked after" in words(client.get(f"/reports/filings/{two.pk}"))
        client.post(f"/reports/filings/{two.pk}/retract")
    assert said() == [("danger", gone)]
    claim(one.case_id, person=people.reviewer)
    decide(one.case_id, person=people.reviewer, scheme="himaya-review", code="not-illegal", reason="It is harmless.")
    work()
    assert said() == [("danger", gone)]
    correction = filing.follow_up(one.pk, by="person:1")
    assert said() == []
    drafting.change_draft(correction.pk, values={"summary": "The report was wrong.", "place": "WEB"}, by="person:1")
    filing.queue_filing(correction.pk, by="person:1")
    work()
    assert (fresh(correction).state, said()) == ("filed", [])
