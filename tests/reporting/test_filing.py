"""A report is filed step by step, once, whatever gets lost on the way; or nobody knows, and a person is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.configured import configured
from tests.filings import laid_down, particulars, route
from tests.reporting.conftest import fresh, work

from himaya.cases.services import reopen
from himaya.evidence import custody
from himaya.evidence.models import Exhibit
from himaya.ledger import outbox, turns
from himaya.ledger.models import Entry, Job
from himaya.ledger.worker import run_job, run_until_idle
from himaya.reporting import drafting, filing, queries
from himaya.reporting.models import Filing
from himaya.reporting.states import WrongFilingMove
from himaya.transparency.queries import numbers

Confirmed = Callable[..., Filing]
Complete = Callable[..., Filing]


def acts(one: Filing) -> list[str]:
    return list(
        Entry.objects.filter(act__startswith="report.", about=one.about).order_by("seq").values_list("act", flat=True)
    )


def test_it_is_filed_with_its_files_and_every_reading_stands_in_their_custody(complete: Complete, body: Any) -> None:
    draft = complete(files=2)
    left_out = draft.files[1]["key"]
    drafting.change_draft(draft.pk, values={}, sent={left_out: False}, by="person:1")
    filing.queue_filing(draft.pk, by="person:1")
    work()
    done = fresh(draft)
    assert (done.state, done.receipt, done.trouble) == ("filed", "S-000001", "")
    (told,) = laid_down(body.at)
    assert (told["state"], told["key"], told["values"]["accounts"][0]["id"]) == ("finished", draft.key, "u-17")
    assert {path.name for path in (body.at / "S-000001").iterdir()} == {"report.json", draft.files[0]["key"]}
    assert (body.at / "S-000001" / draft.files[0]["key"]).read_text() == "file 0 of 1"
    first, second = Exhibit.objects.order_by("pk")
    assert [step.fields["act"] for step in custody.check(first)] == ["acquire", "export"]
    assert custody.check(first)[1].fields["facts"] == {"report": done.reference, "to": "Sample authority"}
    assert [step.fields["act"] for step in custody.check(second)] == ["acquire"]
    assert [(one.step, one.times) for one in queries.steps(done)] == [
        ("open", 1), (f"upload:{draft.files[0]['key']}", 1), ("finish", 1),
    ]  # fmt: skip
    assert acts(done)[-3:] == ["report.to-file", "report.begun", "report.filed"]
    with pytest.raises(WrongFilingMove):
        filing.queue_filing(draft.pk, by="person:1")


def test_what_was_filed_is_kept_from_then_on_as_long_as_the_law_says(complete: Complete, clock: Any) -> None:
    draft = complete(files=1)
    clock.advance(timedelta(days=10))
    filing.queue_filing(draft.pk, by="person:1")
    work()
    kept = Exhibit.objects.get()
    assert kept.until == clock.now().replace(year=clock.now().year + 1)


@pytest.mark.parametrize("step", ["open", "upload", "finish"])
def test_an_answer_that_is_lost_is_found_out_and_the_step_is_not_taken_twice(
    complete: Complete, body: Any, step: str
) -> None:
    draft = complete(files=1)
    body.lose = {step if step != "upload" else f"upload:{draft.files[0]['key']}"}
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert (fresh(draft).state, fresh(draft).receipt) == ("filed", "S-000001")
    assert len(laid_down(body.at)) == 1
    assert len(body.taken) == 3


def test_where_nobody_answers_it_is_tried_again(complete: Complete, body: Any) -> None:
    draft = complete(files=1)
    body.away = {"open", "finish"}
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert fresh(draft).state == "filed"
    assert [one.times for one in queries.steps(draft)] == [2, 1, 2]
    assert len(laid_down(body.at)) == 1


def unknown(draft: Filing, body: Any) -> None:
    body.lose, body.blind = {"open"}, True
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert fresh(draft).state == "unknown"
    assert draft.key in fresh(draft).trouble
    assert Job.objects.get(pk=fresh(draft).job_id).state == "unknown"
    body.blind = False


def test_what_cannot_be_found_out_waits_for_a_person_who_says_that_it_is_there(complete: Complete, body: Any) -> None:
    draft = complete()
    unknown(draft, body)
    with pytest.raises(filing.BadReceipt):
        filing.settle_filing(draft.pk, receipt=" ", by="person:1")
    filing.settle_filing(draft.pk, receipt="S-000001", by="person:1")
    work()
    assert (fresh(draft).state, fresh(draft).receipt) == ("filed", "S-000001")
    assert len(laid_down(body.at)) == 1
    assert acts(draft)[-2:] == ["report.unknown", "report.settled"]


def test_or_that_it_is_not_and_all_steps_are_taken_anew(complete: Complete, body: Any) -> None:
    draft = complete()
    unknown(draft, body)
    (body.at / "S-000001" / "report.json").unlink()
    filing.begin_again(draft.pk, by="person:1")
    work()
    assert fresh(draft).state == "filed"
    assert [(one.round, one.step) for one in queries.steps(draft)] == [(1, "open"), (2, "open"), (2, "finish")]
    assert len(laid_down(body.at)) == 1


def test_or_that_it_is_not_and_is_not_wanted(complete: Complete, body: Any) -> None:
    draft = complete()
    unknown(draft, body)
    assert filing.retract_filing(draft.pk, by="person:1").state == "given up"
    work()
    assert Job.objects.get(pk=fresh(draft).job_id).state == "cancelled"
    assert body.taken == ["open"]


def test_what_is_unknown_is_not_begun_again_once_its_verdict_is_gone(
    complete: Complete, body: Any, people: SimpleNamespace
) -> None:
    draft = complete()
    unknown(draft, body)
    reopen(draft.case_id, person=people.lead, reason="Another look.")
    work()
    assert fresh(draft).state == "unknown"
    filing.begin_again(draft.pk, by="person:1")
    work()
    assert fresh(draft).state == "given up"
    assert Job.objects.get(pk=fresh(draft).job_id).state == "cancelled"


def test_what_is_refused_halfway_is_put_right_and_begun_anew_without_its_remains(complete: Complete, body: Any) -> None:
    draft = complete()
    body.refuse = {"finish"}
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert fresh(draft).state == "refused"
    assert "finish is refused" in fresh(draft).trouble
    drafting.change_draft(draft.pk, values={"summary": "Put right."}, by="person:1")
    body.refuse = set()
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert fresh(draft).receipt == "S-000002"
    (told,) = laid_down(body.at, "finished")
    assert told["values"]["summary"] == "Put right."
    assert [one["state"] for one in laid_down(body.at)] == ["retracted", "finished"]


def test_what_is_refused_and_unchanged_goes_on_where_it_was(complete: Complete, body: Any) -> None:
    draft = complete()
    body.refuse = {"finish"}
    filing.queue_filing(draft.pk, by="person:1")
    work()
    body.refuse = set()
    filing.queue_filing(draft.pk, by="person:1")
    work()
    assert fresh(draft).receipt == "S-000001"
    assert len(laid_down(body.at)) == 1


def test_a_case_that_is_opened_again_takes_back_what_is_not_filed(
    complete: Complete, body: Any, people: SimpleNamespace
) -> None:
    draft, waiting, halfway, filed = complete(1), complete(2), complete(3), complete(4)
    filing.queue_filing(filed.pk, by="person:1")
    work()
    body.away = {"finish"}
    filing.queue_filing(halfway.pk, by="person:1")
    job = outbox.claim("a worker")
    assert job is not None
    run_job(job)
    filing.queue_filing(waiting.pk, by="person:1")
    for one in (draft, waiting, halfway, filed):
        reopen(one.case_id, person=people.lead, reason="Another look.")
    work()
    assert [fresh(one).state for one in (draft, waiting, halfway, filed)] == [
        "given up", "given up", "retracted", "filed",
    ]  # fmt: skip
    assert sorted(one["state"] for one in laid_down(body.at)) == ["finished", "retracted"]


def test_a_person_takes_back_a_draft_and_what_is_filed_is_not_taken_back(complete: Complete) -> None:
    one, two = complete(1), complete(2)
    assert filing.retract_filing(one.pk, by="person:1").state == "given up"
    filing.queue_filing(two.pk, by="person:1")
    work()
    with pytest.raises(WrongFilingMove):
        filing.retract_filing(two.pk, by="person:1")


def test_what_the_other_side_has_deleted_unfinished_is_begun_again(complete: Complete, body: Any, clock: Any) -> None:
    with configured(filings=[route(body.at, channel="lossy", options={"hours": 24})], reports=[], notices=[]):
        draft = complete()
        body.away = {"finish"}
        filing.queue_filing(draft.pk, by="person:1")
        run_until_idle()
        assert fresh(draft).state == "filing"
        clock.advance(timedelta(hours=25))
        work()
    assert (fresh(draft).state, fresh(draft).round) == ("filed", 2)
    assert len(laid_down(body.at)) == 1


def test_a_follow_up_names_the_number_of_what_it_follows(complete: Complete, body: Any) -> None:
    draft = complete()
    with pytest.raises(filing.NotFiled):
        filing.follow_up(draft.pk, by="person:1")
    filing.queue_filing(draft.pk, by="person:1")
    work()
    one, two = filing.follow_up(draft.pk, by="person:1"), filing.follow_up(draft.pk, by="person:1")
    assert one.key != two.key
    assert one.values["follows"] == ["S-000001"]
    filing.queue_filing(one.pk, by="person:1")
    work()
    assert [told["values"].get("follows") for told in laid_down(body.at)] == [None, ["S-000001"]]


def test_a_follow_up_that_a_person_began_waits_for_them(complete: Complete, body: Any) -> None:
    with configured(filings=[route(body.at, channel="lossy", auto=True)], reports=[], notices=[]):
        draft = complete()
        work()
        assert fresh(draft).state == "filed"
        later = filing.follow_up(draft.pk, by="person:1")
        drafting.keep_particulars(draft.case_id, content=particulars(accounts=["u-18"]), by="key:1")
        work()
    assert (fresh(later).state, fresh(later).edited_by) == ("draft", "person:1")


def test_every_day_the_other_side_is_asked_and_what_it_lacks_is_an_alarm_and_no_second_report(
    complete: Complete, body: Any, clock: Any
) -> None:
    one, two = complete(1), complete(2)
    for each in (one, two):
        filing.queue_filing(each.pk, by="person:1")
    work()
    (body.at / fresh(two).receipt / "report.json").unlink()
    for _ in range(2):
        clock.advance(timedelta(days=1))
        turns.call("filings.compared")
        work()
    assert (fresh(one).there, fresh(two).there) == (True, False)
    told = numbers().flat()
    assert (told["filings.filed"], told["filings.need-a-person"], told["filings.waiting"]) == (2, 1, 0)
    assert acts(two).count("report.missing") == 1
    assert fresh(one).asked_at == clock.now()
    assert len(laid_down(body.at)) == 1
    body.mute = {"S-000001"}
    clock.advance(timedelta(days=1))
    asked, three = clock.now(), complete(3)
    filing.queue_filing(three.pk, by="person:1")
    work()
    turns.call("filings.compared")
    run_until_idle()
    assert (fresh(one).asked_at, fresh(three).asked_at) == (asked - timedelta(days=1), asked)
    compared = Job.objects.filter(kind="compare-filings").latest("pk")
    assert (compared.state, "S-000001" in compared.error, "1 of 2" in compared.error) == ("ready", True, True)
    body.mute = set()
    work()
    assert fresh(one).asked_at == asked
    clock.advance(timedelta(days=15))
    turns.call("filings.compared")
    before = Job.objects.count()
    work()
    assert Job.objects.count() == before, "nothing is asked for any more"
