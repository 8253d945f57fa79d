"""What leaves by a demand: what it asks for and nothing else, by two people, encrypted, and provable afterwards."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64decode
from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pyrage
import pytest
from django.db import IntegrityError, transaction
from tests.desk import IDENTITY, RECIPIENT, accepted, proof, received, second_lead, verified
from tests.evidence.conftest import Keep

from himaya.core import faults
from himaya.core.vault.recipients import NotRecipients
from himaya.evidence import custody
from himaya.evidence.demands import answering, objecting, queries, services
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.answering import (
    AnswerMoved,
    OutOfScope,
    OwnAnswer,
    PreservesOnly,
    UnknownAnswer,
    approve_answer,
    drop_answer,
    prepare_answer,
    write_answer,
)
from himaya.evidence.demands.closed import OPENING
from himaya.evidence.demands.models import Answer, AnswerPart, Demand
from himaya.evidence.granting import MayNotAct, NoFreshProof
from himaya.evidence.models import Exhibit
from himaya.ledger import queries as ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(people: SimpleNamespace, clock: Any) -> Any:
    return people.lead


@pytest.fixture
def other(lead: Any) -> Any:
    return second_lead()


def prepared(demand: Demand, by: Any, **more: Any) -> Answer:
    return prepare_answer(demand.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=by, **more)


def written(answer: Answer, by: Any) -> zipfile.ZipFile:
    to = io.BytesIO()
    write_answer(answer.pk, to, person=by)
    return zipfile.ZipFile(to)


def told(bag: zipfile.ZipFile) -> Any:
    return json.loads(file(bag, "data/bundle.json"))


def opened(bag: zipfile.ZipFile) -> str:
    """The commitment that the opening in the bag's own facts belongs to."""
    (line,) = [one for one in file(bag, "bag-info.txt").decode().splitlines() if one.startswith(OPENING)]
    salt, words = (b64decode(part) for part in line.partition(": ")[2].split(" "))
    assert json.loads(words)["authority"] == told(bag)["authorisation"]["authority"]
    return sha256(salt + words).hexdigest()


def file(bag: zipfile.ZipFile, name: str) -> bytes:
    return bag.read(next(each for each in bag.namelist() if each.endswith(f"/{name}")))


def test_an_answer_holds_what_is_asked_for_and_only_the_authority_opens_it(lead: Any, other: Any, keep: Keep) -> None:
    inside = [keep("one"), keep("two")]
    keep("not of this case", case="case:2")
    demand = accepted(lead, "production")
    answer = prepared(demand, lead)
    approve_answer(answer.pk, person=other, proof=proof())
    bag = written(answer, lead)
    assert [UUID(one["uuid"]) for one in told(bag)["exhibits"]] == [one.uuid for one in inside]
    assert told(bag)["authorisation"] == {
        "instrument": "18 USC 2703(f)", "number": "2026/17", "authority": "The prosecutor of the district",
    }  # fmt: skip
    for one, text in zip(inside, (b"one", b"two"), strict=True):
        assert pyrage.decrypt(file(bag, f"data/exhibits/{one.uuid}.age"), [IDENTITY]) == text
        last = custody.check(one)[-1].fields
        assert last["act"] == "export"
        assert last["facts"] == {"demand": opened(bag)}
    assert queries.demand(demand.pk).state == "answered"
    assert queries.answers(demand).get().state == "given"
    acts = [entry.act for entry in ledger.entries(about=demand.about)]
    assert {"demand.answer-prepared", "demand.answer-approved", "demand.handing-over", "demand.answered"} <= set(acts)


def test_a_person_can_leave_something_out_and_put_nothing_in(lead: Any, keep: Keep) -> None:
    one, two = keep("one"), keep("two")
    foreign = keep("foreign", case="case:2")
    demand = accepted(lead, "production")
    answer = prepared(demand, lead, leave_out=[one.pk, foreign.pk])
    assert [part.exhibit for part in queries.parts(answer)] == [two]
    drop_answer(answer.pk, why="all of it after all", person=lead)
    with pytest.raises(BadDemand, match="nothing that is kept"):
        prepared(demand, lead, leave_out=[one.pk, two.pk])


