"""What it takes to stop the log: most of its witnesses, or a note that bears its own signature. Not one liar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests.log.conftest import OtherNode
from tests.log.test_rounds import set_back
from tests.sources import Answer

from himaya.core.notes import NOTE, Checkpoint, SigningKey
from himaya.log import queries
from himaya.log.models import Alarm
from himaya.log.rounds import publish_with_witnesses
from himaya.log.services import RefusesToSign, add_watched, remove_witness, settle_alarm
from himaya.log.witnessing import add_checkpoint
from himaya.site.health import log_health

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]
Make = Callable[[str], OtherNode]


@pytest.mark.parametrize("lie", [Answer("999999\n", 409), Answer("the proof does not hold\n", 422)])
def test_one_witness_that_lies_stops_nothing_and_is_a_warning(add: Add, other_node: Make, lie: Answer) -> None:
    other_node("one")
    liar = other_node("liar")
    add(3)
    publish_with_witnesses()
    liar.says = lie
    for _ in range(2):
        add(1)
        made, silent = publish_with_witnesses()
        assert (made.size, set(silent)) == (queries.size(), {"liar"})
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.evidence.startswith("liar: ")) == (queries.DOUBTED, True), "one for all its rounds"
    assert log_health().state == "wait"
    assert "witness remove" in log_health().remedy
    settle_alarm(alarm.pk, reason="we asked it", by="system")
    publish_with_witnesses()
    assert Alarm.objects.get().settled_at is None, "its cause is still there"
    remove_witness("liar", by="system")
    settle_alarm(alarm.pk, reason="it is not asked any more", by="system")
    add(1)
    publish_with_witnesses()
    assert not queries.alarms().exists()


def test_a_liar_that_has_never_cosigned_has_no_voice_beside_those_that_have(add: Add, other_node: Make) -> None:
    other_node("one")
    add(3)
    publish_with_witnesses()
    for name in ("liar", "other"):
        other_node(name).says = Answer("999999\n", 409)
    add(1)
    assert publish_with_witnesses()[0].size == queries.size()
    assert set(queries.alarms().values_list("kind", flat=True)) == {queries.DOUBTED}


def test_most_of_those_that_have_cosigned_stop_it(add: Add, other_node: Make) -> None:
    nodes = [other_node(name) for name in ("one", "two", "three")]
    add(4)
    old = publish_with_witnesses()[0]
    add(3)
    nodes[2].down = True
    publish_with_witnesses()
    nodes[2].down = False
    set_back(old.size)
    with pytest.raises(RefusesToSign, match="set back"):
        publish_with_witnesses()
    evidence = Alarm.objects.get().evidence
    assert ("one: 409" in evidence, "two: 409" in evidence, "three" in evidence) == (True, True, False)


def test_a_note_that_we_signed_stops_it_although_one_witness_alone_shows_it(
    add: Add, kept: Any, other_node: Make
) -> None:
    """The others were away when the lost checkpoint was cosigned, and see nothing wrong."""
    nodes = [other_node(name) for name in ("one", "two", "three")]
    nodes[0].shows = True
    add(4)
    old = publish_with_witnesses()[0]
    nodes[1].down = nodes[2].down = True
    add(3)
    lost = publish_with_witnesses()[0]
    nodes[1].down = nodes[2].down = False
    set_back(old.size)
    for number in list(kept)[4:]:
        del kept[number]
    with pytest.raises(RefusesToSign, match="set back"):
        publish_with_witnesses()
    assert lost.note in Alarm.objects.get().evidence


def test_a_note_that_proves_nothing_is_the_word_of_one(add: Add, other_node: Make) -> None:
    other_node("one")
    liar = other_node("liar")
    liar.shows = True
    add(3)
    true = publish_with_witnesses()[0]
    liar.says = Answer("999999\n", 409)
    stranger = SigningKey(true.origin, NOTE, bytes(32))
    forged = Checkpoint(true.origin, 999_999, bytes(32))
    for note in (true.note, forged.signed(stranger), f"{forged.text}\n{true.note.partition(chr(10) * 2)[2]}", "no", ""):
        liar.note = note
        add(1)
        publish_with_witnesses()
    assert Alarm.objects.get().kind == queries.DOUBTED


def test_a_witness_shows_everybody_what_it_has_seen_last(db: None) -> None:
    key = SigningKey("other.example/log", NOTE, bytes(32))
    witnessed = "/log/v1/seen/other.example/log"
    assert Client().get(witnessed).status_code == 404
    add_watched(str(key.verifier), by="system")
    assert Client().get(witnessed).status_code == 404, "nothing was seen of it yet"
    note = Checkpoint("other.example/log", 1, bytes(32)).signed(key)
    assert add_checkpoint(f"old 0\n\n{note}".encode()).status == 200
    assert Client().get(witnessed).content.decode() == note
