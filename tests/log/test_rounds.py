"""Our witnesses: they cosign, they are silent, they have seen more than we know, they have seen something else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from tests.configured import configured
from tests.log.conftest import KIND, OtherNode, canonical
from tests.sources import Answer

from himaya.core.notes import Checkpoint, Note, VerifierKey, cosigners
from himaya.core.words import told
from himaya.ledger import worker
from himaya.ledger.models import Job, Turn
from himaya.ledger.queries import entries
from himaya.log import queries, rounds, tree
from himaya.log.events import Event
from himaya.log.models import Alarm, Cosignature, Growth, Identity, Leaf, Tile, Witness
from himaya.log.models import Checkpoint as Row
from himaya.log.rounds import NoWitnessAnswers, publish_with_witnesses, try_out
from himaya.log.services import (
    BadVerifierKey,
    BadWitness,
    BadWitnessAddress,
    RefusesToSign,
    UnknownWitness,
    WitnessTaken,
    add_witness,
    append,
    remove_witness,
)
from himaya.site.health import log_health

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]
Make = Callable[[str], OtherNode]


def due() -> None:
    Turn.objects.filter(name=rounds.TURN).delete()


def test_witnesses_cosign_and_a_checkpoint_below_the_quorum_says_so(add: Add, other_node: Make) -> None:
    one, two, three = (other_node(name) for name in ("one", "two", "three"))
    two.down = three.down = True
    add(5)
    made, silent = publish_with_witnesses()
    assert set(silent) == {"two", "three"}
    assert not queries.standing(made).is_enough
    assert (log_health().state, "checkpoint: 1; so many are needed: 2" in log_health().said) == ("wait", True)
    two.down = False
    add(5)
    made, silent = publish_with_witnesses()
    assert set(silent) == {"three"}
    newest = queries.latest()
    assert newest is not None
    assert newest.is_enough
    note, known = Note.read(newest.note), [node.key.verifier for node in (one, two, three)]
    assert set(cosigners(note, known)) == {one.key.name, two.key.name}
    assert (two.size, one.size, three.size) == (made.size, made.size, 0)
    assert log_health().state == "ok"
    assert queries.prove(0).check(queries.verifier_keys()).cosigned.keys() == {one.key.name, two.key.name}


def test_a_proof_leads_to_a_checkpoint_that_counts_while_the_newest_does_not(add: Add, other_node: Make) -> None:
    nodes = [other_node("one"), other_node("two")]
    add(5)
    enough = publish_with_witnesses()[0]
    nodes[1].down = True
    add(5)
    newest = publish_with_witnesses()[0]
    assert queries.covering(0).size == enough.size < newest.size  # type: ignore[union-attr]
    assert queries.covering(enough.size).size == newest.size  # type: ignore[union-attr]
    with configured(log_quorum=1):
        assert queries.covering(0).size == newest.size  # type: ignore[union-attr]


def test_where_no_witness_answers_nothing_new_is_signed(add: Add, other_node: Make) -> None:
    node = other_node("one")
    add(1)
    publish_with_witnesses()
    node.down = True
    add(1)
    with pytest.raises(NoWitnessAnswers, match="503"):
        publish_with_witnesses()
    assert Row.objects.count() == 1
    assert "503" in Witness.objects.get().said
    node.down = False
    assert publish_with_witnesses()[1] == {}
    assert Witness.objects.get().said == ""


def test_a_witness_that_never_cosigned_does_not_stop_the_log(add: Add, other_node: Make) -> None:
    """It was added, and its operator has not yet let it watch this log."""
    node = other_node("one")
    node.says = Answer("this log is not witnessed here\n", 404)
    for n in (1, 2):
        add(1)
        assert set(publish_with_witnesses()[1]) == {"one"}
        assert Row.objects.count() == n


def set_back(size: int) -> None:
    """The database as a backup of that time would be; tiles are cut, as they were."""
    Cosignature.objects.filter(checkpoint__size__gt=size).delete()
    Row.objects.filter(size__gt=size).delete()
    leaves = [
        bytes(one) for one in Leaf.objects.filter(index__lt=size).values_list("hash", flat=True).order_by("index")
    ]
    Leaf.objects.filter(index__gte=size).delete()
    Tile.objects.all().delete()
    Growth.objects.update(size=size)
    tree.extend(0, leaves)


def test_a_database_that_was_set_back_signs_nothing(add: Add, kept: Any, other_node: Make) -> None:
    """R18: the witness has seen a checkpoint that the restored node knows nothing of."""
    node = other_node("one")
    add(4)
    old = publish_with_witnesses()[0].size
    add(300)
    ahead = publish_with_witnesses()[0].size
    set_back(old)
    for n in list(kept)[4:]:
        del kept[n]
    add(2)
    for _ in range(2):
        with pytest.raises(RefusesToSign, match="set back"):
            publish_with_witnesses()
    assert Row.objects.order_by("-size").first().size == old  # type: ignore[union-attr]
    alarm = Alarm.objects.get()
    assert (alarm.kind, f"409 {ahead}" in alarm.evidence) == (queries.SET_BACK, True)
    assert entries(act="log.forked").count() == 1
    assert log_health().state == "danger"
    assert node.size == ahead
    due()
    assert rounds.publish_when_due() is False, "not by the worker either"


def test_a_log_that_grew_past_what_the_witness_saw_is_a_fork_all_the_same(
    add: Add, kept: Any, other_node: Make
) -> None:
    """Set back, and then as many other leaves: the sizes alone would not show it."""
    other_node("one")
    add(4)
    old = publish_with_witnesses()[0]
    add(3)
    publish_with_witnesses()
    set_back(old.size)
    Cosignature.objects.all().delete()
    Row.objects.all().delete()
    for n in list(kept)[4:]:
        del kept[n]
    with transaction.atomic():
        append(Event(KIND, "item:1", n, canonical(n)) for n in range(500, 560))
    with pytest.raises(RefusesToSign, match="another log under the name"):
        publish_with_witnesses()
    assert Alarm.objects.get().kind == queries.FORKED
    assert Cosignature.objects.count() == 0


@pytest.mark.parametrize(
    "answer",
    [
        Answer("", 200), Answer("— x AAAA\n", 200), Answer("nonsense\n", 200), Answer("x\n", 409), Answer("1 2\n", 409),
        Answer("no\n", 403), Answer("no\n", 404), Answer("no\n", 400), Answer("-5\n", 409), Answer("a" * 40_000, 200),
        Answer("— " + "one.example/witness " + b64encode(b"0123" + bytes(72)).decode() + "\n", 200), Answer("", 302),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_cosignature_is_kept_as_trouble_and_as_nothing_else(
    add: Add, other_node: Make, answer: Answer
) -> None:
    node = other_node("one")
    add(1)
    node.says = answer
    made, silent = publish_with_witnesses()
    assert set(silent) == {"one"}
    assert Witness.objects.get().said
    assert not Cosignature.objects.exists()
    assert not Alarm.objects.exists()
    assert made.size


def test_a_cosignature_of_another_checkpoint_is_not_taken(add: Add, other_node: Make) -> None:
    node = other_node("one")
    add(1)
    text = Checkpoint("other.example/log", 3, bytes(32)).text
    node.says = Answer(node.key.sign(text, at=5))
    assert "does not hold" in publish_with_witnesses()[1]["one"]
    assert not Cosignature.objects.exists()


def test_the_worker_asks_the_witnesses_by_a_job_in_a_lane_of_its_own(add: Add, other_node: Make) -> None:
    node = other_node("one")
    add(1)
    worker.run_until_idle()
    job = Job.objects.get(kind="log")
    assert (job.state, job.lane) == (Job.DONE, "log")
    assert node.size == queries.latest().size  # type: ignore[union-attr]
    assert entries(act="log.witnessed").count() == 1
    add(1)
    node.down = True
    due()
    worker.run_until_idle()
    late = Job.objects.exclude(pk=job.pk).get()
    assert (late.state, "503" in late.error) == (Job.READY, True)
    due()
    worker.tick()
    assert Job.objects.count() == 2, "one waits already"
    Job.objects.filter(pk=late.pk).update(attempts=7, due=0)
    worker.run_until_idle()
    late.refresh_from_db()
    assert late.state == Job.DONE, "the next round asks again: nobody need look at this one"


def test_a_round_that_is_refused_is_for_a_person(add: Add, other_node: Make) -> None:
    node = other_node("one")
    add(1)
    publish_with_witnesses()
    node.size += 1000
    add(1)
    due()
    worker.run_until_idle()
    assert Job.objects.get(kind="log").state == Job.DEAD
    assert Alarm.objects.get().kind == queries.SET_BACK


def test_a_witness_is_added_once_and_removed(add: Add) -> None:

    key = str(OtherNode("w").key.verifier)
    add(1)
    mine = Identity.objects.get()
    for name, given, address, why in (
        ("", key, "https://a.example", "1 to 60 characters"), ("w", key, "http://a.example", "not encrypted"),
        ("w", key, "ftp://a", "name a host"), ("w", key, "https://", "name a host"),
        ("w", key, "https://me:pw@a.example", "no user"), ("w", key, "https://a.example/" + "a" * 400, "at most 400"),
        ("w", mine.witness_public, "https://a.example", "no witness of itself"),
    ):  # fmt: skip
        with pytest.raises(BadWitness, match=why):
            add_witness(name, key=given, address=address, by="system")
    for wrong in ("", "x", mine.log_public):
        with pytest.raises(BadVerifierKey):
            add_witness("w", key=wrong, address="https://a.example", by="system")
    add_witness("w", key=key, address="https://a.example/log/v1/", by="system")
    for again in (("w", str(OtherNode("x").key.verifier)), ("x", key)):
        with pytest.raises(WitnessTaken):
            add_witness(again[0], key=again[1], address="https://a.example", by="system")
    with pytest.raises(BadWitnessAddress) as found:
        add_witness("v", key=str(OtherNode("v").key.verifier), address="http://a.example", by="system")
    assert "--private" in found.value.remedy
    assert "witness remove" not in found.value.remedy
    assert Witness.objects.get().address == "https://a.example/log/v1"
    remove_witness("w", by="system")
    with pytest.raises(UnknownWitness):
        remove_witness("w", by="system")
    assert [VerifierKey.read(text) for text in queries.witnesses().values_list("key", flat=True)] == []


def test_a_witness_that_was_added_with_a_wrong_address_is_added_again_under_its_name(add: Add) -> None:
    key, other = (str(OtherNode(name).key.verifier) for name in ("w", "x"))
    add(1)
    add_witness("w", key=key, address="https://a.example/wrong", by="system")
    remove_witness("w", by="system")
    add_witness("w", key=f"as witness  {key}", address="https://a.example/log/v1", by="system")
    assert queries.witnesses().get().address == "https://a.example/log/v1"
    remove_witness("w", by="system")
    add_witness("w", key=other, address="https://a.example/log/v1", by="system")
    assert queries.witnesses().get().key == other
    assert Witness.objects.count() == 2  # the first one's cosignatures stay with it


def test_a_page_that_a_wrong_address_answers_with_is_told_in_a_sentence(
    add: Add, other_node: Callable[..., OtherNode]
) -> None:
    add(3)
    node = other_node("w")
    node.says = Answer("<!doctype html><title>404</title>", 404, {"Content-Type": "text/html"})
    _, silent = publish_with_witnesses()
    assert "it answers 404, and not as a witness does" in silent["w"]
    assert "doctype" not in silent["w"]
    one = queries.witnesses().get()
    said = queries.trouble_of(one)
    assert told(said, lambda text: text.replace("answers", "says")) != said
    assert "/log/v1" in try_out(one)
    node.says = Answer("the request begins with the old size\n", 400)
    assert not try_out(one)
