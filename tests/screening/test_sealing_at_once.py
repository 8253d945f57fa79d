"""What seals and what works on cases at the same time hold each other up, and nothing fails: locks have one order."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from tests import drawn
from tests.crash.test_different_acts import at_once
from tests.program import sha256

from himaya.cases import services as cases
from himaya.cases.models import Case
from himaya.core.ports import ItemRow
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.lists import services as lists
from himaya.screening import services
from himaya.screening.things import Content, Value

pytestmark = pytest.mark.django_db(transaction=True)
CONTENT = drawn.picture(1)


@pytest.fixture
def screen() -> Any:
    """Screens the known picture, met somewhere else each time, which is sealed."""
    listed = lists.create_list("hotline", by="system")
    lists.add_items(listed, rows=[ItemRow(1, "sha256", sha256(CONTENT))], by="system")
    terms = RuleTerms("18 USC 2258A(h)", "US", "legal-obligation", ["match"], minimum="1 year")
    set_rule("us", terms=terms, by="system")
    numbers = count()

    def act(_: int) -> None:
        n = next(numbers)
        thing = Content(content=CONTENT, place=f"https://a.example/{n}")
        services.screen([thing], by="system", origin="api", occasion=f"content {n}")

    act(0)
    return act


def test_hits_are_sealed_while_people_comment_on_their_case(screen: Any, people: SimpleNamespace) -> None:
    case = Case.objects.get()

    def comment(_: int) -> None:
        for _ in range(4):
            cases.comment(case.pk, person=people.reviewer, text="A note.")

    assert at_once(screen, screen, comment, rounds=8) == []


def test_hits_are_sealed_while_the_same_hash_is_asked_for(screen: Any) -> None:
    numbers = count()

    def by_hash(_: int) -> None:
        for _ in range(4):
            n = next(numbers)
            thing = Value("sha256", sha256(CONTENT), f"https://b.example/{n}")
            services.screen([thing], by="system", origin="api", occasion=f"hash {n}")

    assert at_once(screen, by_hash, rounds=8) == []
