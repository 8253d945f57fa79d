"""Receipts, and what comes back, while others read: whatever is locked comes before the head of the ledger."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.evidence.conftest import Keep
from tests.evidence.test_granting import proof
from tests.evidence.test_returning import MINE, Nodes, nodes, states

from himaya.core import clock as now_of
from himaya.core.vault.custody import accepted, offered, sign
from himaya.evidence import custody, granting, receiving
from himaya.evidence.bundling import hand_over
from himaya.evidence.granting import ask_access, count_reading, grant_access
from himaya.evidence.models import Access, Exhibit
from himaya.evidence.receiving import NotOurReceipt, receive_bundle, take_receipt
from himaya.ledger import queries as ledger
from himaya.ledger.models import Head

__all__ = ["nodes"]  # the fixture
THEIRS = Ed25519PrivateKey.generate()
PUBLIC = THEIRS.public_key().public_bytes_raw()


def granted(people: SimpleNamespace, *exhibits: Exhibit) -> Access:
    facts = {"purpose": "court", "reason": "an order", "recipient": str(MINE.recipient)}
    return grant_access(ask_access(exhibits, person=people.reviewer, **facts).pk, person=people.lead, proof=proof())


def receipt_for(people: SimpleNamespace, *exhibits: Exhibit) -> bytes:
    """What another node signs of what is handed over to it."""
    made = hand_over(granted(people, *exhibits).pk, person=people.reviewer, to_node=PUBLIC)
    return b"".join(accepted(offer, THEIRS) + b"\n" for offer in made.bundle.transfers)


def after_the_head(queries: CaptureQueriesContext) -> list[str]:
    """What was asked of the database from where the ledger's head was taken first."""
    asked = [each["sql"] for each in queries.captured_queries]
    first = next(at for at, sql in enumerate(asked) if Head._meta.db_table in sql)
    return asked[first:]


@pytest.mark.django_db
def test_a_receipt_writes_all_of_its_steps_before_it_takes_the_head_of_the_ledger(
    keep: Keep, people: SimpleNamespace
) -> None:
    one, two = keep("one"), keep("two", case="case:2")
    receipt = b"".join(reversed(receipt_for(people, one, two).splitlines(keepends=True)))
    with CaptureQueriesContext(connection) as queries:
        assert take_receipt(receipt, key=PUBLIC, by="person:1") == [two, one]
    assert [sql for sql in after_the_head(queries) if '"evidence_' in sql] == []
    assert states() == ["signed", "signed"]
    told = [(entry.about, entry.data["follows"]) for entry in ledger.entries(act="evidence.receipt")]
    assert sorted(told) == [(one.about, True), (two.about, True)]


@pytest.mark.django_db
def test_a_receipt_with_a_line_that_is_none_notes_nothing(keep: Keep, people: SimpleNamespace) -> None:
    receipt = receipt_for(people, keep())
    for wrong in (b"nothing\n", receipt_of("no number", receipt), receipt_of(str(uuid4()), receipt)):
        with pytest.raises(NotOurReceipt, match="line 2"):
            take_receipt(receipt + wrong, key=PUBLIC, by="person:1")
    assert states() == ["offered"]
    assert not ledger.entries(act="evidence.receipt")


def receipt_of(exhibit: str, receipt: bytes) -> bytes:
    """The same about what is not here, signed by both as it must be."""
    step = {**json.loads(receipt)["step"], "exhibit": exhibit}
    return accepted(offered(step, [sign(step, custody.node_key())]), THEIRS) + b"\n"


@pytest.mark.django_db(transaction=True)
def test_a_receipt_and_a_reading_at_once_do_not_wait_for_each_other(
    keep: Keep, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = keep("one"), keep("two", case="case:2")
    receipt, access = receipt_for(people, one, two), granted(people, two)
    told, reads = threading.Event(), threading.Event()
    record, record_each = receiving.record, granting.record_each

    def telling(*args: Any, **facts: Any) -> Any:
        done = record(*args, **facts)
        told.set()
        reads.wait(1)  # a reading that has locked its exhibit wants the head of the ledger now
        return done

    def reading(*args: Any, **facts: Any) -> None:
        reads.set()
        record_each(*args, **facts)

    monkeypatch.setattr(receiving, "record", telling)
    monkeypatch.setattr(granting, "record_each", reading)
    failed: list[Exception] = []

    def alone(act: Any) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            connection.close()

    def read() -> None:
        told.wait(30)
        count_reading(two, access=access.pk, person=people.reviewer, act="analyse")

    acts = (lambda: take_receipt(receipt, key=PUBLIC, by="person:1"), read)
    threads = [threading.Thread(target=alone, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [step.fields["act"] for step in custody.check(two)] == ["acquire", "export", "transfer", "analyse"]


@pytest.mark.django_db
def test_what_comes_back_to_what_has_ended_ends_the_loan_before_it_takes_the_head(nodes: Nodes, keep: Keep) -> None:
    lent = keep()
    back = nodes.bundle(nodes.lend(lent), purpose="return")
    nodes.to("a")
    with transaction.atomic():
        custody.add_step(lent, act="destroy", by="system", facts={"epoch": "x"})
    Exhibit.objects.filter(pk=lent.pk).update(state="destroyed", wrapped=None, ended_at=now_of.now())
    with CaptureQueriesContext(connection) as queries:
        receive_bundle(back, identity=MINE, by="person:1")
    assert [sql for sql in after_the_head(queries) if sql.startswith('UPDATE "evidence_handover"')] == []
    assert states() == ["came-back", "back"]
