"""What may be at the other side already is a person's: taken back halfway, changed halfway, or older than a backup."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from tests.browsing import words
from tests.configured import configured
from tests.filings import laid_down, particulars, route
from tests.reporting.conftest import fresh, work

from himaya.ledger import outbox, turns
from himaya.ledger.models import Job
from himaya.ledger.worker import repeated, run_until_idle
from himaya.reporting import drafting, filing, queries
from himaya.reporting.models import Filing
from himaya.reporting.watching import doubt_drafts, take_over_doubts

Confirmed = Callable[..., Filing]
Complete = Callable[..., Filing]


@pytest.mark.parametrize("how", ["refused", "tried in vain", "restored"])
def test_what_a_person_took_back_is_not_filed_after_all(complete: Complete, body: Any, how: str) -> None:
    draft = complete()
    body.away = {"finish"}
    filing.queue_filing(draft.pk, by="person:1")
    run_until_idle()
    assert filing.retract_filing(draft.pk, by="person:1").state == "retracting"
    body.refuse = {"retract"}
    if how == "tried in vain":
        body.refuse, body.away = set(), {"retract"}
        Job.objects.filter(pk=fresh(draft).job_id).update(max_attempts=2)
    if how == "restored":
        with transaction.atomic():
            outbox.doubt_all(but=repeated(), why="the node was restored")
        turns.call("filings.doubted")
    work()
    assert fresh(draft).state == "unknown"
    with pytest.raises(filing.TakenBack):
        filing.begin_again(draft.pk, by="person:1")
    assert filing.retract_filing(draft.pk, by="person:1").state == "given up"
    work()
    assert laid_down(body.at, "finished") == []
    assert Job.objects.get(pk=fresh(draft).job_id).state == "cancelled"


def refused(draft: Filing, body: Any) -> None:
    body.refuse = {"finish"}
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert fresh(draft).state == "refused"
    body.refuse = set()


def test_where_nothing_is_taken_back_what_was_changed_halfway_is_for_a_person_and_filed_once(
    complete: Complete, body: Any
) -> None:
    body.firm, draft = True, complete()
    refused(draft, body)
    drafting.change_draft(draft.pk, values={"summary": "Put right."}, by="person:1")
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert fresh(draft).state == "unknown"
    assert "it is there as S-000001" in fresh(draft).trouble
    with pytest.raises(filing.StaysThere, match="S-000001"):
        filing.begin_again(draft.pk, by="person:1")
    assert body.taken == ["open"]
    filing.settle_filing(draft.pk, receipt="S-000001", by="person:1")
    assert filing.follow_up(draft.pk, by="person:1").values["follows"] == ["S-000001"]


def test_where_taking_back_is_refused_for_good_a_person_looks_before_it_is_begun_anew(
    complete: Complete, body: Any
) -> None:
    draft = complete()
    refused(draft, body)
    drafting.change_draft(draft.pk, values={"summary": "Put right."}, by="person:1")
    body.refuse = {"retract"}
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert (fresh(draft).state, body.taken) == ("unknown", ["open"])
    assert "S-000001" in fresh(draft).trouble
    filing.begin_again(draft.pk, by="person:1")
    work()
    assert fresh(draft).receipt == "S-000002"


def test_what_a_restored_backup_left_in_doubt_is_for_a_person(complete: Complete, body: Any) -> None:
    draft = complete()
    filing.queue_filing(draft.pk, by="person:1")
    with transaction.atomic():
        outbox.doubt_all(but=repeated(), why="the node was restored")
    turns.call("filings.doubted")
    work()
    assert fresh(draft).state == "unknown"
    assert laid_down(body.at) == []


def test_after_a_restore_a_draft_waits_for_a_person_who_looks_whether_it_was_filed_meanwhile(
    confirmed: Confirmed, body: Any, people: SimpleNamespace, sign_in: Callable[[str], Any]
) -> None:
    with configured(filings=[route(body.at, channel="lossy", auto=True)], second_factor=False):
        draft = confirmed()
        assert doubt_drafts() == 1
        drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1")
        drafting.change_draft(draft.pk, values={"summary": "What happened.", "place": "WEB"}, by="key:1")
        work()
        assert (fresh(draft).state, laid_down(body.at)) == ("draft", [])
        note = "A backup was restored after this draft was made"
        client = sign_in("reviewer")
        for page in ("", "/file"):
            assert note in words(client.get(f"/reports/filings/{draft.pk}{page}"))
        with configured(filings_second_person=True), pytest.raises(filing.NeedsAnother):
            filing.queue_filing(draft.pk, by=people.reviewer.actor)
        filing.queue_filing(draft.pk, by=people.lead.actor)
        work()
        assert (fresh(draft).state, fresh(draft).trouble) == ("filed", "")


def test_what_was_refused_before_a_restore_is_in_doubt_and_undoes_no_taking_back_of_others(
    complete: Complete, body: Any, people: SimpleNamespace
) -> None:
    first = complete()
    filing.queue_filing(first.pk, by="person:1")
    work()
    one, two = (filing.follow_up(first.pk, by="person:1") for _ in range(2))
    filing.queue_filing(one.pk, by="person:1")
    with configured(filings=[route(body.at, channel="nobody")]):
        work()
    assert (fresh(one).state, list(queries.steps(one))) == ("refused", [])
    with transaction.atomic():
        outbox.doubt_all(but=repeated(), why="the node was restored")
    assert filing.take_back_filings(one.case_id, verdict=one.verdict, by="system") == 1
    assert fresh(two).state == "given up"
    take_over_doubts()
    assert fresh(one).state == "unknown"
