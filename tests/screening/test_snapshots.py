"""The files of the lists in memory: shared, followed by what came after, and never the cause of a wrong answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.screening.on_lists import MD5, SCENES, away, distances, film, known, set_back

from himaya.core import faults, files, frames, search
from himaya.core.search import BadIndexFile
from himaya.lists.models import Body, Item, Revision, Statement
from himaya.lists.services import mark_item
from himaya.screening import keeping, live, snapshots

pytestmark = pytest.mark.django_db
SIGNALS = ["md5", "pdq", "vpdq"]
ALL = [0, 1, 2, 3, 7, 8]
"""The distances of all that is ``written``."""


@pytest.fixture
def written() -> None:
    """Files of every kind, and two items that came after them."""
    known(away(1), away(2))
    known(MD5, signal="md5")
    known(film(7), signal="vpdq")
    for signal in SIGNALS:
        live.merge(signal)
    known(away(3))
    known(film(8), signal="vpdq")
    live.forget()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """From which revision on each signal was read from the database."""
    seen: list[tuple[str, int]] = []
    real = live.lists.matching_since

    def matching_since(number: int, *, signal: str) -> Iterator[Any]:
        seen.append((signal, number))
        return real(number, signal=signal)

    monkeypatch.setattr(live.lists, "matching_since", matching_since)
    return seen


def test_a_file_gives_the_state_that_it_was_written_at_and_the_database_the_rest(
    written: None, reads: list[tuple[str, int]]
) -> None:
    assert distances() == ALL
    assert {signal for signal, number in reads if number} == set(SIGNALS)
    view = live.view()
    assert (view.beside["pdq"], len(view.near["pdq"])) == (1, 3)
    assert (view.beside["vpdq"], len(view.frames["vpdq"])) == (4, 8)


@pytest.mark.parametrize("signal", ["pdq", "vpdq"])
def test_writing_a_file_takes_in_what_lay_beside_it(written: None, signal: str) -> None:
    live.merge(signal)
    assert live.view().beside[signal] == 0
    assert distances() == ALL
    live.forget()
    assert live.view().beside[signal] == 0
    assert distances() == ALL


def test_what_was_withdrawn_after_a_file_was_written_does_not_match(written: None) -> None:
    mark_item(Item.objects.get(value=away(1)).pk, state="withdrawn", by="system", reason="Not what it seemed.")
    mark_item(Item.objects.get(value=MD5).pk, state="withdrawn", by="system", reason="Not what it seemed.")
    [video] = known(film(7), signal="vpdq")
    mark_item(video.pk, state="withdrawn", by="system", reason="Not what it seemed.")
    assert distances() == [2, 3, 8]
    assert (len(live.view().near["pdq"]), len(live.view().frames["vpdq"])) == (2, 4)


@pytest.mark.parametrize("damage", ["flipped header", "cut", "foreign", "empty", "of another signal"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_a_damaged_or_foreign_file_is_passed_over_and_written_anew(
    written: None, signal: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = snapshots.path(signal)
    content = bytearray(file.read_bytes())
    if damage == "flipped header":
        content[9] ^= 1
    elif damage == "cut":
        del content[-1:]
    elif damage == "foreign":
        content = bytearray(b"something else altogether" * 500)
    elif damage == "empty":
        content = bytearray()
    else:
        content = bytearray(snapshots.path(next(s for s in SIGNALS if s != signal)).read_bytes())
    file.unlink()
    file.write_bytes(content)
    assert distances() == ALL
    assert "read from the database instead" in caplog.text
    live.merge(signal)
    live.forget()
    caplog.clear()
    assert distances() == ALL
    assert caplog.text == ""


@pytest.mark.parametrize("signal", ["pdq", "vpdq"])
def test_a_file_in_the_place_of_another_of_its_kind_is_passed_over(
    written: None, signal: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = snapshots.path("vpdq" if signal == "pdq" else "pdq").read_bytes()
    snapshots.path(signal).unlink()
    snapshots.path(signal).write_bytes(other)
    assert distances() == ALL
    assert f"{signal}.index belongs to another" in caplog.text


@pytest.mark.parametrize("signal", ["md5", "vpdq"])
def test_damage_inside_of_a_file_is_found_by_reading_it_whole_and_the_file_put_away(written: None, signal: str) -> None:
    file = snapshots.path(signal)
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    assert [error.facts["path"] for error in keeping.check()] == [file]
    assert not file.exists()
    assert keeping.check() == []
    assert distances() == ALL


@pytest.mark.parametrize("signal", ["pdq", "vpdq"])
def test_a_file_of_a_database_whose_past_is_another_one_is_passed_over(
    written: None, signal: str, reads: list[tuple[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    file = snapshots.path(signal)
    opened = search.open(file)
    note = json.loads(opened.note)
    note["entry"][1] = "0" * 64
    opened.save(file, json.dumps(note).encode())
    assert distances() == ALL
    assert (signal, 0) in reads
    assert "another database" in caplog.text


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize(("signal", "value"), [("pdq", away(4)), ("vpdq", film(9))])
def test_a_file_that_is_ahead_of_a_restored_database_is_passed_over(
    written: None, signal: str, value: str, running: bool
) -> None:
    [last] = known(value, signal=signal)
    live.merge(signal)
    assert len(distances()) == len(ALL) + 1
    if not running:
        live.forget()
    with set_back():
        Body.objects.filter(item=last).delete()
        Statement.objects.filter(item=last).delete()
        Item.objects.filter(pk=last.pk).delete()
    Revision.objects.filter(pk=last.revision).delete()
    assert distances() == ALL
    assert len(live.view().frames["vpdq"]) == 8


@pytest.mark.parametrize(("signal", "beside", "after"), [("pdq", 1, 3), ("vpdq", 4, 8)])
def test_a_new_file_of_another_process_is_opened(written: None, signal: str, beside: int, after: int) -> None:
    here, there = live.Live(), live.Live()
    assert here.view().beside[signal] == beside
    there.merge(signal)
    view = here.view()
    assert (view.beside[signal], len(view.parts[signal])) == (0, after)


def test_a_file_that_is_ahead_of_a_process_is_opened_as_well(
    written: None, reads: list[tuple[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = live.Live(), live.Live()
    here.view()
    known(away(4))
    there.merge("pdq")
    reads.clear()
    view = here.view()
    assert (view.beside["pdq"], len(view.near["pdq"])) == (0, 4)
    assert ("pdq", 0) not in reads
    assert caplog.text == ""


def test_what_cannot_be_read_back_does_not_take_the_place_of_the_file(
    written: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = snapshots.path("pdq").read_bytes(), files.replace

    def worn_out(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
        whole = bytearray(b"".join(map(bytes, chunks)))
        whole[-1] ^= 1
        real(path, [whole])

    monkeypatch.setattr(files, "replace", worn_out)
    with pytest.raises(BadIndexFile):
        live.merge("pdq")
    assert snapshots.path("pdq").read_bytes() == before
    assert distances() == ALL


def test_what_a_killed_process_left_half_written_is_removed(written: None) -> None:
    left = [snapshots.directory() / name for name in (".pdq.index.x7", ".pdq.new", "..pdq.new.abc")]
    for file in left:
        file.write_bytes(b"half")
    assert keeping.check() == []
    assert not [file for file in left if file.exists()]
    assert distances() == ALL


@pytest.mark.parametrize("signal", ["pdq", "vpdq"])
def test_a_merge_that_ends_before_its_time_leaves_the_file_that_was_there(written: None, signal: str) -> None:
    before = snapshots.path(signal).read_bytes()
    faults.arm("files.replace:raise")
    with pytest.raises(faults.InjectedFault):
        live.merge(signal)
    faults.arm("")
    assert snapshots.path(signal).read_bytes() == before
    assert sorted(path.name for path in snapshots.directory().iterdir()) == [f"{one}.index" for one in SIGNALS]
    assert distances() == ALL


def test_files_are_written_once_enough_has_changed(written: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keeping.due(live.view()) == []
    monkeypatch.setattr(keeping, "SMALL", 0)
    monkeypatch.setattr(keeping, "SHARE", 0.1)
    assert keeping.due(live.view()) == []
    monkeypatch.setattr(keeping, "OLD", 0.0)
    assert keeping.due(live.view()) == ["pdq", "vpdq"]
    assert keeping.keep()
    assert live.view().beside == {**live.view().beside, "pdq": 0, "vpdq": 0}


def test_a_file_that_is_gone_is_written_anew_however_few_items_it_held(written: None) -> None:
    snapshots.path("md5").unlink()
    assert keeping.due(live.view()) == ["md5"]
    assert keeping.keep()
    assert snapshots.path("md5").exists()
    assert keeping.due(live.view()) == []


def test_small_lists_need_no_file_unless_one_was_put_away() -> None:
    known(away(1))
    assert keeping.due(live.view()) == []
    live.merge("pdq")
    file = snapshots.path("pdq")
    file.write_bytes(file.read_bytes()[:-1])
    with keeping.locked():
        [error] = keeping.check()
        assert keeping.check() == []
    assert str(file) in str(error)
    assert not file.exists()
    assert keeping.due(live.view()) == ["pdq"]
    assert keeping.keep()
    assert file.exists()
    assert keeping.due(live.view()) == []


def test_the_frames_of_a_video_come_and_go_with_it_and_others_stay() -> None:
    """One in three of these frames counts: of the rest one has no detail, one is like another."""
    scenes = [(SCENES[0], 100), (SCENES[1], frames.FLOOR - 1), (SCENES[0], 100)]
    poor = json.dumps([f"{value},{quality},{n}.000" for n, (value, quality) in enumerate(scenes)])
    [item] = known(poor, signal="vpdq")
    known(film(5), film(6), signal="vpdq")
    assert len(live.view().frames["vpdq"]) == 9
    for state, rows in (("withdrawn", 8), ("disputed", 9), ("active", 9), ("withdrawn", 8)):
        mark_item(item.pk, state=state, by="system", reason="A test.")
        assert len(live.view().frames["vpdq"]) == rows
    assert distances() == [5, 6]


def test_new_terms_of_a_video_read_its_frames_no_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    [item] = known(film(5), signal="vpdq")
    live.view()
    asked: list[Any] = []
    monkeypatch.setattr(live.lists, "bodies_by_id", asked.append)
    mark_item(item.pk, state="disputed", by="system", reason="A test.")
    assert live.view().beside["vpdq"] == 4
    assert asked == []


def test_one_process_of_a_machine_writes(written: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "SMALL", 0)
    with keeping.locked() as ours:
        assert ours
        assert not keeping.keep()
    assert keeping.keep()