def test_what_is_put_into_an_answer_behind_its_back_cannot_leave(lead: Any, other: Any, keep: Keep) -> None:
    keep("one")
    foreign = keep("foreign", case="case:2")
    answer = prepared(accepted(lead, "production"), lead)
    AnswerPart.objects.create(answer=answer, exhibit=foreign, sha256="0" * 64, size=1)
    with pytest.raises(OutOfScope, match=foreign.reference):
        approve_answer(answer.pk, person=other, proof=proof())
    Answer.objects.filter(pk=answer.pk).update(state="approved", approved_by=other, approved_at="2026-01-15T12:00Z")
    with pytest.raises(OutOfScope):
        written(answer, lead)
    assert [step.fields["act"] for step in custody.check(foreign)] == ["acquire"]


def test_what_was_accepted_in_part_leaves_in_part(lead: Any, other: Any, keep: Keep) -> None:
    one, two = keep("one"), keep("two")
    demand = verified(lead, "production")
    services.accept_part(demand.pk, scope=two.reference, ground="too-broad", text="t", person=lead)
    answer = prepared(demand, lead)
    approve_answer(answer.pk, person=other, proof=proof())
    assert [each["label"] for each in told(written(answer, lead))["exhibits"]] == [two.reference]
    assert custody.check(one)[-1].fields["act"] == "acquire"


def test_two_people_and_a_fresh_security_key_are_needed(
    lead: Any, other: Any, people: SimpleNamespace, keep: Keep, clock: Any
) -> None:
    keep()
    answer = prepared(accepted(lead, "production"), lead)
    with pytest.raises(AnswerMoved, match="prepared"):
        written(answer, lead)
    with pytest.raises(OwnAnswer):
        approve_answer(answer.pk, person=lead, proof=proof())
    with pytest.raises(NoFreshProof):
        approve_answer(answer.pk, person=other, proof=None)
    for role in ("reviewer", "auditor", "admin"):
        with pytest.raises(MayNotAct):
            approve_answer(answer.pk, person=getattr(people, role), proof=proof())
    approve_answer(answer.pk, person=other, proof=proof())
    with pytest.raises(AnswerMoved):
        approve_answer(answer.pk, person=other, proof=proof())
    with pytest.raises(IntegrityError), transaction.atomic():
        Answer.objects.filter(pk=answer.pk).update(approved_by=lead)


def test_an_approval_counts_for_a_day_and_while_who_gave_it_may(lead: Any, other: Any, keep: Keep, clock: Any) -> None:
    keep()
    answer = prepared(accepted(lead, "production"), lead)
    approve_answer(answer.pk, person=other, proof=proof())
    type(other).objects.filter(pk=other.pk).update(role="analyst")
    with pytest.raises(MayNotAct):
        written(answer, lead)
    type(other).objects.filter(pk=other.pk).update(role="lead")
    clock.advance(timedelta(days=1))
    with pytest.raises(BadDemand, match="approval is over"):
        written(answer, lead)


@pytest.mark.parametrize("kind", ["preservation"])
def test_nothing_leaves_by_a_demand_to_preserve(lead: Any, other: Any, keep: Keep, kind: str) -> None:
    keep()
    demand = accepted(lead, kind)
    with pytest.raises(PreservesOnly, match=demand.reference):
        prepared(demand, lead)
    with pytest.raises(IntegrityError), transaction.atomic():
        Answer.objects.create(
            demand=demand, kind=kind, recipient=RECIPIENT, recipient_name="x", prepared_by=lead,
            prepared_at=demand.received_at,
        )  # fmt: skip
    forged = Answer.objects.create(
        demand=demand, kind="production", recipient=RECIPIENT, recipient_name="x", prepared_by=lead,
        prepared_at=demand.received_at,
    )  # fmt: skip
    with pytest.raises(PreservesOnly):
        approve_answer(forged.pk, person=other, proof=proof())


