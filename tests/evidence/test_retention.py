"""How long something is kept follows what happens: a report starts a period, a renewal adds to it, a person decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.evidence.conftest import TERMS, Keep
from tests.evidence.test_ending import YEAR, end_all, fresh
from tests.evidence.test_preserving import content

from himaya.evidence import queries
from himaya.evidence.keys import epoch_keys, epoch_name
from himaya.evidence.models import Exhibit
from himaya.evidence.reading import ExhibitEnded
from himaya.evidence.retention import BadReview, NotBound, NothingToReview, end_reviewed, note_occasion, renew
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import UnknownExhibit

REPORTS = RuleTerms(
    "a law on reports", "US", "legal-obligation", ["report"], minimum="2 years", begins="reported", renewals=1,
    renewal="1 year",
)  # fmt: skip


def test_a_report_starts_its_own_period_and_the_longest_duty_binds(keep: Keep, clock: Any) -> None:
    set_rule("reports", terms=REPORTS, by="person:1")
    exhibit, other = keep(), keep("another", case="case:2")
    clock.advance(timedelta(days=30))
    assert note_occasion("case:1", occasion="report", at=clock.now(), by="system") == 1
    assert note_occasion("case:1", occasion="report", at=clock.now() + timedelta(days=5), by="system") == 0
    now = fresh(exhibit)
    assert (now.until.year, now.until.month) == (2028, 2)
    assert queries.bindings(now)[1].by.rule.name == "reports"
    assert fresh(other).until == other.until
    assert content(exhibit)
    clock.advance(YEAR)
    end_all()
    assert content(exhibit)
    assert fresh(other).state == "destroyed"
    clock.advance(YEAR)
    end_all()
    assert fresh(exhibit).state == "destroyed"


def test_time_that_waits_for_its_event_runs_from_that_once_it_comes(keep: Keep, clock: Any) -> None:
    terms = RuleTerms("a law", "US", "legal-obligation", ["match"], minimum="1 year", begins="reported")
    set_rule("us-reports", terms=terms, by="person:1")
    exhibit = keep()
    clock.advance(timedelta(days=40))
    assert note_occasion("case:1", occasion="report", at=clock.now(), by="system") == 1
    assert fresh(exhibit).until == clock.now().replace(year=clock.now().year + 1)
    assert content(exhibit)


def test_a_renewal_prolongs_as_often_as_the_rule_allows(keep: Keep, clock: Any) -> None:
    set_rule("reports", terms=REPORTS, by="person:1")
    exhibit = keep()
    note_occasion("case:1", occasion="report", at=clock.now(), by="system")
    for reason, rule, error in (
        (" ", "reports", BadReview),
        ("a reason", "us-reports", NotBound),
        ("a", "no", NotBound),
    ):
        with pytest.raises(error):
            renew(exhibit.pk, rule=rule, reason=reason, by="person:1")
    assert renew(exhibit.pk, rule="reports", reason="the case is open", by="person:1").until.year == 2029
    assert content(exhibit)
    with pytest.raises(NotBound, match="1 renewals"):
        renew(exhibit.pk, rule="reports", reason="the case is open", by="person:1")
    with pytest.raises(UnknownExhibit):
        renew(999, rule="reports", reason="the case is open", by="person:1")


def test_what_is_to_be_looked_at_ends_once_a_person_has(keep: Keep, clock: Any) -> None:
    set_rule("short", terms=RuleTerms("a law", "NL", "consent", ["match"], maximum="90 days"), by="system")
    exhibit = keep()
    clock.advance(YEAR)
    end_all()
    assert content(exhibit)
    with pytest.raises(BadReview):
        end_reviewed(exhibit.pk, reason="", by="person:1")
    end_reviewed(exhibit.pk, reason="nobody needs it any more", by="person:1")
    with pytest.raises(NothingToReview):
        end_reviewed(exhibit.pk, reason="nobody needs it any more", by="person:1")
    end_all()
    assert fresh(exhibit).state == "destroyed"


def test_an_exhibit_that_does_not_open_holds_up_no_other_of_its_case(keep: Keep, clock: Any) -> None:
    one, two = keep("one"), keep("two")
    Exhibit.objects.filter(pk=one.pk).update(wrapped=b"x" * 52)
    set_rule("longer", terms=RuleTerms("a law", "US", "duty", ["report"], minimum="2 years"), by="person:1")
    assert note_occasion("case:1", occasion="report", at=clock.now(), by="system") == 2
    assert {each.until.year for each in Exhibit.objects.all()} == {2028}
    assert content(two) == b"two"


def test_a_rule_that_comes_later_and_contradicts_has_a_person_look_too(keep: Keep, clock: Any) -> None:
    set_rule("short", terms=replace(TERMS, occasions=["report"], minimum="", maximum="90 days"), by="person:1")
    one = keep()
    assert not one.review
    note_occasion("case:1", occasion="report", at=clock.now(), by="system")
    assert fresh(one).review
    clock.advance(YEAR + timedelta(days=2))
    end_all()
    assert fresh(one).state == "kept"
    end_reviewed(one.pk, reason="it may end", by="person:2")
    note_occasion("case:1", occasion="report", at=clock.now(), by="system")  # told twice
    assert not fresh(one).review


def test_what_was_destroyed_is_not_renewed(keep: Keep) -> None:
    set_rule("us-reports", terms=replace(TERMS, renewals=1, renewal="1 year"), by="person:1")
    one = keep()
    epoch_keys().destroy(epoch_name(fresh(one)))
    with pytest.raises(ExhibitEnded):
        renew(one.pk, rule="us-reports", reason="letter 4", by="person:1")
