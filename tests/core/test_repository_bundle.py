"""A repository on a stick: taken as from a line, and nothing of it where the stick was tampered with."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.repositories import ORGANISATION, OTHER, Keys, Shelf, delta, following, full, new_repository, said

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.repository import bundle
from himaya.core.repository.bundle import BadBundle
from himaya.core.repository.distrust import FileChanged, Frozen, MixedUp, RolledBack, TooFewSigned
from himaya.core.repository.publishing import Repository
from himaya.core.statements import Statement

KEY = ("known", ORGANISATION)
Node = tuple[Repository, bytes, Path]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    held = Keys()
    made, root = new_repository(tmp_path / "r", held)
    made.publish(ORGANISATION, full(tmp_path / "w", 1, said(50)), delta(tmp_path / "w", 1, 2, said(2, seed=2)))
    made.publish(OTHER, full(tmp_path / "w", 1, said(3, organisation=OTHER), organisation=OTHER))
    return made, root, tmp_path


def taken(path: Path, root: bytes, tmp_path: Path, have: int | None = None) -> list[Statement]:
    found = []
    with bundle.opened(path, directory=tmp_path / "stick", root=root) as (follower, *_):
        follower.refresh()
        for one in follower.fetch(*KEY, to=tmp_path / "t", have=have):
            with follower.statements(one) as (_, statements):
                found += list(statements)
    return found


def test_a_stick_brings_all_or_what_is_new(node: Node) -> None:
    made, root, tmp = node
    written = bundle.write(made, tmp / "all.tar", checkpoint=b"a log\n1\n")
    assert {part.piece.path for part in written.parts} == {
        f"known/{ORGANISATION}/full-1.gz", f"known/{ORGANISATION}/delta-1-2.gz", f"known/{OTHER}/full-1.gz",
    }  # fmt: skip
    assert taken(tmp / "all.tar", root, tmp) == said(50) + said(2, seed=2)
    with bundle.opened(tmp / "all.tar", directory=tmp / "stick", root=root) as (_, checkpoint, _):
        assert checkpoint == b"a log\n1\n"
    made.publish(ORGANISATION, delta(tmp / "w", 2, 3, said(1, seed=3)))
    written = bundle.write(made, tmp / "new.tar", have={KEY: 2}, lists=["known"])
    assert {part.piece.path for part in written.parts} == {
        f"known/{ORGANISATION}/delta-2-3.gz", f"known/{OTHER}/full-1.gz",
    }  # fmt: skip
    assert taken(tmp / "new.tar", root, tmp, have=2) == said(1, seed=3)
    with pytest.raises(MixedUp, match=r"full-1.gz is missing"):
        taken(tmp / "new.tar", root, tmp / "another")


def test_the_same_content_gives_the_same_bytes_and_any_tar_program_reads_them(node: Node) -> None:
    made, _, tmp = node
    with clock.use(clock.SetClock(clock.now())):
        bundle.write(made, tmp / "a.tar")
    with tarfile.open(tmp / "a.tar") as found:
        names = found.getnames()
        assert all(member.isfile() and member.mtime == 0 for member in found)
    assert names == sorted(set(names), key=lambda name: (name.startswith("files/"), name))


def test_a_stick_is_good_for_weeks_and_refused_after_that(node: Node, time_machine: Any) -> None:
    made, root, tmp = node
    written = bundle.write(made, tmp / "a.tar")
    time_machine.move_to(clock.now() + timedelta(days=29))
    assert len(taken(tmp / "a.tar", root, tmp)) == 52
    assert timedelta(hours=23) < written.until - clock.now() < timedelta(days=2)
    time_machine.shift(timedelta(days=2))
    with pytest.raises(Frozen):
        taken(tmp / "a.tar", root, tmp)


def test_what_was_signed_for_a_stick_is_refused_on_a_line(node: Node) -> None:
    made, root, tmp = node
    bundle.write(made, tmp / "a.tar")
    shelf = Shelf(tmp / "r")
    with tarfile.open(tmp / "a.tar") as found:
        for member in found:
            if member.name.startswith("metadata/"):
                shelf.instead[member.name] = found.extractfile(member).read()  # type: ignore[union-attr]
    with following(shelf, tmp / "f", root) as follower:
        with pytest.raises(Frozen, match="signed for a stick"):
            follower.refresh()
        shelf.instead.clear()
        made.renew()
        assert bundle.write(made, tmp / "b.tar").size
        assert follower.refresh().offers[KEY].sequence == 2


def test_an_older_stick_after_a_newer_one_is_a_rollback(node: Node) -> None:
    made, root, tmp = node
    bundle.write(made, tmp / "old.tar")
    made.publish(ORGANISATION, delta(tmp / "w", 2, 3, said(1, seed=3)))
    bundle.write(made, tmp / "new.tar")
    assert len(taken(tmp / "new.tar", root, tmp)) == 53
    with pytest.raises(RolledBack):
        taken(tmp / "old.tar", root, tmp)


def test_the_same_stick_may_be_read_again(node: Node) -> None:
    made, root, tmp = node
    bundle.write(made, tmp / "a.tar")
    assert taken(tmp / "a.tar", root, tmp) == taken(tmp / "a.tar", root, tmp)


def test_a_stick_of_another_root_is_refused(node: Node) -> None:
    made, _, tmp = node
    bundle.write(made, tmp / "a.tar")
    with pytest.raises(TooFewSigned):
        taken(tmp / "a.tar", Keys().new_root(), tmp)


def test_a_changed_byte_anywhere_is_refused_or_changes_nothing(node: Node) -> None:
    made, root, tmp = node
    bundle.write(made, tmp / "a.tar", lists=["known"], have={("known", OTHER): 1})
    content = (tmp / "a.tar").read_bytes()
    expected = taken(tmp / "a.tar", root, tmp / "0")
    for place in range(0, len(content), 97):
        (tmp / "b.tar").write_bytes(content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :])
        try:
            found = taken(tmp / "b.tar", root, tmp / str(place))
        except HimayaError:
            continue
        assert found == expected


def test_a_stick_that_was_cut_anywhere_is_refused(node: Node) -> None:
    made, root, tmp = node
    bundle.write(made, tmp / "a.tar")
    content = (tmp / "a.tar").read_bytes()
    for end in range(0, len(content) - 1024, 512):
        (tmp / "b.tar").write_bytes(content[:end])
        with pytest.raises(BadBundle):
            taken(tmp / "b.tar", root, tmp / str(end))


def _tar(path: Path, *members: tuple[dict[str, Any], bytes], form: int = tarfile.USTAR_FORMAT) -> None:
    with tarfile.open(path, "w", format=form) as made:
        for about, content in members:
            info = tarfile.TarInfo(about.pop("name"))
            info.size = len(content)
            for name, value in about.items():
                setattr(info, name, value)
            made.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize(
    ("member", "why"),
    [
        ({"name": "../../etc/passwd"}, "is named"),
        ({"name": "/etc/passwd"}, "is named"),
        ({"name": "metadata/../x.json"}, "is named"),
        ({"name": "files/" + "A" * 64}, "is named"),
        ({"name": "checkpoint", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "no plain file"),
        ({"name": "checkpoint", "type": tarfile.LNKTYPE, "linkname": "x"}, "no plain file"),
        ({"name": "checkpoint", "type": tarfile.FIFOTYPE}, "no plain file"),
        ({"name": "metadata", "type": tarfile.DIRTYPE}, "no plain file"),
    ],
)
def test_a_part_that_leads_elsewhere_is_refused(tmp_path: Path, member: dict[str, Any], why: str) -> None:
    _tar(tmp_path / "a.tar", (dict(member), b""))
    with pytest.raises(BadBundle, match=why):
        taken(tmp_path / "a.tar", b"", tmp_path)


def test_twice_the_same_part_is_refused(tmp_path: Path) -> None:
    _tar(tmp_path / "a.tar", ({"name": "checkpoint"}, b"a"), ({"name": "checkpoint"}, b"b"))
    with pytest.raises(BadBundle, match="checkpoint twice"):
        taken(tmp_path / "a.tar", b"", tmp_path)


def test_too_large_a_checkpoint_and_too_many_parts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tar(tmp_path / "a.tar", ({"name": "checkpoint"}, bytes(70_000)))
    with pytest.raises(BadBundle, match="70000 bytes"):
        taken(tmp_path / "a.tar", b"", tmp_path)
    monkeypatch.setattr(bundle, "MAX_MEMBERS", 10)
    _tar(tmp_path / "a.tar", *(({"name": f"files/{n:064x}"}, b"") for n in range(11)))
    with pytest.raises(BadBundle, match="more than 10 parts"):
        taken(tmp_path / "a.tar", b"", tmp_path)


def test_extensions_of_tar_are_refused_unread(tmp_path: Path) -> None:
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        _tar(tmp_path / "a.tar", ({"name": "files/" + "é" * 150}, b""), form=form)
        with pytest.raises(BadBundle):
            taken(tmp_path / "a.tar", b"", tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0" * 511, b"x" * 5000, b"\x1f\x8b" + b"\0" * 2000])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(BadBundle):
        taken(tmp_path / "a.tar", b"", tmp_path)


def test_parts_that_are_larger_than_signed_are_refused_in_little_memory(node: Node) -> None:
    made, root, tmp = node
    bundle.write(made, tmp / "a.tar")

    def grown(wanted: Callable[[str], bool]) -> None:
        with tarfile.open(tmp / "a.tar") as found:
            parts = [(member.name, found.extractfile(member).read()) for member in found]  # type: ignore[union-attr]
        big = bytes(50_000_000)
        _tar(tmp / "b.tar", *(({"name": name}, big if wanted(name) else content) for name, content in parts))

    for wanted in (lambda name: name.endswith("timestamp.json"), lambda name: name.startswith("files/")):
        grown(wanted)
        tracemalloc.start()
        with pytest.raises(HimayaError) as caught:
            taken(tmp / "b.tar", root, tmp / "g")
        assert getattr(caught.value, "attack", "") == "endless-data"
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024**2
        tracemalloc.stop()


def test_a_file_of_a_stick_that_is_another_one_is_refused(node: Node) -> None:
    made, root, tmp = node
    bundle.write(made, tmp / "a.tar")
    with tarfile.open(tmp / "a.tar") as found:
        parts = [(member.name, found.extractfile(member).read()) for member in found]  # type: ignore[union-attr]
    shorter = [({"name": name}, content[:-1] if name.startswith("files/") else content) for name, content in parts]
    _tar(tmp / "b.tar", *shorter)
    with pytest.raises(FileChanged):
        taken(tmp / "b.tar", root, tmp)
