"""Audits: announced first, drawn by a checkpoint that nobody knew, and on record so that anybody can draw again."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client

from himaya.core.notes import Checkpoint, Note
from himaya.core.samples import drawn, wilson
from himaya.ledger.queries import entries
from himaya.log import auditing, following, queries
from himaya.log.models import Leaf
from himaya.log.services import publish_checkpoint

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]


def test_anybody_draws_the_sample_again_from_the_record_and_the_checkpoint(add: Add) -> None:
    add(400)
    publish_checkpoint()
    audit = auditing.announce(number=25, auditor="Ombudsman", by="person:1")
    with pytest.raises(auditing.NotDrawn):
        auditing.sample(audit.pk)
    add(10)
    by = publish_checkpoint()
    add(200)
    publish_checkpoint()
    shown = auditing.shown(audit.pk)
    assert all(one.event and not one.why for one in shown)
    judged = {one.index: number not in (3, 7) for number, one in enumerate(shown)}
    found = auditing.conclude(audit.pk, judged=judged, by="person:1")
    assert (found.judged, found.wrong, (found.low, found.high)) == (25, 2, wilson(2, 25))
    said = entries(act="log.audited")[0]
    record = said.data
    assert entries(act="log.audit-announced")[0].data == {"audit": audit.pk, "leaves": 25, "after": record["after"]}
    seed = Checkpoint.read(Note.read(by.note).text)
    assert (seed.size, seed.root.hex()) == (record["size"], record["seed"])
    again = drawn(seed.root, size=seed.size, number=record["leaves"])
    assert again == [one.index for one in shown]
    assert set(record["disagreed"]) <= set(again)
    assert (record["wrong"], record["judged"], record["auditor"]) == (2, 25, "Ombudsman")
    publish_checkpoint()
    assert queries.leaf_of(following.ACT, said.seq).about == "log", "the result is a leaf itself"


def test_a_result_must_be_of_the_whole_sample_and_only_once(add: Add) -> None:
    add(50)
    audit = auditing.announce(number=5, auditor="a", by="system")
    add(1)
    publish_checkpoint()
    wanted = auditing.sample(audit.pk)
    wrong: list[dict[int, Any]] = [
        {},
        dict.fromkeys(wanted[1:], True),
        dict.fromkeys([*wanted, 10**6], True),
        {**dict.fromkeys(wanted[1:], True), -1: True},
    ]
    for judged in wrong:
        with pytest.raises(auditing.WrongJudgement):
            auditing.conclude(audit.pk, judged=judged, by="system")
    assert not entries(act="log.audited").exists()
    auditing.conclude(audit.pk, judged=dict.fromkeys(wanted, True), by="system")
    with pytest.raises(auditing.WrongJudgement, match="before"):
        auditing.conclude(audit.pk, judged=dict.fromkeys(wanted, False), by="system")
    result = auditing.result(auditing.find_audit(audit.pk))
    assert result is not None
    assert (result.judged, result.wrong) == (5, 0)


def test_an_audit_that_cannot_be_is_refused(add: Add) -> None:
    for number, auditor in ((0, "a"), (10_001, "a"), (5, " "), (5, "a" * 101)):
        with pytest.raises(auditing.BadAudit):
            auditing.announce(number=number, auditor=auditor, by="system")
    with pytest.raises(auditing.UnknownAudit):
        auditing.sample(1)


def test_neither_side_can_choose_a_sample_that_a_secret_of_the_auditor_s_draws(add: Add) -> None:
    add(300)
    secret = bytes(range(32))
    promise = sha256(secret).hexdigest()
    audit = auditing.announce(number=20, auditor="Ombudsman", by="person:1", promise=promise)
    assert entries(act="log.audit-announced")[0].data["promise"] == promise
    with pytest.raises(auditing.NotDrawn):
        auditing.reveal_secret(audit.pk, secret=secret.hex(), by="person:1")
    assert auditing.find_audit(audit.pk).secret == "", "the node must not know it before its checkpoint"
    add(10)
    by = publish_checkpoint()
    with pytest.raises(auditing.NotRevealed):
        auditing.sample(audit.pk)
    for wrong in (bytes(32).hex(), "", "zz" * 16, secret.hex().upper(), "00" * 65):
        with pytest.raises(auditing.BadSecret):
            auditing.reveal_secret(audit.pk, secret=wrong, by="person:1")
    for _ in range(2):
        auditing.reveal_secret(audit.pk, secret=secret.hex(), by="person:1")
    assert entries(act="log.audit-revealed").count() == 1
    add(50)
    publish_checkpoint()
    wanted = auditing.sample(audit.pk)
    assert wanted == drawn(sha256(bytes(by.root) + secret).digest(), size=by.size, number=20)
    auditing.conclude(audit.pk, judged=dict.fromkeys(wanted, True), by="person:1")
    told = entries(act="log.audited")[0].data
    assert (told["secret"], told["promise"]) == (secret.hex(), promise)


def test_a_secret_that_was_not_promised_is_not_taken(add: Add) -> None:
    add(5)
    audit = auditing.announce(number=2, auditor="a", by="system")
    add(1)
    publish_checkpoint()
    with pytest.raises(auditing.BadSecret):
        auditing.reveal_secret(audit.pk, secret="00" * 32, by="system")
    for promise in ("x", "A" * 64, "0" * 63):
        with pytest.raises(auditing.BadSecret):
            auditing.announce(number=2, auditor="a", by="system", promise=promise)
    wanted = auditing.sample(audit.pk)
    auditing.conclude(audit.pk, judged=dict.fromkeys(wanted, True), by="system")
    assert entries(act="log.audited")[0].data["secret"] == "", "the record says that none was used"


def test_statements_are_counted_apart_from_acts_and_ends_of_the_ledger(add: Add) -> None:
    indexes = list(add(30))
    Leaf.objects.filter(index__in=indexes[:10]).update(kind=auditing.STATEMENT)
    audit = auditing.announce(number=10_000, auditor="a", by="system")
    add(1)
    publish_checkpoint()
    wanted = auditing.sample(audit.pk)
    judged = {index: index not in (*indexes[:2], indexes[20]) for index in wanted}
    found = auditing.conclude(audit.pk, judged=judged, by="system")
    assert (found.judged, found.wrong) == (len(wanted), 3)
    assert found.statements == auditing.Share(10, 2, *wilson(2, 10))
    assert auditing.result(auditing.find_audit(audit.pk)) == found
    assert entries(act="log.audited")[0].data["statements"] == auditing.told_share(found.statements)


def test_everybody_reads_what_an_audit_found_and_how_it_was_drawn(add: Add) -> None:
    add(40)
    audit = auditing.announce(number=5, auditor="Ombudsman", by="system")
    add(1)
    by = publish_checkpoint()
    assert Client().get("/log/v1/audits").json()["audits"][0]["result"] is None
    wanted = auditing.sample(audit.pk)
    auditing.conclude(audit.pk, judged={index: index != wanted[0] for index in wanted}, by="system")
    (told,) = Client().get("/log/v1/audits").json()["audits"]
    assert drawn(bytes.fromhex(told["seed"]), size=told["size"], number=told["leaves"]) == wanted
    assert (told["seed"], told["size"], told["auditor"]) == (bytes(by.root).hex(), by.size, "Ombudsman")
    low, high = wilson(1, 5)
    assert told["result"]["disagreed"] == wanted[:1]
    assert [told["result"][name] for name in ("judged", "wrong", "low")] == [5, 1, f"{low:.6f}"]
    assert told["result"]["high"] == f"{high:.6f}"
