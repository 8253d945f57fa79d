"""Different acts on the same things at once: nobody is turned away, whoever locks what in which order.

Equal acts queue up by themselves. Different ones lock in different ways, and on PostgreSQL a deadlock ends one of them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace

import pytest
from django.db import connection
from tests.casework import opened
from tests.program import sha256

from himaya.accounts.services import change_person
from himaya.cases import services as cases
from himaya.core.ports import ItemRow
from himaya.flow.reactor import react
from himaya.lists import arrivals
from himaya.lists import services as lists
from himaya.lists.arrivals import sweeping
from himaya.lists.models import Item, Portion, Revision

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 25


def at_once(*acts: Callable[[int], object], rounds: int = ROUNDS) -> list[str]:
    """Every act so many times in a thread of its own; what went wrong."""
    failures: list[str] = []
    together = threading.Barrier(len(acts))

    def work(act: Callable[[int], object]) -> None:
        together.wait(10)
        try:
            for number in range(rounds):
                act(number)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall show it
            failures.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return failures


def test_items_are_added_while_others_of_their_list_are_marked() -> None:
    made, numbers = lists.create_list("hotline", by="system"), count(1000)
    lists.add_items(made, rows=[ItemRow(n, "sha256", sha256(str(n))) for n in range(5)], by="system")
    ids = list(Item.objects.values_list("pk", flat=True))

    def add(_: int) -> None:
        lists.add_items(made, rows=[ItemRow(1, "sha256", sha256(str(next(numbers))))], by="system")

    def mark(number: int) -> None:
        state = ("active", "disputed", "withdrawn")[number % 3]
        lists.mark_item(ids[number % 5], state=state, by="system", reason="As drawn.")

    assert at_once(add, mark) == []
    assert Item.objects.count() == sum(Portion.objects.values_list("number", flat=True)) == 5 + ROUNDS


def test_people_comment_while_their_roles_are_changed(people: SimpleNamespace) -> None:
    case = opened()
    failures = at_once(
        lambda _: cases.comment(case.pk, person=people.reviewer, text="A note."),
        lambda _: change_person("reviewer", by="system", role="reviewer"),
    )
    assert failures == []


def test_content_is_met_while_its_case_is_decided_followed_and_opened_again(people: SimpleNamespace) -> None:
    case, numbers = opened(), count()

    def decide(_: int) -> None:
        cases.claim(case.pk, person=people.lead)
        cases.decide(case.pk, person=people.lead, scheme="interpol", code="baseline", reason="As listed.")
        react()
        cases.reopen(case.pk, person=people.lead, reason="Once more.")

    assert at_once(decide, lambda _: opened(place=f"/srv/{next(numbers)}.jpg")) == []
    case.refresh_from_db()
    assert case.sightings == 1 + ROUNDS


def test_however_many_sweep_at_once_nothing_of_a_killed_import_ever_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SWEPT", 50)
    made, ever = lists.create_list("hotline", by="system"), Counter[int]()
    for trial in range(3):
        come = arrivals.Arrival(made, by="system").__enter__()
        come.take([ItemRow(n, "sha256", sha256(f"{trial} {n}")) for n in range(1000)])
        Revision.objects.filter(number=None).update(alive_until=-1)

        def sweep(_: int) -> None:
            while arrivals.sweep():
                ever[Item.objects.count()] += 1

        assert at_once(sweep, sweep, sweep, rounds=1) == []
    assert set(ever) == {0}
    assert not Item.everything.exists()
    assert not Revision.objects.filter(number=None).exists()
