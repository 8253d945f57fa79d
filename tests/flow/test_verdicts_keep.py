"""What a verdict means for what is kept of its case, as the rules of the flow follow it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.casework import opened
from tests.configured import configured

from himaya.cases.quality.models import SecondLook
from himaya.cases.quality.services import answer_second
from himaya.cases.services import claim, decide, reopen
from himaya.evidence import verdicts
from himaya.evidence.models import Binding, Exhibit
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import Acquired, preserve
from himaya.flow import rules
from himaya.ledger.models import Entry, Job
from himaya.ledger.worker import run_until_idle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ruled(tmp_path: Path, clock: Any) -> Iterator[None]:
    """A node that keeps what matched for a year at the most, and what was confirmed for five at the least."""
    set_rule("match", terms=RuleTerms("a law", "US", "duty", ["match"], maximum="1 year"), by="system")
    terms = RuleTerms("a law", "US", "duty", ["verdict"], minimum="5 years", begins="decided")
    set_rule("verdict", terms=terms, by="system")
    with configured(evidence_store=f"file:{tmp_path / 'sealed'}", epoch_keys=str(tmp_path / "epochs")):
        yield


def kept(case: Any, once: str = "one") -> Exhibit:
    acquired = Acquired("a file", "match", once, "screened", "a program 1", "system", case=case.about)
    return preserve(BytesIO(b"a neutral text"), acquired=acquired)


def decided(case: Any, person: Any, *, confirms: bool = True) -> None:
    claim(case.pk, person=person)
    scheme, code = ("interpol", "baseline") if confirms else ("himaya-review", "not-a-match")
    decide(case.pk, person=person, scheme=scheme, code=code, reason="A reason.")


def until(one: Exhibit) -> Any:
    return Exhibit.objects.get(pk=one.pk).until


def test_a_confirmed_verdict_keeps_and_one_that_is_taken_back_and_dismissed_ends(
    people: SimpleNamespace, clock: Any
) -> None:
    case = opened()
    one = kept(case)
    decided(case, people.reviewer)
    run_until_idle()
    assert until(one) == clock.now().replace(year=clock.now().year + 5)
    clock.advance(timedelta(days=1))
    reopen(case.pk, person=people.lead, reason="A doubt.")
    run_until_idle()
    assert until(one).year == clock.now().year + 5, "nobody has said yet that it is none"
    decided(case, people.reviewer, confirms=False)
    run_until_idle()
    assert until(one) == clock.now() + timedelta(days=1)
    assert [entry.act for entry in Entry.objects.filter(act__startswith="evidence.ground")] == ["evidence.ground-fell"]


def test_what_comes_to_a_decided_case_is_kept_by_its_verdict(people: SimpleNamespace, clock: Any) -> None:
    confirmed, dismissed, none = opened(1), opened(2), opened(3)
    decided(confirmed, people.reviewer)
    decided(dismissed, people.reviewer, confirms=False)
    clock.advance(timedelta(days=2))
    first, second, third = kept(confirmed), kept(dismissed, "two"), kept(none, "three")
    before = until(third)
    run_until_idle()
    assert until(first) > clock.now() + timedelta(days=4 * 365)
    assert until(second) == clock.now() + timedelta(days=1), "nobody could object to it before it came"
    assert until(third) == before


def test_nothing_ends_by_a_verdict_before_a_second_look_at_it_has_ended(people: SimpleNamespace, clock: Any) -> None:
    case = opened()
    one, before = kept(case), until(kept(opened(2), "other"))
    with configured(second_look_percent=100):
        decided(case, people.reviewer, confirms=False)
        run_until_idle()
        late = kept(case, "late")
        run_until_idle()
        assert (until(one), until(late)) == (before, before)
        clock.advance(timedelta(days=3))
        look = SecondLook.objects.get()
        answer_second(look.pk, person=people.lead, scheme="himaya-review", code="not-a-match", reason="Seen, too.")
        run_until_idle()
    assert until(one) == until(late) == clock.now() + timedelta(days=1)


def test_a_verdict_that_is_followed_late_goes_by_the_one_that_holds_by_then(
    people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = opened()
    one = kept(case)
    with monkeypatch.context() as patch:
        patch.setattr(rules, "note_dismissal", lambda *_, **__: 1 // 0)
        decided(case, people.reviewer, confirms=False)
        run_until_idle()
    assert Job.objects.filter(kind="follow", state="ready").exists()
    reopen(case.pk, person=people.lead, reason="A doubt.")
    decided(case, people.reviewer)
    run_until_idle()
    Job.objects.update(due=0)
    monkeypatch.setattr(rules, "note_dismissal", verdicts.note_dismissal)
    run_until_idle()
    assert not Job.objects.filter(kind="follow", state="ready").exists()
    assert not Binding.objects.filter(exhibit=one).exclude(released_at=None).exists()


def test_what_is_kept_of_no_case_follows_no_verdict(clock: Any) -> None:
    acquired = Acquired("a file", "match", "alone", "screened", "a program 1", "system")
    one = preserve(BytesIO(b"a neutral text"), acquired=acquired)
    run_until_idle()
    assert until(one) == one.until
    assert not Job.objects.filter(kind="follow").exists()
