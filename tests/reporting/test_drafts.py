"""A draft is made of a verdict, filled as far as the case tells, and completed by a person, field by field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests import casework
from tests.configured import configured
from tests.filings import laid_down, particulars, route
from tests.reporting.conftest import fresh, keep, work

from himaya.core.config import config
from himaya.ledger.models import Entry
from himaya.reporting import drafting, filing, paths
from himaya.reporting.models import Filing

Confirmed = Callable[..., Filing]


def test_a_verdict_makes_one_draft_for_each_route_and_what_is_not_known_is_left_out(confirmed: Confirmed) -> None:
    draft = confirmed(files=1)
    assert (draft.state, draft.values) == ("draft", {})
    assert [one["sent"] for one in draft.files] == [True]
    assert {gap.path for gap in drafting.gaps_of(draft) if gap.blocks} == {"report/summary", "report/place"}
    assert drafting.make_drafts(draft.case_id, verdict=draft.verdict, by="system") == []
    assert Entry.objects.filter(act="report.drafted", about=draft.about).count() == 1


def test_what_another_body_sent_goes_on_only_where_a_person_says_so(confirmed: Confirmed) -> None:
    case = casework.opened(1)
    keep(f"case:{case.pk}", text="from another body", occasion="received")
    draft = confirmed(files=1)
    assert [one["sent"] for one in draft.files] == [False, True]
    key = draft.files[0]["key"]
    assert drafting.change_draft(draft.pk, values={}, sent={key: True}, by="person:1").files[0]["sent"]


def test_particulars_fill_what_nobody_has_changed_and_a_new_version_takes_the_place(confirmed: Confirmed) -> None:
    draft = confirmed()
    assert drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1") == 1
    assert drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1") == 1
    now = fresh(draft)
    assert now.values["place"] == "CHAT"
    assert now.values["accounts"] == [{"id": "u-17", "emails": ["u-17@example.org"]}]
    assert not drafting.gaps_of(now) or not any(gap.blocks for gap in drafting.gaps_of(now))
    assert drafting.keep_particulars(draft.case_id, content=particulars(accounts=["u-18"]), by="key:1") == 2
    assert fresh(draft).values["accounts"][0]["id"] == "u-18"
    with pytest.raises(drafting.BadParticulars, match="accounts/0/role"):
        drafting.keep_particulars(draft.case_id, content={"accounts": [{"role": "friend", "id": "x"}]}, by="key:1")


def test_what_a_person_wrote_stays_and_they_are_told_what_is_new(confirmed: Confirmed) -> None:
    draft = confirmed()
    drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1")
    drafting.change_draft(draft.pk, values={"summary": "In my words."}, by="person:1")
    later = particulars(accounts=["u-17", "u-99"], note="In their words.", happened_at="2026-01-10T09:00:00Z")
    drafting.keep_particulars(draft.case_id, content=later, by="key:1")
    now = fresh(draft)
    assert now.values["summary"] == "In my words."
    assert {one.path for one in drafting.new_for(now)} == {
        "summary", "happened", "accounts/1/id", "accounts/1/emails/0",
    }  # fmt: skip
    drafting.take_new(draft.pk, by="person:1")
    now = fresh(draft)
    assert now.values["summary"] == "In my words."
    assert now.values["accounts"][1] == {"id": "u-99", "emails": ["u-99@example.org"]}
    assert drafting.new_for(now) == []


def test_places_are_set_by_path_as_the_form_has_them(confirmed: Confirmed) -> None:
    draft = confirmed(files=1)
    key = draft.files[0]["key"]
    changed = {
        "report/summary": "What happened.", "accounts/0/id": "u-1", "accounts/0/emails/0": "a@example.org",
        "accounts/1/id": "u-2", "urgent": "no", f"file:{key}/note": "as it came", "contact/email": "desk@example.org",
    }  # fmt: skip
    now = drafting.change_draft(draft.pk, values=changed, sent={key: False}, by="person:1", version=1)
    assert now.values == {
        "summary": "What happened.", "urgent": False, "contact": {"email": "desk@example.org"},
        "accounts": [{"id": "u-1", "emails": ["a@example.org"]}, {"id": "u-2"}],
    }  # fmt: skip
    assert now.files[0]["values"] == {"viewed": False, "note": "as it came"}
    assert not now.files[0]["sent"]
    gone = {"accounts/0/emails/0": "", "accounts/0/id": None, "accounts/1/id": None, "contact/email": ""}
    assert drafting.change_draft(draft.pk, values=gone, by="person:1").values == {
        "summary": "What happened.", "urgent": False,
    }  # fmt: skip
    with pytest.raises(drafting.DraftChanged):
        drafting.change_draft(draft.pk, values={"summary": "x"}, by="person:2", version=1)


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("nothing", "x", paths.NoSuchField),
        ("accounts/id", "x", paths.NoSuchField),
        ("accounts/1/id", "x", paths.NoSuchField),
        ("file:exhibit-9/note", "x", paths.NoSuchField),
        ("place", "MOON", paths.BadFieldValue),
        ("happened", "yesterday", paths.BadFieldValue),
        ("happened", "2026-01-10T09:00:00", paths.BadFieldValue),
        ("urgent", "perhaps", paths.BadFieldValue),
        ("accounts", "[", paths.BadFieldValue),
        ("summary", "a\0b", paths.BadFieldValue),
        ("summary", ["a"], paths.BadFieldValue),
        ("accounts", {"id": "x"}, paths.BadFieldValue),
        ("accounts", [{"ident": "x"}], paths.NoSuchField),
    ],
)
def test_what_the_form_does_not_have_is_refused_and_nothing_of_it_is_kept(
    confirmed: Confirmed, path: str, value: Any, error: type[Exception]
) -> None:
    draft = confirmed()
    with pytest.raises(error):
        drafting.change_draft(draft.pk, values={"summary": "kept only with the rest", path: value}, by="person:1")
    assert fresh(draft).values == {}


def test_nothing_leaves_before_it_is_complete_and_a_person_or_the_operator_says_so(
    confirmed: Confirmed, body: Any
) -> None:
    draft = confirmed()
    with pytest.raises(filing.NotComplete, match="report/summary"):
        filing.queue_filing(draft.pk, by="person:1")
    drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1")
    work()
    assert laid_down(body.at) == []
    with configured(filings=[route(body.at, channel="lossy", auto=True)], reports=[], notices=[]):
        drafting.keep_particulars(draft.case_id, content=particulars(accounts=["u-18"]), by="key:1")
        work()
    assert fresh(draft).state == "filed"
    assert fresh(draft).queued_by == "system"
    assert len(laid_down(body.at, "finished")) == 1


def test_where_the_operator_wants_a_second_person_it_is_not_the_first(
    confirmed: Confirmed, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = confirmed()
    drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1")
    monkeypatch.setattr(config(), "filings_second_person", True)
    with pytest.raises(filing.NeedsAnother):
        filing.queue_filing(draft.pk, by=people.reviewer.actor)
    drafting.change_draft(draft.pk, values={"summary": "In other words."}, by=people.lead.actor)
    with pytest.raises(filing.NeedsAnother):
        filing.queue_filing(draft.pk, by=people.lead.actor)
    assert filing.queue_filing(draft.pk, by=people.reviewer.actor).state == "queued"


def test_a_program_releases_no_draft_that_a_person_has_in_hand(
    confirmed: Confirmed, body: Any, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with configured(filings=[route(body.at, channel="lossy", auto=True)], reports=[], notices=[]):
        draft = confirmed()
        drafting.change_draft(draft.pk, values={"summary": "I am at it."}, by=people.lead.actor)
        drafting.change_draft(draft.pk, values={"place": "WEB"}, by="key:1")
        work()
    assert (fresh(draft).state, fresh(draft).edited_by) == ("draft", people.lead.actor)
    monkeypatch.setattr(config(), "filings_second_person", True)
    with pytest.raises(filing.NeedsAnother):
        filing.queue_filing(draft.pk, by=people.lead.actor)
    assert laid_down(body.at) == []


def test_a_rule_looks_at_a_draft_as_it_stands_when_it_files_it(confirmed: Confirmed, body: Any) -> None:
    draft = confirmed()
    drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1")
    with configured(filings=[route(body.at, channel="lossy", auto=True)], reports=[], notices=[]):
        read = fresh(draft)
        drafting.change_draft(draft.pk, values={"summary": "In my words."}, by="person:1")
        assert filing.queue_complete([read]) == 0
    assert fresh(draft).state == "draft"


def test_a_clock_runs_where_the_operator_or_the_law_names_a_number(confirmed: Confirmed, body: Any, clock: Any) -> None:
    assert confirmed(1).due is None
    with configured(filings=[route(body.at, channel="lossy", within_hours=48)], jurisdiction="US"):
        draft = confirmed(2)
    assert draft.due == clock.now() + timedelta(hours=48)


def test_a_route_that_cannot_be_used_loses_no_draft_and_says_why(
    confirmed: Confirmed, body: Any, people: SimpleNamespace
) -> None:
    with configured(filings=[route(body.at, channel="nobody")], reports=[], notices=[]):
        draft = confirmed()
    assert "nobody" in draft.trouble
    drafting.keep_particulars(draft.case_id, content=particulars(), by="key:1")
    assert fresh(draft).trouble == ""
    assert filing.queue_filing(draft.pk, by=people.lead.actor).state == "queued"
