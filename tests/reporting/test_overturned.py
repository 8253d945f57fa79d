"""A verdict falls of which a report in a form of another body has left: the recipients are to be told."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words
from tests.filings import particulars
from tests.reporting.conftest import fresh, work

from himaya.cases.leaving import FILING, leaving
from himaya.cases.quality import appeal_queries, appealing
from himaya.cases.services import reopen
from himaya.core import clock as now_of
from himaya.ledger import outbox
from himaya.ledger.models import Job
from himaya.ledger.worker import run_job
from himaya.reporting import drafting, filing
from himaya.reporting.models import Filing

Confirmed = Callable[..., Filing]
NEW = {"scheme": "himaya-review", "code": "not-a-match"}


def queued(confirmed: Confirmed, number: int = 1) -> Filing:
    draft = confirmed(number)
    drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1")
    return filing.queue_filing(draft.pk, by="person:1")


def states(one: Filing) -> list[tuple[str, str, str]]:
    return [(each.kind, each.route, each.state) for each in leaving(one.case)]


def overturned(one: Filing, person: Any) -> Any:
    asked = {"reference": f"platform-{one.pk}", "ground": "not-this", "made_at": now_of.now(), "by": "key:abc"}
    made = appealing.take_appeal(one.case_id, **asked)
    done = appealing.accept_appeal(made.pk, person=person, reason="It is a drawing of a house.", **NEW)
    work()
    return done


def test_who_got_a_report_is_to_be_told_and_the_page_of_the_case_says_so(
    confirmed: Confirmed, people: SimpleNamespace, sign_in: Any
) -> None:
    one, waiting = queued(confirmed), confirmed(2)
    work()
    page = words(sign_in("lead").get(f"/cases/{one.case_id}/"))
    assert "1 report has arrived: body." in page
    appeal = overturned(one, people.lead)
    assert appeal_queries.to_be_told(appeal) == [(fresh(one).job_id, "report", "body", "done")]
    assert "To be told" in words(sign_in("lead").get(f"/cases/quality/appeals/{appeal.pk}/"))
    assert appeal_queries.to_be_told(overturned(waiting, people.lead)) == [], "it was a draft"
    reopen(one.case_id, person=people.lead, reason="Once more.")
    assert "A verdict that no longer holds was told outside." in words(sign_in("lead").get(f"/cases/{one.case_id}/"))


def test_what_was_taken_back_there_is_not_to_be_told(confirmed: Confirmed, body: Any, people: SimpleNamespace) -> None:
    body.away = {"finish"}
    one = queued(confirmed)
    assert states(one) == [("report", "body", "ready")]
    job = outbox.claim("a worker")
    assert job is not None
    run_job(job)
    appeal = overturned(one, people.lead)
    assert fresh(one).state == "retracted"
    assert states(one) == [("report", "body", "cancelled")]
    assert appeal_queries.to_be_told(appeal) == []


@pytest.mark.parametrize(("act", "state"), [("report.unknown", "unknown"), ("report.refused", "dead")])
def test_of_what_ended_without_an_answer_the_record_says_whether_it_may_be_there(
    confirmed: Confirmed, body: Any, act: str, state: str
) -> None:
    body.lose, body.blind = ({"finish"}, True) if state == "unknown" else (set(), False)
    body.refuse = {"finish"} if state == "dead" else set()
    one = queued(confirmed)
    work()
    Job.objects.filter(kind=FILING).update(state="dead")  # as where a route was taken away while it was in doubt
    assert fresh(one).state == act.removeprefix("report.")
    assert states(one) == [("report", "body", state)]


def test_the_kind_of_these_jobs_is_named_alike() -> None:
    assert filing.KIND == FILING
