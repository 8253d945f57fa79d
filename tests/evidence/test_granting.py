"""Nobody reads alone: one asks, another with a fresh security key grants, for a time and so many readings."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from django.db import connection
from tests.evidence.conftest import Keep

from himaya.core import clock as now_of
from himaya.core.bundles.report import Language
from himaya.evidence import custody
from himaya.evidence.awaiting import overdue, waiting
from himaya.evidence.bundling import hand_over
from himaya.evidence.closing import closed_reading
from himaya.evidence.granting import (
    AccessDecided,
    BadAccess,
    MayNotAct,
    NoAccess,
    NoFreshProof,
    NotYourGrant,
    Proof,
    ProofSpent,
    UnknownAccess,
    ask_access,
    end_access,
    grant_access,
    is_spent,
    read_exhibit,
    refuse_access,
    settle_urgent,
    take_access,
)
from himaya.evidence.models import Access, Exhibit, Step
from himaya.ledger import queries as ledger

RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
Ask = Callable[..., Access]


def proof() -> Proof:
    return Proof("webauthn", now_of.now())


@pytest.fixture
def ask(keep: Keep, people: SimpleNamespace) -> Ask:
    def asked(*exhibits: Exhibit, by: str = "reviewer", **more: Any) -> Access:
        facts = {"purpose": "a court", "reason": "the court asks for it", "recipient": RECIPIENT[:]} | more
        facts["purpose"] = facts["purpose"][:10]
        return ask_access(exhibits or [keep()], person=getattr(people, by), **facts)

    return asked


def read(exhibit: Exhibit, access: Access, person: Any) -> bytes:
    return b"".join(read_exhibit(exhibit, access=access.pk, person=person))


def test_what_another_person_grants_is_read_once_and_is_on_record(
    ask: Ask, keep: Keep, people: SimpleNamespace
) -> None:
    exhibit = keep()
    access = ask(exhibit)
    assert list(waiting()) == [access]
    with pytest.raises(NoAccess, match="asked"):
        read(exhibit, access, people.reviewer)
    grant_access(access.pk, person=people.lead, proof=proof())
    assert read(exhibit, access, people.reviewer) == b"a neutral text"
    with pytest.raises(NoAccess, match="all its readings"):
        read(exhibit, access, people.reviewer)
    last = custody.check(exhibit)[-1].fields
    assert (last["act"], last["by"], last["facts"]["reading"]) == (
        "analyse", people.reviewer.actor, closed_reading(access).commitment,
    )  # fmt: skip
    assert "evidence.read" in [entry.act for entry in ledger.entries(about=exhibit.about)]


def test_the_reading_is_on_record_before_the_first_byte(ask: Ask, keep: Keep, people: SimpleNamespace) -> None:
    exhibit = keep()
    access = ask(exhibit)
    grant_access(access.pk, person=people.lead, proof=proof())
    read_exhibit(exhibit, access=access.pk, person=people.reviewer)
    assert Step.objects.filter(exhibit=exhibit, act="analyse").count() == 1


def test_nobody_grants_what_they_asked_for_nor_without_a_fresh_security_key(
    ask: Ask, people: SimpleNamespace, clock: Any
) -> None:
    mine, theirs = ask(by="lead"), ask()
    with pytest.raises(NotYourGrant):
        grant_access(mine.pk, person=people.lead, proof=proof())
    old, weak, later = proof(), replace(proof(), method="totp"), replace(proof(), at=now_of.now() + timedelta(hours=1))
    clock.advance(timedelta(minutes=6))
    for shown in (None, old, weak, later):
        with pytest.raises(NoFreshProof):
            grant_access(theirs.pk, person=people.lead, proof=shown)
    for other in (people.reviewer, people.admin, people.auditor, people.analyst):
        with pytest.raises((MayNotAct, NotYourGrant)):
            grant_access(theirs.pk, person=other, proof=proof())
    grant_access(theirs.pk, person=people.lead, proof=proof())
    with pytest.raises(AccessDecided):
        grant_access(theirs.pk, person=people.lead, proof=proof())
    with pytest.raises(UnknownAccess):
        grant_access(999, person=people.lead, proof=proof())


def test_each_proof_lets_one_thing_be_read(ask: Ask, keep: Keep, people: SimpleNamespace, clock: Any) -> None:
    first, second = ask(keep("one")), ask(keep("two"))
    once = proof()
    clock.advance(timedelta(seconds=1))
    grant_access(first.pk, person=people.lead, proof=once)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(ProofSpent):
        grant_access(second.pk, person=people.lead, proof=once)
    assert is_spent(once, by=people.lead)
    assert not is_spent(once, by=people.reviewer)
    assert grant_access(second.pk, person=people.lead, proof=proof()).state == "granted"


def test_who_runs_the_node_reads_nothing(ask: Ask, keep: Keep, people: SimpleNamespace) -> None:
    for role in ("admin", "auditor", "analyst"):
        with pytest.raises(MayNotAct):
            ask(by=role)
    with pytest.raises(MayNotAct):
        take_access([keep()], reason="a life", recipient=RECIPIENT, person=people.admin, proof=proof())


def test_a_grant_ends_with_its_time_and_with_the_rights_of_either(
    ask: Ask, keep: Keep, people: SimpleNamespace, clock: Any
) -> None:
    exhibit, other = keep(), keep("another", case="case:2")

    def granted() -> Access:
        return grant_access(ask(exhibit).pk, person=people.lead, proof=proof())

    with pytest.raises(NoAccess, match="other exhibits"):
        read(other, granted(), people.reviewer)
    with pytest.raises(NoAccess, match="somebody else"):
        read(exhibit, granted(), people.lead)
    access = granted()
    clock.advance(timedelta(minutes=30))
    with pytest.raises(NoAccess, match="time of the grant"):
        read(exhibit, access, people.reviewer)
    access = granted()
    people.lead.role = "reviewer"
    people.lead.save()
    with pytest.raises(NoAccess, match="who granted it"):
        read(exhibit, access, people.reviewer)
    people.lead.role = "lead"
    people.lead.save()
    people.reviewer.is_active = False
    people.reviewer.save()
    with pytest.raises(NoAccess, match="your role"):
        read(exhibit, access, people.reviewer)
    people.reviewer.is_active = True
    people.reviewer.save()
    end_access(access.pk, person=people.lead)
    with pytest.raises(NoAccess, match="ended"):
        read(exhibit, access, people.reviewer)


def test_a_refusal_says_why_and_a_request_can_be_taken_back(ask: Ask, people: SimpleNamespace) -> None:
    first, second = ask(), ask()
    with pytest.raises(BadAccess):
        refuse_access(first.pk, person=people.lead, reason=" ")
    assert refuse_access(first.pk, person=people.lead, reason="not needed").state == "refused"
    assert end_access(second.pk, person=people.reviewer).state == "ended"
    with pytest.raises(AccessDecided):
        end_access(second.pk, person=people.reviewer)
    assert not waiting()


def test_where_there_is_no_time_one_reads_and_another_looks_at_it(
    keep: Keep, people: SimpleNamespace, clock: Any
) -> None:
    exhibit = keep()
    with pytest.raises(NoFreshProof):
        take_access([exhibit], reason="a life", recipient=RECIPIENT, person=people.lead, proof=None)
    access = take_access([exhibit], reason="a life", recipient=RECIPIENT, person=people.lead, proof=proof())
    assert read(exhibit, access, people.lead) == b"a neutral text"
    assert list(waiting()) == [access]
    assert not overdue()
    clock.advance(timedelta(days=1, minutes=1))
    assert list(overdue()) == [access]
    with pytest.raises(NotYourGrant):
        settle_urgent(access.pk, person=people.lead, note="it was needed")
    second = people.reviewer
    second.role = "lead"
    second.save()
    settle_urgent(access.pk, person=second, note="it was needed")
    assert not waiting()
    with pytest.raises(AccessDecided):
        settle_urgent(access.pk, person=second, note="again")


@pytest.mark.parametrize("change", [{"reason": ""}, {"recipient": "age1nothing"}, {"purpose": " "}])
def test_a_request_that_says_too_little_is_refused(ask: Ask, change: dict[str, str]) -> None:
    with pytest.raises(BadAccess):
        ask(**change)
    assert not Access.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_fifty_that_read_at_once_exactly_one_gets_it(ask: Ask, keep: Keep, people: SimpleNamespace) -> None:
    exhibit = keep()
    access = ask(exhibit)
    grant_access(access.pk, person=people.lead, proof=proof())
    got, refused, broken = [], [], []

    def one() -> None:
        try:
            got.append(read(exhibit, access, people.reviewer))
        except NoAccess as error:
            refused.append(error)
        except Exception as error:  # noqa: BLE001 - told below
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken
    assert len(got) == 1
    assert len(refused) == 49


def test_each_exhibit_of_a_grant_is_read_once_and_none_twice_in_place_of_another(
    ask: Ask, keep: Keep, people: SimpleNamespace
) -> None:
    one, two = keep("a neutral text"), keep("another text", case="case:2")
    access = ask(one, two)
    grant_access(access.pk, person=people.lead, proof=proof())
    assert read(one, access, people.reviewer) == b"a neutral text"
    with pytest.raises(NoAccess, match="already"):
        read(one, access, people.reviewer)
    assert Access.objects.get().reads_left == 1, "what was refused took nothing"
    assert read(two, access, people.reviewer) == b"another text"


def test_a_bundle_that_is_on_its_way_stops_where_the_grant_is_ended(
    ask: Ask, keep: Keep, people: SimpleNamespace
) -> None:
    one, two = keep("a neutral text"), keep("another text", case="case:2")
    access = ask(one, two)
    grant_access(access.pk, person=people.lead, proof=proof())
    taken = hand_over(access.pk, person=people.reviewer)

    class Slow(io.BytesIO):
        begun = False

        def write(self, part: Any) -> int:
            if not self.begun:
                self.begun = True
                end_access(access.pk, person=people.lead)
            return super().write(part)

    to = Slow()
    with pytest.raises(NoAccess):
        taken.write(to, languages=[Language("en")])
    assert str(two.uuid).encode() not in to.getvalue()
