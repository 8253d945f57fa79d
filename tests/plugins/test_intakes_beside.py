"""A file that tells of those beside it, wherever it lies: what else lies there does not matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests import brought

from himaya.core.intake import parcels
from himaya.core.intake.parcels import BadParcel
from himaya.core.intake.reading import opened_delivery


def beside(folder: Path) -> Path:
    """An export of two files, in a folder of somebody who works there."""
    brought.vics(folder, b"one", b"two")
    (folder / "latest").symlink_to("/etc/passwd")
    (folder / "a\nname").write_text("x")
    os.mkfifo(folder / "pipe")
    deep = folder.joinpath(*["d"] * (parcels.MAX_DEPTH + 2))
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    return folder / "case.json"


def offered(path: Path) -> dict[str, str]:
    with opened_delivery(path) as delivery:
        return {one.called: str(one.trouble) for one in delivery.offered()}


def test_what_lies_beside_a_file_that_was_named_does_not_matter(tmp_path: Path) -> None:
    assert offered(beside(tmp_path / "work")) == {"case.json": "", "Media\\1.BIN": "", "Media\\2.BIN": ""}


def test_a_folder_that_is_named_itself_is_taken_as_a_whole_or_not(tmp_path: Path) -> None:
    with pytest.raises(BadParcel), opened_delivery(beside(tmp_path / "work").parent):
        pass


def test_what_the_file_names_is_no_link_that_is_followed(tmp_path: Path) -> None:
    path = beside(tmp_path / "work")
    (tmp_path / "elsewhere").write_bytes(b"one")
    named = path.parent / "Media" / "1.bin"
    named.unlink()
    named.symlink_to(tmp_path / "elsewhere")
    found = offered(path)
    assert found["Media\\1.BIN"]
    assert not found["Media\\2.BIN"]


def test_a_link_to_the_file_itself_is_refused(tmp_path: Path) -> None:
    path = beside(tmp_path / "work")
    (path.parent / "other.json").symlink_to(path)
    with pytest.raises(BadParcel, match="link"), opened_delivery(path.parent / "other.json"):
        pass
