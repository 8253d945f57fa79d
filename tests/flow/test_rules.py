"""The rules: what follows from a verdict, and from taking it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.casework import opened
from tests.configured import configured, file_route

from himaya.cases.models import Verdict
from himaya.cases.services import claim, decide, reopen
from himaya.evidence.queries import exhibits
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import Acquired, preserve
from himaya.flow import rules
from himaya.flow.reactor import react
from himaya.ledger.models import Entry, Job
from himaya.ledger.worker import run_until_idle
from himaya.reporting.models import Report
from himaya.takedown.models import Notice

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def routes(tmp_path: Path) -> Iterator[None]:
    """Two authorities, one host."""
    reports = [file_route(tmp_path / "a", "a"), file_route(tmp_path / "b", "b")]
    with configured(reports=reports, notices=[file_route(tmp_path / "host", "host")]):
        yield


def verdict(case: Any, person: Any, code: str = "baseline", scheme: str = "interpol") -> None:
    claim(case.pk, person=person)
    decide(case.pk, person=person, scheme=scheme, code=code, reason="A reason.")


def written(folder: Path) -> int:
    return len(list(folder.rglob("*.json")))


def states() -> Counter[str]:
    return Counter(Job.objects.values_list("state", flat=True))


def test_a_confirmed_verdict_is_reported_over_every_route_and_the_host_is_told(
    people: SimpleNamespace, tmp_path: Path
) -> None:
    case = opened()
    verdict(case, people.reviewer)
    assert run_until_idle() == 3
    assert sorted(Report.objects.values_list("route", flat=True)) == ["a", "b"]
    assert list(Notice.objects.values_list("route", flat=True)) == ["host"]
    assert [written(tmp_path / name) for name in ("a", "b", "host")] == [1, 1, 1]
    assert {entry.actor for entry in Entry.objects.filter(act__endswith=".queued")} == {"system"}


def test_a_verdict_that_confirms_nothing_is_told_to_nobody(people: SimpleNamespace) -> None:
    verdict(opened(), people.reviewer, code="not-illegal", scheme="himaya-review")
    assert react() is True
    assert run_until_idle() == 0
    assert not Job.objects.exists()


def test_a_case_that_is_opened_again_takes_back_what_still_waits(people: SimpleNamespace, tmp_path: Path) -> None:
    case = opened()
    verdict(case, people.reviewer)
    react()
    reopen(case.pk, person=people.lead, reason="A doubt.")
    run_until_idle()
    assert states() == {"cancelled": 3}
    assert written(tmp_path) == 0


def test_a_case_that_is_opened_again_before_anybody_reacted_is_told_to_nobody(people: SimpleNamespace) -> None:
    case = opened()
    verdict(case, people.reviewer)
    reopen(case.pk, person=people.lead, reason="A doubt.")
    run_until_idle()
    assert not Job.objects.exists()


def test_what_has_left_stays_and_a_new_verdict_is_told_anew(people: SimpleNamespace, tmp_path: Path) -> None:
    case = opened()
    verdict(case, people.reviewer)
    run_until_idle()
    reopen(case.pk, person=people.lead, reason="A doubt.")
    verdict(case, people.reviewer)
    run_until_idle()
    assert states() == {"done": 6}
    assert written(tmp_path / "host") == 2


def test_only_the_verdict_that_holds_is_told(people: SimpleNamespace, tmp_path: Path) -> None:
    case = opened()
    verdict(case, people.reviewer)
    reopen(case.pk, person=people.lead, reason="A doubt.")
    verdict(case, people.reviewer)
    run_until_idle()
    assert states() == {"done": 3}
    assert set(Report.objects.values_list("verdict", flat=True)) == {Verdict.objects.latest("pk").pk}
    assert written(tmp_path) == 3


def test_a_route_that_cannot_be_used_holds_up_neither_the_others_nor_the_next_case(
    people: SimpleNamespace, tmp_path: Path
) -> None:
    reports = [{"name": "broken", "channel": "pigeon"}, file_route(tmp_path / "b", "b")]
    with configured(reports=reports, notices=[file_route(tmp_path / "host", "host")]):
        for number in (1, 2):
            verdict(opened(number), people.reviewer)
        run_until_idle()
    assert states() == {"done": 4, "dead": 2}
    assert written(tmp_path / "b") == written(tmp_path / "host") == 2
    assert not Entry.objects.filter(act="flow.failed").exists()


def test_a_rule_that_comes_late_takes_back_what_it_was_about_and_no_newer_verdict(
    people: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = opened()
    verdict(case, people.reviewer)
    react()
    old = set(Job.objects.values_list("pk", flat=True))
    with monkeypatch.context() as patch:
        patch.setattr(rules, "take_back_notices", lambda *_, **__: 1 // 0)
        reopen(case.pk, person=people.lead, reason="A doubt.")
        react()
    verdict(case, people.reviewer)
    react()
    assert states() == {"ready": 7}, "nothing is taken back yet, and the new verdict is queued"
    Job.objects.filter(kind="deliver").update(due=9e9)
    run_until_idle()
    assert set(Job.objects.filter(state="cancelled").values_list("pk", flat=True)) == old
    assert states() == {"cancelled": 3, "done": 1, "ready": 3}
    Job.objects.update(due=0)
    run_until_idle()
    assert set(Report.objects.filter(job__state="done").values_list("verdict", flat=True)) == {
        Verdict.objects.latest("pk").pk
    }
    assert written(tmp_path) == 3


def test_a_report_that_arrived_starts_the_time_of_what_is_kept(people: SimpleNamespace, tmp_path: Path) -> None:
    terms = RuleTerms("a law", "US", "legal-obligation", ["tip"], minimum="1 day")
    set_rule("first", terms=terms, by="system")
    set_rule("reports", terms=replace(terms, occasions=["report"], minimum="1 year", begins="reported"), by="system")
    case = opened()
    acquired = Acquired("a file", "tip", "one", "uploaded", "a program 1", "system", case=case.about)
    with configured(evidence_store=f"file:{tmp_path / 'sealed'}", epoch_keys=str(tmp_path / "epochs")):
        exhibit = preserve(BytesIO(b"a neutral text"), acquired=acquired)
        verdict(case, people.reviewer)
        run_until_idle()
        react()
    kept = exhibits(case=case.about).get()
    assert kept.until - exhibit.until > timedelta(days=300)
