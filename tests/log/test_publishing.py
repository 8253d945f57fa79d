"""Checkpoints: what they promise, that they anchor the ledger, and that a damaged log signs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from himaya.accounts import services as accounts
from himaya.core.notes import Checkpoint, Note, VerifierKey
from himaya.federation import services as federation
from himaya.ledger import append_only, turns, worker
from himaya.ledger.models import Entry, Turn
from himaya.ledger.queries import entries, head
from himaya.ledger.services import record
from himaya.lists import services as lists
from himaya.log import checking, following, keys, queries, rounds, tree
from himaya.log.models import Alarm, Leaf, Tile
from himaya.log.models import Checkpoint as Row
from himaya.log.services import NoReason, RefusesToSign, UnknownAlarm, begin_again, publish_checkpoint, settle_alarm
from himaya.site.health import log_health

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]


def test_a_checkpoint_says_how_large_the_log_is_and_is_signed(add: Add) -> None:
    add(300)
    made = publish_checkpoint()
    note = Note.read(made.note)
    key = VerifierKey.read(queries.identity().log_public)  # type: ignore[union-attr]
    assert note.checked([key]) == {key: 0}
    told = Checkpoint.read(note.text)
    assert (told.origin, told.size, told.root) == (made.origin, queries.size(), tree.root(queries.size()))
    assert checking.check(reveal=True).whole


def test_a_checkpoint_holds_where_the_ledger_ends(add: Add) -> None:
    add(1)
    publish_checkpoint()
    seq, digest = head()
    row = queries.leaf_of(following.HEAD, seq)
    assert queries.reveal([row])[0].event.decode() == f'{{"digest":"{digest}","kind":"ledger","seq":{seq}}}'


def test_whoever_rewrites_the_ledger_contradicts_the_log(add: Add) -> None:
    from django.db import connection

    accounts.add_key("partner", scopes=["screen"], by="system")
    publish_checkpoint()
    seq = head()[0]
    append_only.unsafe_remove(connection)
    Entry.objects.filter(seq=seq).update(digest="0" * 64)
    append_only.install(connection)
    assert queries.reveal([queries.leaf_of(following.HEAD, seq)])[0].why == "the event was changed after it was logged"
    assert "was changed" in checking.check(reveal=True).why
    assert checking.check().whole, "the log itself is whole: it is the ledger that was changed"


def test_keys_that_are_made_and_revoked_become_leaves(add: Add) -> None:
    made = accounts.add_key("partner", scopes=["screen"], by="system").key
    publish_checkpoint()
    accounts.revoke_key(made.prefix, by="system")
    publish_checkpoint()
    publish_checkpoint()
    acts = Leaf.objects.filter(kind=following.ACT, about=f"key:{made.prefix}").order_by("index")
    assert [entries().get(seq=row.unique).act for row in acts] == ["key.added", "key.revoked"]
    logged = set(Leaf.objects.filter(kind=following.ACT).values_list("unique", flat=True))
    assert logged == {entry.seq for entry in entries() if entry.act in following.FOLLOWED}


def test_terms_of_lists_partners_and_organisations_become_leaves(add: Add) -> None:
    lists.create_list("hotline", by="system")
    lists.change_list("hotline", by="system", tlp="green")
    federation.add_partner("platform", by="system")
    federation.share_list("hotline", partner="platform", by="system")
    federation.end_sharing("hotline", partner="platform", by="system")
    federation.end_partner("platform", by="system")
    publish_checkpoint()
    logged = Leaf.objects.filter(kind=following.ACT).values_list("unique", flat=True)
    acts = [entries().get(seq=seq).act for seq in logged]
    wanted = ("list.created", "list.changed", "organisation.named", "partner.admitted", "list.shared", "list.unshared")
    assert {*wanted, "partner.ended"} <= set(acts)


def test_keys_of_a_repository_become_leaves(add: Add) -> None:
    with transaction.atomic():
        for act in ("node.root", "node.key-made", "node.key-retired"):
            record(act, by="system", about="node:repository")
    publish_checkpoint()
    assert Leaf.objects.filter(kind=following.ACT, about="node:repository").count() == 3


def test_what_was_not_followed_at_once_is_followed_in_steps(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "STEP", 2)
    for n in range(5):
        accounts.add_key(f"partner {n}", scopes=["screen"], by="system")
    assert following.follow_ledger() == 6, "the five, and the keys of the log itself"
    assert following.follow_ledger() == 0
    assert Leaf.objects.filter(kind=following.ACT).count() == 6


def test_where_nothing_came_the_last_checkpoint_stands(add: Add) -> None:
    add(3)
    assert publish_checkpoint() == publish_checkpoint()
    assert Row.objects.count() == 1


def test_a_leaf_waits_for_its_checkpoint(add: Add) -> None:
    add(1)
    with pytest.raises(queries.NotPublished):
        queries.prove(0)
    publish_checkpoint()
    add(1)
    assert queries.published_tile(0, 0, queries.size()) is None, "what is not signed is not shown"


def test_a_log_whose_hashes_were_changed_signs_nothing_more_and_says_so(add: Add, kept: Any) -> None:
    add(400)
    publish_checkpoint()
    tile = Tile.objects.get(level=0, number=0)
    tile.hashes = bytes(32) + bytes(tile.hashes)[32:]
    tile.save()
    tile = Tile.objects.get(level=1, number=0)
    tile.hashes = bytes(32) + bytes(tile.hashes)[32:]
    tile.save()
    assert checking.check().why == "tile 0/0 is not what lies below it"
    add(1)
    for _ in range(2):
        with pytest.raises(RefusesToSign, match="does not have the root"):
            publish_checkpoint()
    assert [alarm.kind for alarm in Alarm.objects.all()] == [queries.DAMAGED]
    assert entries(act="log.forked").count() == 1
    assert log_health().state == "danger"
    assert rounds.publish_when_due() is False


def test_a_leaf_that_was_changed_or_taken_away_is_named(add: Add) -> None:
    add(10)
    publish_checkpoint()
    with transaction.atomic():
        Leaf.objects.filter(index=4).update(hash=bytes(32))
        assert "another root" in checking.check().why
        transaction.set_rollback(True)
    with transaction.atomic():
        Leaf.objects.filter(index=4).delete()
        assert checking.check().why == "leaf 4 is missing"
        transaction.set_rollback(True)
    with transaction.atomic():
        Row.objects.update(note=Row.objects.get().note.replace("— ", "— x"))
        assert "not what this log signs" in checking.check().why
        transaction.set_rollback(True)
    assert checking.check().whole


def test_the_worker_publishes_every_hour(add: Add, people: Any) -> None:
    add(2)
    worker.tick()
    assert Row.objects.count() == 1
    add(2)
    worker.tick()
    assert Row.objects.count() == 1, "not before an hour has passed"
    Turn.objects.filter(name=rounds.TURN).update(at=0)
    worker.tick()
    assert Row.objects.count() == 2
    assert not turns.is_due(rounds.TURN, every=rounds.EVERY)


def test_the_log_goes_on_under_a_new_name(add: Add) -> None:
    add(3)
    old = publish_checkpoint()
    with pytest.raises(NoReason):
        begin_again(reason=" ", by="system")
    name = begin_again(reason="the key was stolen", by="system")
    new = publish_checkpoint()
    assert new.origin == name != old.origin
    assert new.size > old.size
    assert checking.check(reveal=True).whole
    assert VerifierKey.read(queries.identity().log_public) in Note.read(new.note).checked(queries.verifier_keys())  # type: ignore[union-attr]
    with pytest.raises(keys.BadOrigin):
        begin_again(reason="again", by="system", origin=name)


def test_an_alarm_is_settled_with_a_reason(add: Add) -> None:
    from himaya.log.services import raise_alarm

    add(1)
    origin = publish_checkpoint().origin
    alarm = raise_alarm(queries.SET_BACK, origin=origin, size=1, evidence="e")
    assert raise_alarm(queries.SET_BACK, origin=origin, size=1, evidence="e") == alarm
    with pytest.raises(RefusesToSign):
        publish_checkpoint()
    with pytest.raises(NoReason):
        settle_alarm(alarm.pk, reason="", by="system")
    settle_alarm(alarm.pk, reason="the witness was a test", by="system")
    with pytest.raises(UnknownAlarm):
        settle_alarm(alarm.pk, reason="again", by="system")
    assert publish_checkpoint().size
    assert log_health().state == "ok"
    raise_alarm(queries.SET_BACK, origin=origin, size=1, evidence="e")
    assert log_health().state == "danger", "its cause is still there"


def test_an_alarm_about_another_log_does_not_stop_ours(add: Add) -> None:
    from himaya.log.services import raise_alarm

    add(1)
    raise_alarm(queries.STRANGER_FORKED, origin="other.example/log", size=1, evidence="e")
    assert publish_checkpoint().size
    assert log_health().state == "danger"
