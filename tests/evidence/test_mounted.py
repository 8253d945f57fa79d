"""Where the volume of the epoch keys, or the disk of a store, is not mounted, nothing is written beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.evidence.conftest import Keep
from tests.evidence.test_ending import YEAR, end_all, fresh
from tests.evidence.test_preserving import content

from himaya.core.config import config
from himaya.core.vault.epochs import EpochLost
from himaya.core.vault.stores.port import StoreFailed
from himaya.evidence import custody, keys
from himaya.evidence.models import Exhibit, Place
from himaya.evidence.mounted import KeysAway
from himaya.evidence.states import DESTROYED
from himaya.site.evidence_health import evidence_health

pytestmark = pytest.mark.django_db


def volume() -> Path:
    return Path(config().epoch_keys)


def disk() -> Path:
    return Path(config().evidence_store.removeprefix("file:"))


@contextmanager
def away(at: Path) -> Iterator[None]:
    """Within the block it is not mounted, and a bare directory is where it should be."""
    at.rename(at.with_name("mounted elsewhere"))
    at.mkdir()
    keys._store.cache_clear()
    yield
    shutil.rmtree(at)
    at.with_name("mounted elsewhere").rename(at)
    keys._store.cache_clear()


def dangers() -> str:
    return " ".join(f"{one.said} {one.remedy}" for one in evidence_health(thorough=True) if one.state == "danger")


def test_nothing_ends_while_the_volume_of_keys_is_away_and_it_ends_once_it_is_back(keep: Keep, clock: Any) -> None:
    one = keep()
    there = sorted(path.name for path in volume().iterdir())
    with away(volume()):
        clock.advance(YEAR)
        end_all()
        assert fresh(one).state != DESTROYED
        assert len(custody.lines(one)) == 1, "nobody has signed that it was destroyed"
        assert list(volume().iterdir()) == []
        assert f"The directory of epoch keys is not there: {volume()}" in dangers()
    assert sorted(path.name for path in volume().iterdir()) == there
    clock.advance(timedelta(hours=2))
    end_all()
    assert fresh(one).state == DESTROYED
    assert keys.epoch_keys().names() == keys.epoch_keys().returned() == []


def test_nothing_is_kept_while_the_volume_of_keys_is_away(keep: Keep, clock: Any) -> None:
    keep()
    with away(volume()):
        clock.advance(timedelta(days=40))
        with pytest.raises(KeysAway) as refused:
            keep("another", case="case:9")
        assert "Mount its volume" in refused.value.remedy
        assert list(volume().iterdir()) == []
    assert content(keep("another", case="case:9")) == b"another"


def test_a_node_that_was_there_before_directories_were_marked_gets_its_mark_once(keep: Keep, clock: Any) -> None:
    keep()
    (volume() / "owner").unlink()
    Place.objects.all().delete()
    clock.advance(timedelta(days=40))
    with away(volume()), pytest.raises(KeysAway):
        keep("another")
    assert content(keep("another")) == b"another"
    assert (volume() / "owner").read_text().strip() == Place.objects.get(name="epoch keys").owner
    Place.objects.all().delete()  # whoever marked it was cut off
    clock.advance(timedelta(days=40))
    keep("a third")
    assert (volume() / "owner").read_text().strip() == Place.objects.get(name="epoch keys").owner


def test_the_directory_of_another_node_is_none(keep: Keep, clock: Any) -> None:
    keep()
    (volume() / "owner").write_text("another")
    clock.advance(timedelta(days=40))
    with pytest.raises(KeysAway):
        keep("another")
    with pytest.raises(KeysAway):
        keys.epoch_keys().destroy(keys.epoch_name(Exhibit.objects.select_related("epoch").get()))


def test_a_key_that_is_lost_is_not_said_to_be_destroyed(keep: Keep, clock: Any) -> None:
    one = keep()
    (key,) = volume().glob("*.key")
    key.unlink()
    with pytest.raises(EpochLost):
        keys.epoch_keys().destroy(key.stem)
    clock.advance(YEAR)
    end_all()
    assert fresh(one).state != DESTROYED
    assert keys.epoch_keys().destroyed() == []


def test_nothing_is_kept_while_the_disk_of_the_store_is_away(keep: Keep) -> None:
    one = keep()
    with away(disk()):
        with pytest.raises(StoreFailed, match="is its disk mounted"):
            keep("another")
        assert list(disk().iterdir()) == []
        assert "is its disk mounted" in dangers()
    assert content(one) == b"a neutral text"
    assert content(keep("another")) == b"another"


def test_a_second_store_that_is_named_later_is_made(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = keep()
    monkeypatch.setattr(config(), "evidence_second_store", f"file:{tmp_path / 'second'}")
    assert content(one) == b"a neutral text"
    with away(tmp_path / "second"), pytest.raises(StoreFailed, match="is its disk mounted"):
        keep("another")


def test_a_store_of_before_places_were_noted_is_not_made_again(keep: Keep) -> None:
    keep()
    Place.objects.all().delete()
    with away(disk()), pytest.raises(StoreFailed, match="is its disk mounted"):
        keep("another")
