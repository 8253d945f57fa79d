"""Leaves: their order, their salts, their hashes in tiles, and that an event is logged once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.log.conftest import KIND, Kept, canonical, event

from himaya.core import merkle, tiles
from himaya.core.proofs import commitment
from himaya.log import events, keys, queries, tree
from himaya.log.events import Event
from himaya.log.models import Identity, Leaf, Tile
from himaya.log.services import append, publish_checkpoint

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]
SLOWLY = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def hashes() -> list[bytes]:
    return [bytes(one) for one in Leaf.objects.order_by("index").values_list("hash", flat=True)]


@SLOWLY
@given(batches=st.lists(st.sampled_from([1, 2, 7, 100, 255, 256, 257, 600]), min_size=1, max_size=6), data=st.data())
def test_a_log_that_grew_in_batches_is_the_tree_of_its_leaves(
    batches: list[int], data: st.DataObject, kept: Kept
) -> None:
    with transaction.atomic():
        sizes = [0]
        for batch in batches:
            first = sizes[-1]
            assert append(event(n) for n in range(first, first + batch)) == range(first, first + batch)
            sizes.append(first + batch)
        leaves, size = hashes(), sizes[-1]
        assert queries.size() == len(leaves) == size
        assert tree.root(size) == merkle.root_of(leaves)
        index, old = data.draw(st.integers(0, size - 1)), data.draw(st.sampled_from(sizes))
        path = queries.inclusion_path(index, of=size)
        merkle.verify_inclusion(leaf=leaves[index], index=index, size=size, path=path, root=tree.root(size))
        proof = queries.consistency_proof(old, size)
        merkle.verify_consistency(
            old=old, new=size, old_root=merkle.root_of(leaves[:old]), new_root=tree.root(size), proof=proof
        )
        assert {(row.level, row.number, len(row.hashes) // 32) for row in Tile.objects.all()} == set(
            tiles.tiles_of(size)
        )
        transaction.set_rollback(True)


def test_a_leaf_commits_to_its_event_and_its_salt_opens_it(add: Add) -> None:
    add(3)
    for row, shown in zip(Leaf.objects.order_by("index"), queries.reveal(Leaf.objects.order_by("index")), strict=True):
        assert shown.event == canonical(row.unique)
        assert merkle.leaf_hash(commitment(shown.salt, shown.event)) == bytes(row.hash)
        assert (row.about, len(shown.salt)) == (f"item:{row.unique}", 32)


def test_what_was_undone_and_is_repeated_gives_the_same_leaves(add: Add, kept: Kept) -> None:
    add(10)
    with transaction.atomic():
        append(event(n) for n in range(10, 20))
        undone = hashes()
        transaction.set_rollback(True)
    assert queries.size() == 10
    add(10)
    assert hashes() == undone


def test_a_leaf_follows_from_its_event_alone_and_no_two_events_share_a_salt(add: Add) -> None:
    """So that what was killed and is done again, under other numbers, gives the same root."""
    add(2)
    with transaction.atomic():
        append([Event(KIND, "item:0", 77, canonical(0))])
    one, other, again = hashes()
    assert one == again != other
    secret = keys.keys().salt
    assert events.salt_of(secret, KIND, canonical(0)) != events.salt_of(secret, KIND, canonical(77))
    assert events.salt_of(secret, KIND, canonical(0)) != events.salt_of(secret, "other", canonical(0))


def test_an_event_is_logged_once(add: Add) -> None:
    add(5)
    before = (queries.size(), tree.root(5))
    with pytest.raises(IntegrityError), transaction.atomic():
        append([event(9), event(3)])
    assert (queries.size(), tree.root(5)) == before
    assert not Leaf.objects.filter(unique=9).exists()


def test_nothing_is_logged_where_there_is_nothing(add: Add) -> None:
    with transaction.atomic():
        assert append([]) == range(0)
    assert queries.size() == 0
    assert tree.root(0) == merkle.EMPTY


@pytest.mark.django_db(transaction=True)
def test_the_log_grows_in_a_transaction_or_not_at_all() -> None:
    with pytest.raises(RuntimeError, match="outside a transaction"):
        append([event(0)])
    assert queries.size() == 0


def test_an_event_that_was_changed_or_is_gone_does_not_pass_for_the_one_that_was_logged(add: Add, kept: Kept) -> None:
    add(3)
    kept[1] = canonical(2)
    del kept[2]
    shown = queries.reveal(Leaf.objects.order_by("index"))
    assert [bool(one.event) for one in shown] == [True, False, False]
    assert [one.why for one in shown[1:]] == [
        "the event was changed after it was logged",
        "the event is not there any more",
    ]
    publish_checkpoint()
    for index in (1, 2):
        with pytest.raises(queries.Unshown):
            queries.prove(index)


def test_the_database_alone_neither_signs_nor_opens_a_leaf(add: Add, settings: object) -> None:
    add(1)
    mine, row = keys.keys(), Identity.objects.get()
    stored = " ".join(str(getattr(row, field.name)) for field in Identity._meta.fields)
    for secret in (mine.log.seed, mine.witness.seed, mine.salt):
        assert secret.hex() not in stored
        assert secret not in stored.encode("latin-1", "replace")
    settings.SECRET_KEY = "another secrets file, as on another machine"  # type: ignore[attr-defined]
    keys._opened.cache_clear()
    with pytest.raises(keys.LogSealedElsewhere):
        keys.keys()
    keys._opened.cache_clear()


def test_a_tile_is_read_once_for_each_level_of_a_proof(add: Add, django_assert_max_num_queries: Callable) -> None:
    add(1500)
    with django_assert_max_num_queries(8):
        queries.inclusion_path(700, of=1500)
