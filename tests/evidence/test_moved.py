"""What was moved under another key is written down beside that, for older data; what ended is in no such file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from tests.evidence.conftest import Keep
from tests.evidence.test_ending import YEAR, end_all, fresh
from tests.evidence.test_preserving import content
from tests.guarding import Custodians

from himaya.core import clock as now_of
from himaya.core.config import config
from himaya.evidence.guarded.models import Brought, Deal
from himaya.evidence.guarded.renewing import begin_renewal
from himaya.evidence.keys import epoch_keys, lock_epochs, opened
from himaya.evidence.models import Epoch, Exhibit
from himaya.evidence.moved import lead_on, lost_exhibits, outer_here
from himaya.evidence.reading import ExhibitEnded
from himaya.evidence.retention import bindings_of, follow
from himaya.evidence.states import DESTROYED
from himaya.evidence.stopping import stuck

pytestmark = pytest.mark.django_db
LATER = 800


def move(one: Exhibit, *, days: int) -> None:
    """The law wants it kept for so many days from now."""
    bindings = bindings_of(one)
    for each in bindings:
        each.at_least = now_of.now() + timedelta(days=days)
        each.save()
    with transaction.atomic():
        lock_epochs(Epoch.objects.all())
        assert follow(fresh(one), bindings)


def as_it_was(old: Exhibit) -> None:
    """The data from before are put back."""
    Exhibit.objects.filter(pk=old.pk).update(epoch=old.epoch, generation=old.generation, wrapped=old.wrapped)


def named(one: Exhibit) -> list[str]:
    """Files beside the keys that name it."""
    every = Path(config().epoch_keys).iterdir()
    return [path.name for path in every if str(one.uuid).encode() in path.read_bytes()]


def test_what_left_a_key_that_stays_and_then_ended_is_named_nowhere(keep: Keep, clock: Any) -> None:
    one, other = keep("one"), keep("other")
    move(one, days=LATER)
    move(other, days=LATER)
    assert named(one) == named(other) != []
    old = fresh(one)
    move(one, days=30)
    clock.advance(timedelta(days=40))
    end_all()
    assert fresh(one).state == DESTROYED
    assert named(one) == []
    assert len(named(other)) == 1
    Exhibit.objects.filter(pk=one.pk).update(state="kept", until=old.until)
    assert lead_on(outer_here()) == 0
    with pytest.raises(ExhibitEnded):
        content(one)


def test_what_was_kept_for_longer_is_found_under_its_new_key_by_data_from_before(keep: Keep, clock: Any) -> None:
    one, free = keep("one"), keep("free")
    old = fresh(one)
    move(one, days=LATER)
    clock.advance(YEAR)
    end_all()
    assert fresh(free).state == DESTROYED
    as_it_was(old)
    gone = set(epoch_keys().destroyed())
    assert lost_exhibits(gone) == 1
    blob = fresh(free).blob_id
    Exhibit.objects.filter(pk=one.pk).update(blob=blob)
    assert lead_on(outer_here()) == 0, "it is the key of another sealed file"
    Exhibit.objects.filter(pk=one.pk).update(blob=old.blob_id)
    assert lead_on(outer_here()) == 1
    assert lost_exhibits(gone) == 0
    assert content(one) == b"one"
    assert lead_on(outer_here()) == 0


def test_what_is_guarded_is_led_on_only_to_a_key_that_the_parts_of_then_open(guard: Keep, clock: Any) -> None:
    one = guard("one")
    guard("free", case="case:2")
    old = fresh(one)
    move(one, days=LATER)
    moved = opened(fresh(one))
    clock.advance(YEAR)
    end_all()
    as_it_was(old)
    deal = Deal.objects.get(exhibit=one)
    Deal.objects.filter(pk=deal.pk).update(set=uuid4())  # it was dealt anew after the backup, before it was moved
    assert lead_on(outer_here()) == 0
    assert lost_exhibits(set(epoch_keys().destroyed())) == 1
    Deal.objects.filter(pk=deal.pk).update(set=deal.set)
    assert lead_on(outer_here()) == 1
    assert opened(fresh(one)) == moved


def test_parts_that_were_brought_under_a_key_that_is_gone_are_brought_again(
    guard: Keep, custodians: Custodians, clock: Any
) -> None:
    """A renewal is open while old data are put back: the parts stay closed, and nothing else of the epoch does."""
    one, free, late = guard("one"), guard("free", case="case:2"), guard("late", case="case:3")
    renewal = begin_renewal([one], person=custodians.people["cat"])
    custodians.bring(renewal.about, "ann")
    brought, old = Brought.objects.get(), fresh(one)
    move(one, days=LATER)
    move(late, days=LATER)
    Exhibit.objects.filter(pk=free.pk).update(until=now_of.now() - timedelta(days=2))
    end_all()
    assert fresh(free).state == DESTROYED
    as_it_was(old)
    Brought.objects.filter(pk=brought.pk).update(sealed=bytes(brought.sealed))
    assert lead_on(outer_here()) == 1
    assert not Brought.objects.exists()
    custodians.bring(renewal.about, "ben")
    Brought.objects.update(sealed=b"x" * 60)  # a damaged row
    Exhibit.objects.filter(pk=late.pk).update(until=now_of.now() - timedelta(days=3))
    end_all()
    assert fresh(late).state == DESTROYED
    assert len(opened(fresh(one))) > 0
    assert not stuck().exists()