def test_only_what_was_accepted_and_is_not_challenged_is_answered(lead: Any, other: Any, keep: Keep) -> None:
    keep()
    with pytest.raises(BadDemand, match="it is received"):
        prepared(received(lead, "production"), lead)
    demand = accepted(lead, "production")
    answer = prepared(demand, lead)
    approve_answer(answer.pk, person=other, proof=proof())
    objecting.file_objection(demand.pk, filed_with="The court", why="w", person=lead)
    with pytest.raises(BadDemand, match="it is challenged"):
        written(answer, lead)


def test_a_production_is_not_answered_by_saying_that_it_is_preserved(lead: Any, keep: Keep) -> None:
    keep()
    with pytest.raises(BadDemand, match="asks for more"):
        services.confirm_preservation(accepted(lead, "production").pk, why="w", person=lead)


def test_the_key_of_the_authority_is_one_and_is_named(lead: Any, keep: Keep) -> None:
    keep()
    demand = accepted(lead, "production")
    for wrong, name, error in (
        ("age1no", "x", NotRecipients),
        (f"{RECIPIENT}\n{pyrage.x25519.Identity.generate().to_public()}", "x", BadDemand),
        (RECIPIENT, " ", BadDemand),
    ):
        with pytest.raises(error):
            prepare_answer(demand.pk, recipient=wrong, recipient_name=name, person=lead)
    prepared(demand, lead)
    with pytest.raises(BadDemand, match="being prepared already"):
        prepared(demand, lead)
    with pytest.raises(UnknownAnswer):
        drop_answer(99, why="w", person=lead)


def test_killed_while_it_is_written_it_is_on_record_and_can_be_written_again(
    lead: Any, other: Any, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = keep()
    demand = accepted(lead, "production")
    answer = prepared(demand, lead)
    approve_answer(answer.pk, person=other, proof=proof())

    def killed(_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(faults, "point", killed)
        with pytest.raises(KeyboardInterrupt):
            written(answer, lead)
    assert custody.check(one)[-1].fields["act"] == "export"
    assert queries.demand(demand.pk).state == "accepted"
    assert told(written(answer, lead))["number"] == f"{demand.reference}-{answer.pk}"
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "export", "export"]
    with pytest.raises(AnswerMoved, match="given"):
        written(answer, lead)


@pytest.mark.parametrize("meanwhile", ["written", "dropped", "challenged"])
def test_what_happens_while_it_is_written_is_not_overrun(
    lead: Any, other: Any, keep: Keep, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    keep()
    demand = accepted(lead, "production")
    answer = prepared(demand, lead)
    approve_answer(answer.pk, person=other, proof=proof())
    acts = {
        "written": lambda: written(answer, other),
        "dropped": lambda: drop_answer(answer.pk, why="w", person=other),
        "challenged": lambda: objecting.file_objection(demand.pk, filed_with="The court", why="w", person=other),
    }

    with monkeypatch.context() as patch:

        def between(_: str) -> None:
            patch.undo()
            acts[meanwhile]()

        patch.setattr(faults, "point", between)
        with pytest.raises((AnswerMoved, BadDemand)):
            written(answer, lead)
    expected = {"written": "given", "dropped": "dropped", "challenged": "leaving"}
    assert queries.answer(answer.pk).state == expected[meanwhile]
    assert queries.demand(demand.pk).state == {"written": "answered", "dropped": "accepted"}.get(meanwhile, meanwhile)


def test_more_can_follow_an_answer_by_two_people_again(lead: Any, other: Any, keep: Keep) -> None:
    keep("one")
    demand = accepted(lead, "production")
    for text in ("two", "three"):
        answer = prepared(demand, lead)
        approve_answer(answer.pk, person=other, proof=proof())
        written(answer, lead)
        keep(text)
    assert Exhibit.objects.count() == 3
    assert [queries.parts(each).count() for each in queries.answers(demand)] == [2, 1]
    assert timedelta(days=1) == answering.GIVE_WITHIN
