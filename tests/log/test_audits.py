"""Audits: announced first, drawn by a checkpoint that nobody knew, and on record so that anybody can draw again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from himaya.core.notes import Checkpoint, Note
from himaya.core.samples import drawn, wilson
from himaya.ledger.queries import entries
from himaya.log import auditing, following, queries
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
