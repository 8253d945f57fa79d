"""Many exhibits: what the database is asked until a bundle is on record grows in turns, and not with the exhibits."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.desk import RECIPIENT, accepted, proof, second_lead
from tests.evidence.conftest import Keep

from himaya.core.bundles.alone import bag
from himaya.core.bundles.writing import TooManyExhibits, UnfitBundle
from himaya.core.vault.recipients import Identity
from himaya.evidence import custody
from himaya.evidence.anchoring import proofs_of
from himaya.evidence.bundling import HandedOver, hand_over
from himaya.evidence.demands.answering import TakenOut, approve_answer, drop_answer, prepare_answer, take_out
from himaya.evidence.demands.models import Answer
from himaya.evidence.granting import ask_access, grant_access
from himaya.evidence.models import Exhibit
from himaya.ledger.queries import entries, head
from himaya.log.services import publish_checkpoint

pytestmark = pytest.mark.django_db
BESIDE = 3
"""Exhibits more, or fewer, that are read in the same turn."""


def asked(act: Callable[[], Any]) -> tuple[int, Any]:
    """How often the database was, by an act; and what it gave."""
    with CaptureQueriesContext(connection) as captured:
        made = act()
    return len(captured), made


def grant(every: Sequence[Exhibit], people: SimpleNamespace, purpose: str = "court") -> int:
    to = str(Identity.new().recipient)
    one = ask_access(every, purpose=purpose, reason="an order", recipient=to, person=people.reviewer)
    return int(grant_access(one.pk, person=people.lead, proof=proof()).pk)


def answer(case: int, people: SimpleNamespace) -> int:
    one = accepted(people.lead, kind="production", scope=f"case H-2026-{case:06}")
    made = prepare_answer(one.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    return int(approve_answer(made.pk, person=second_lead(), proof=proof()).pk)


def some(keep: Keep, n: int, case: int, **more: Any) -> list[Exhibit]:
    return [keep(f"text {case} {i}", once=f"{case} {i}", case=f"case:{case}", **more) for i in range(n)]


@pytest.mark.parametrize("to_node", [b"", bytes(range(32))], ids=["nobody", "a node"])
def test_handing_over_asks_as_often_for_many_as_for_few(keep: Keep, people: SimpleNamespace, to_node: bytes) -> None:
    numbers = []
    for case, n in ((1, 2), (2, 2 + BESIDE), (3, 20)):
        every = some(keep, n, case)
        publish_checkpoint()
        access = grant(every, people)
        queries, made = asked(lambda access=access: hand_over(access, person=people.reviewer, to_node=to_node))
        numbers.append(queries)
        _is_whole(made, every, people.reviewer.actor)
        assert len(made.bundle.transfers) == (n if to_node else 0)
    assert len(set(numbers)) == 1, numbers
    assert numbers[0] < 60


def test_an_answer_asks_as_often_for_many_as_for_few(keep: Keep, people: SimpleNamespace) -> None:
    numbers = []
    for case, n in ((1, 2), (2, 2 + BESIDE), (3, 20)):
        every = some(keep, n, case)
        publish_checkpoint()
        number = answer(case, people)
        queries, made = asked(lambda number=number: take_out(number, person=people.lead))
        numbers.append(queries)
        _is_whole(made, every, people.lead.actor)
    assert len(set(numbers)) == 1, numbers
    assert numbers[0] < 60


def _is_whole(made: HandedOver | TakenOut, every: Sequence[Exhibit], who: str) -> None:
    """Each with its chain up to its leaving, its proofs, and its entry in the ledger; the copy says whose it is."""
    told = {one.uuid: one for one in made.bundle.exhibits}
    proofs = proofs_of(every)
    assert set(told) == {one.uuid for one in every}
    for one in every:
        assert told[one.uuid].custody == tuple(custody.lines(one))
        assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "export"]
        assert len(told[one.uuid].proofs) == 1
        assert told[one.uuid].proofs == proofs[one.pk]
        if isinstance(made, HandedOver):
            (read,) = entries(about=one.about, act="evidence.read")
            assert read.actor == who
    by, what, when = made.bundle.about["Himaya-Taken-Out"].split(", ")
    assert (by, when[:4]) == (who, "2026")
    assert what == (made.access.about if isinstance(made, HandedOver) else f"answer:{made.answer.pk}")
    made.write(io.BytesIO(), languages=())


def test_what_is_guarded_asks_for_one_key_more_of_each(guard: Keep, people: SimpleNamespace, custodians: Any) -> None:
    numbers = []
    for n in (1, 2, 2 + BESIDE):  # with the first comes what is made once, as the node's key
        every = [guard(f"guarded {n} {i}", once=f"g {n} {i}") for i in range(n)]
        access = grant(every, people)
        custodians.bring(f"access:{access}", "ann", "ben")
        queries, made = asked(lambda access=access: hand_over(access, person=people.reviewer))
        numbers.append(queries)
        assert set(made.opened) == {one.uuid for one in every}
        made.write(io.BytesIO(), languages=())
    assert numbers[2] - numbers[1] <= BESIDE, numbers  # the key of its case alone is asked for one by one


def test_what_is_too_much_for_a_bundle_is_refused_before_anybody_approves_it(
    keep: Keep, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = some(keep, 6, 1)
    one = accepted(people.lead, kind="production", scope="case H-2026-000001")
    ready = prepare_answer(one.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    approve_answer(ready.pk, person=second_lead(), proof=proof())
    monkeypatch.setattr(bag, "MAX_TEXT", 12_000)
    before = head()
    with pytest.raises(TooManyExhibits, match="6 exhibits are too many for one bundle"):
        take_out(ready.pk, person=people.lead)
    drop = drop_answer(ready.pk, why="it is too much for one", person=people.lead)
    assert (drop.attempt, before[0] + 1) == (0, head()[0])
    with pytest.raises(TooManyExhibits):
        prepare_answer(one.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    assert not Answer.objects.exclude(pk=ready.pk).exists()
    assert all(len(custody.lines(each)) == 1 for each in every)
    left_out = [each.pk for each in every[1:]]
    prepare_answer(one.pk, recipient=RECIPIENT, recipient_name="The unit", person=people.lead, leave_out=left_out)


def test_what_could_not_be_verified_uses_up_no_reading(keep: Keep, people: SimpleNamespace) -> None:
    every = some(keep, 2, 1)
    Exhibit.objects.filter(pk=every[1].pk).update(tool="a\nb 1")  # as older versions took it
    access = grant(every, people)
    answer_ = answer(1, people)
    before = head()
    with pytest.raises(UnfitBundle):
        hand_over(access, person=people.reviewer)
    with pytest.raises(UnfitBundle):
        take_out(answer_, person=people.lead)
    assert head() == before
    assert all(len(custody.lines(each)) == 1 for each in every)
    Exhibit.objects.filter(pk=every[1].pk).update(tool="a b 1")
    hand_over(access, person=people.reviewer).write(io.BytesIO(), languages=())
    take_out(answer_, person=people.lead).write(io.BytesIO())
