"""No archive of keys is written that could not be read; it has no more than it needs; and it is told in time."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from tests.evidence.conftest import Keep, keep

from himaya.core.config import config
from himaya.core.vault.epochs import EpochKeys, Moved
from himaya.evidence.keys import epoch_keys
from himaya.site.backups import keys
from himaya.site.cli.backups import _write_keys
from himaya.site.evidence_health import evidence_health
from himaya.site.secrets import secret_key

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["keep"]


@pytest.fixture
def kept(keep: Keep) -> EpochKeys:
    for path in config().epoch_directory.glob("*.moved"):  # of another test
        path.unlink()
    keep("a neutral text")
    secret_key(config().data)  # it goes into the archive
    return epoch_keys()


def many(n: int) -> list[Moved]:
    return [Moved(uuid4(), uuid4(), bytes(60)) for _ in range(n)]


def told() -> list[str]:
    return [f"{one.state}: {one.said} {one.remedy}" for one in evidence_health() if "MiB" in str(one.said)]


def test_an_archive_that_could_not_be_read_is_refused_and_nothing_of_it_is_written(
    kept: EpochKeys, tmp_path: Path, keeper: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = keys.write(tmp_path / "one", recipients=[keeper[0]])
    monkeypatch.setattr(keys, "LONGEST", path.stat().st_size)
    assert keys.read(path, identities=keeper[1]).epochs
    kept.add_moved(kept.names()[0], many(100))
    with pytest.raises(keys.ArchiveTooLarge, match="none was written") as refused:
        keys.write(tmp_path / "two", recipients=[keeper[0]])
    assert str(config().epoch_directory) in refused.value.diagnostics()
    assert list((tmp_path / "two").iterdir()) == []


def test_lines_that_were_emptied_take_no_room_in_it_and_stay_empty(
    kept: EpochKeys, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    (epoch,), every = kept.names(), many(100)
    kept.add_moved(epoch, every)
    before = (kept.directory / f"{epoch}.moved").read_bytes()
    kept.forget_moved([one.exhibit for one in every[:-1]])
    path, _ = keys.write(tmp_path / "keys", recipients=[keeper[0]])
    archive = keys.read(path, identities=keeper[1])
    assert len(archive.moved[epoch]) < 400 < 15_000 < len(before)
    (kept.directory / f"{epoch}.moved").write_bytes(before)
    keys.put_back(archive, destroyed=[], aside="x", owner="")
    assert list(kept.moved(epoch)) == every[-1:]
    (kept.directory / f"{epoch}.moved").unlink()
    keys.put_back(archive, destroyed=[], aside="x", owner="")
    assert list(kept.moved(epoch)) == every[-1:]


def test_it_is_told_once_an_archive_has_half_of_what_can_be_read(
    kept: EpochKeys, tmp_path: Path, keeper: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_keys(tmp_path / "keys", [keeper[0]], keep=0)
    assert told() == []
    (path,) = (tmp_path / "keys").iterdir()
    monkeypatch.setattr(keys, "LONGEST", 2 * path.stat().st_size + 100)
    assert told() == []
    monkeypatch.setattr(keys, "LONGEST", 2 * path.stat().st_size - 100)
    (text,) = told()
    assert re.match(r"wait: the last archive of keys has 1 MiB; .* directory of epoch keys", text)
