"""What is told of how far people agree, to whom, and what is not told of whom."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.casework import opened
from tests.configured import configured
from tests.windows import signed_in

from himaya.cases.models import Verdict
from himaya.cases.quality import measuring
from himaya.cases.quality.agreement import FEWEST
from himaya.cases.quality.models import SecondLook
from himaya.core import clock as now_of

pytestmark = pytest.mark.django_db
CODES = {"yes": ("interpol", "baseline", True), "no": ("himaya-review", "not-a-match", False)}


def pair(number: int, first: Any, second: Any, *, said: str = "yes yes", cause: str = "sample", **more: Any) -> None:
    """A second look that has ended, of a case of its own."""
    case, (a, b) = opened(number), said.split()
    known = [dict(zip(("scheme", "code", "confirms"), CODES[one], strict=True)) for one in (a, b)]
    at = more.pop("at", None) or now_of.now()
    verdict = Verdict.objects.create(case=case, reason="So.", by=first, at=at, **known[0])
    facts = {
        "state": "agreed" if a == b else "kept",
        "looked_at": at,
        "reason": "So.",
        "by": second,
        **known[1],
        **more,
    }
    SecondLook.objects.create(case=case, verdict=verdict, entry=number, cause=cause, chosen_at=at, **facts)


def several(n: int, first: Any, second: Any, *, start: int = 1, **more: Any) -> int:
    for number in range(start, start + n):
        pair(number, first, second, **more)
    return start + n


def test_what_rules_chose_is_not_counted_as_drawn_by_lot(people: SimpleNamespace) -> None:
    several(3, people.reviewer, people.lead)
    several(2, people.reviewer, people.lead, start=9, said="yes no", cause="severe", state="changed")
    found = measuring.pairs()
    assert (len(found), len(measuring.drawn(found))) == (5, 3)
    assert [(one.cause, one.n, one.differed, one.changed) for one in measuring.by_rule(found)] == [
        ("severe", 2, 2, 2),
        ("sample", 3, 0, 0),
    ]


def test_what_has_not_ended_counts_for_nothing(people: SimpleNamespace) -> None:
    for number, state in enumerate(("open", "differs", "dropped"), 1):
        pair(number, people.reviewer, people.lead, state=state)
    assert measuring.pairs() == []


def test_gravity_is_compared_across_schemes_and_leaves_out_what_says_nothing(people: SimpleNamespace) -> None:
    several(FEWEST - 2, people.reviewer, people.lead)
    pair(90, people.reviewer, people.lead, said="yes no")
    pair(91, people.reviewer, people.lead, scheme="uk-sap", code="A")
    pair(92, people.reviewer, people.lead, scheme="of another program", code="A")
    found = measuring.by_gravity(measuring.pairs())
    assert found.n == FEWEST
    assert found.value is not None
    assert found.value < 1


def test_months_are_told_each_by_itself(people: SimpleNamespace) -> None:
    now = now_of.now().replace(day=15)
    pair(1, people.reviewer, people.lead, at=now - timedelta(days=31))
    several(2, people.reviewer, people.lead, start=2, at=now)
    assert [one.n for _, one in measuring.by_month(measuring.pairs())] == [1, 2]


def test_support_is_due_where_chance_does_not_explain_it_and_for_nobody_else(people: SimpleNamespace) -> None:
    after = several(20, people.lead, people.admin)
    after = several(20, people.lead, people.admin, start=after, said="no no")
    assert measuring.support_due(measuring.pairs()) == []
    for said in ("yes yes", "yes no", "no yes", "no no"):
        after = several(9, people.reviewer, people.analyst, start=after, said=said)
    assert measuring.support_due(measuring.pairs()) == [people.analyst, people.reviewer]


def test_a_lead_sees_classes_and_rules_and_a_reviewer_their_own(people: SimpleNamespace) -> None:
    several(FEWEST, people.reviewer, people.lead)
    pair(80, people.reviewer, people.lead, said="no no")
    pair(81, people.reviewer, people.lead, said="yes no", state="changed")
    with configured(second_factor=False):
        pages = {
            role: signed_in(getattr(people, role))
            .get("/cases/quality/agreement")
            .content.decode()
            .partition("<main")[2]
            for role in ("reviewer", "lead", "auditor")
        }
    assert "You and others" in pages["reviewer"]
    assert "You and others" not in pages["auditor"]
    assert "heat-4" not in pages["reviewer"]
    for role in ("lead", "auditor"):
        assert '<td class="end number heat-4">30</td>' in pages[role]
        assert "drawn by lot" in pages[role]
    for page in pages.values():
        assert "between" in page
        assert "Reviewer" not in page, "nobody is named where no support is due"


def test_too_few_are_said_to_be_too_few(people: SimpleNamespace) -> None:
    pair(1, people.reviewer, people.lead)
    with configured(second_factor=False):
        page = signed_in(people.lead).get("/cases/quality/agreement").content.decode()
    assert "too few to say" in page
    assert "between" not in page.partition("<tbody")[2].partition("</tbody")[0]
