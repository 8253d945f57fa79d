"""A case's history: what people did is always there, however often the content is met again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.browsing import words
from tests.casework import match, opened

from himaya.cases import services
from himaya.cases.history import Happening, Run, history
from himaya.cases.models import Case
from himaya.cases.services import Seen
from himaya.ledger.queries import entries

pytestmark = pytest.mark.django_db


def meet(case: Any, times: int, *, occasion: str) -> None:
    """The content of the case is met so often once more, each time somewhere else."""
    seen = Seen(case.subject, [], [match(1)], origin="scan", occasion=occasion, place="")
    services.open_cases([replace(seen, place=f"/srv/{occasion}/{n}.jpg") for n in range(times)], by="system")


def told(case: Any, **asked: Any) -> list[tuple[str, int]]:
    """Act and number of each line: a folded run stands for many sightings."""
    lines = history(case, **asked).lines
    return [(one.act, 1) if isinstance(one, Happening) else ("case.seen", one.times) for one in lines]


def story(people: SimpleNamespace, first: int, second: int, *, number: int = 1) -> Case:
    """Opened, met some times, commented, met once, decided, met some times."""
    case: Case = opened(number)
    meet(case, first, occasion="first")
    services.comment(case.pk, person=people.analyst, text="Ask the hotline.")
    meet(case, 1, occasion="once")
    services.claim(case.pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Both agree.")
    meet(case, second, occasion="second")
    case.refresh_from_db()
    return case


@pytest.fixture
def met(people: SimpleNamespace) -> Case:
    """A story with 4 sightings before the comment and 60 after the verdict."""
    return story(people, 4, 60)


def test_a_thousand_sightings_hide_neither_the_beginning_nor_what_people_did(
    people: SimpleNamespace, sign_in: Callable[[str], Client]
) -> None:
    met = story(people, 400, 600)
    assert told(met) == [
        ("case.seen", 600),
        ("case.decided", 1),
        ("case.claimed", 1),
        ("case.seen", 1),
        ("case.commented", 1),
        ("case.seen", 400),
        ("case.opened", 1),
    ]
    assert [line.text for line in history(met).lines if isinstance(line, Happening)] == [
        "Both agree.", "", "", "Ask the hotline.", "",
    ]  # fmt: skip
    few, client = story(people, 4, 6, number=2), sign_in("lead")
    numbers = []
    for case in (met, met, few):  # the first answer reads what is read once in a process
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(f"/cases/{case.pk}/")
        assert len(answer.content) < 60_000
        numbers.append(len(asked))
    assert numbers[1] == numbers[2]


def test_a_folded_run_says_when_it_began_and_ended(met: Case) -> None:
    run = history(met).lines[0]
    assert isinstance(run, Run)
    at = [entry.at for entry in entries(about=met.about, act="case.seen")[:60]]
    assert (run.first, run.last) == (at[-1], at[0])


def test_a_page_goes_on_where_the_one_before_ended_and_shows_how_it_began(met: Case) -> None:
    first = history(met, size=2)
    assert told(met, size=2) == [("case.seen", 60), ("case.decided", 1), ("case.claimed", 1)]
    assert first.opening is not None
    assert first.opening.act == "case.opened"
    assert told(met, size=2, before=first.before) == [
        ("case.seen", 1), ("case.commented", 1), ("case.seen", 4), ("case.opened", 1),
    ]  # fmt: skip
    assert (history(met, size=2, before=first.before).before, history(met).opening) == (0, None)


def test_the_page_folds_sightings_and_leads_to_all_of_them(met: Case, sign_in: Callable[[str], Client]) -> None:
    client = sign_in("reviewer")
    page = words(client.get(f"/cases/{met.pk}/"))
    assert "Met 60 more times between" in page
    assert "Seen once more" in page
    assert "Opened: it matched an item of the list hotline" in page
    assert "seen 66 times at 66 places · See all of them" in page
    every = client.get(f"/cases/{met.pk}/sightings")
    assert "/srv/second/59.jpg" in words(every)
    assert len(every.context["sightings"]) == 50
    older = client.get(f"/cases/{met.pk}/sightings{every.context['shown'].next_url}")
    assert "/srv/second/9.jpg" in words(older)


def test_an_address_that_names_no_entry_shows_the_newest_lines(sign_in: Callable[[str], Client]) -> None:
    case = opened(1)
    for nonsense in ("x", "-1", "9" * 30):
        assert "Opened: it matched" in words(sign_in("lead").get(f"/cases/{case.pk}/?before={nonsense}"))
