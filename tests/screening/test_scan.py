"""Scans of folders as they are found: everything is looked at once, or counted with the reason why not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.configured import configured
from tests.decoding import Decoding
from tests.drawn import flat, picture, truncated
from tests.screening.conftest import KNOWN, OTHER, after_a_batch, counts, place

from himaya.cases.models import Case, Sighting
from himaya.core import files
from himaya.core.ports import ItemRow
from himaya.ledger.models import Entry
from himaya.lists.services import UnknownList, add_items, change_list, create_list
from himaya.screening.fingerprinting import CRASHED, EMPTY, LINK, NOT_A_FILE, TOO_LARGE, UNREADABLE, VANISHED
from himaya.screening.models import Scan
from himaya.screening.queries import tally
from himaya.screening.roots import NoSuchPath, UnreadablePath
from himaya.screening.scanning import NothingToResume, OtherLists, Way, scan
from himaya.screening.telling import NO_PICTURE

pytestmark = pytest.mark.django_db

# --- what is found in folders ----------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_counted_with_its_reason(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "known.txt", KNOWN)
    place(tmp_path / "empty.jpg", b"")
    place(tmp_path / "large.bin", bytes(5000))
    os.mkfifo(tmp_path / "pipe")
    for name, target in (("out", "/etc"), ("file", tmp_path / "known.txt"), ("dead", "nowhere"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
    with configured(max_file_bytes=4096):
        done = scan([str(tmp_path)], by="system")
    assert counts(done) == (1, 1, {EMPTY: 1, TOO_LARGE: 1, NOT_A_FILE: 1, LINK: 4})
    assert done.finished
    assert Scan.objects.get().counts == done.as_json()
    told = {name: n for name, n in tally().items() if n}
    assert told == {"screened": 1, "screened.hits": 1, "screened.skipped": 7, "scans": 1}


def test_a_file_is_what_it_holds_whatever_it_is_called(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "picture.txt", picture(1, "PNG"))
    place(tmp_path / "text.jpg", KNOWN)
    done = scan([str(tmp_path)], by="system")
    assert counts(done) == (2, 2, {})
    assert sorted(Case.objects.values_list("media_type", flat=True)) == ["application/octet-stream", "image/png"]


def test_files_that_could_be_compared_exactly_alone_are_counted_with_the_reason(tmp_path: Path) -> None:
    place(tmp_path / "cut.jpg", truncated(picture(1)))
    place(tmp_path / "flat.png", flat())
    place(tmp_path / "text.txt")
    place(tmp_path / "whole.jpg", picture(2))
    done = scan([str(tmp_path)], by="system")
    assert counts(done) == (4, 0, {})
    assert done.limited == {"it is cut off": 1, "too little detail": 1, NO_PICTURE: 1}


def test_a_picture_that_ends_every_decoder_is_found_by_its_digests_and_counted_as_limited(
    tmp_path: Path, decoding: Decoding
) -> None:
    decoding("fingerprinting.decode:kill")
    rows = [ItemRow(0, "md5", hashlib.md5(picture(1)).hexdigest())]
    add_items(create_list("hotline", by="system"), rows=rows, by="system")
    for name, content in (("known.jpg", picture(1)), ("other.jpg", picture(2)), ("text.txt", OTHER)):
        place(tmp_path / "folder" / name, content)
    done = scan([str(tmp_path / "folder")], by="system", way=Way(report=tmp_path / "a.jsonl"))
    assert counts(done) == (3, 1, {})
    assert done.limited == {CRASHED: 2, NO_PICTURE: 1}
    assert Scan.objects.get().counts == done.as_json()
    assert Sighting.objects.get().place == str(tmp_path / "folder" / "known.jpg")
    told = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(one["limited"], one["skipped"]) for one in told] == [([CRASHED], None)] * 2 + [([NO_PICTURE], None)]


def test_a_file_whose_decoder_was_ended_by_something_else_is_read_again(
    tmp_path: Path, listed: None, decoding: Decoding
) -> None:
    """A child is given several files of a call: the second time it has no other file before this one."""
    decoding("fingerprinting.decode:kill@3")
    for number in range(3):
        place(tmp_path / f"{number}.jpg", picture(1) + b"%d" % number)
    done = scan([str(tmp_path)], by="system")
    assert counts(done) == (3, 3, {})
    assert done.limited == {}


def test_names_that_are_no_text_are_places_like_others(tmp_path: Path, listed: None, small_batches: None) -> None:
    names = [b"\xff\xfe.txt", b"new\nline", b"back\\slash", b"\\xff", "صورة".encode(), b"tab\t\x7f"]
    for name in names:
        place(os.fsencode(tmp_path) + b"/\xfa folder/" + name, KNOWN)
    done = scan([str(tmp_path)], by="system")
    assert counts(done) == (6, 6, {})
    assert Case.objects.get().sightings == 6
    places = set(Sighting.objects.values_list("place", flat=True))
    assert len(places) == 6, "each can be told from the others"
    assert f"{tmp_path}/\\udcfa folder/\\udcff\\udcfe.txt" in places


def test_a_root_is_written_as_other_places_are(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path) + b"/back\\slash \xfa\n"
    os.mkdir(root)
    with pytest.raises(NothingToResume) as refused:
        scan([os.fsdecode(root)], by="system", resume=True)
    assert f"scan of {tmp_path}/back\\slash \\udcfa\\n is known" in str(refused.value)


@pytest.fixture
def abyss(tmp_path: Path) -> Iterator[Path]:
    """A folder in a folder, and so on: deeper than Python calls itself."""
    path = tmp_path / "abyss"
    for _ in range(1200):
        path.mkdir()
        path = path / "d"
    place(path.parent / "bottom", KNOWN)
    yield tmp_path / "abyss"
    subprocess.run(["rm", "-rf", tmp_path / "abyss"], check=True)


def test_folders_may_lie_as_deep_as_the_system_lets_them(abyss: Path, listed: None) -> None:
    assert counts(scan([str(abyss)], by="system")) == (1, 1, {})


def test_a_path_that_is_too_long_is_counted_and_the_rest_is_scanned(tmp_path: Path, listed: None) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=here)
        deeper = os.open("x" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    place(tmp_path / "y", KNOWN)
    done = scan([str(tmp_path)], by="system")
    assert counts(done) == (1, 1, {UNREADABLE: 1})
    subprocess.run(["rm", "-rf", tmp_path / ("x" * 250)], check=True)


def test_what_vanishes_while_the_scan_goes_on_is_counted_as_that(
    tmp_path: Path, listed: None, small_batches: None
) -> None:
    for name in ("a", "b", "c", "d"):
        place(tmp_path / name, KNOWN)
    place(tmp_path / "e" / "f", KNOWN)

    def remove(*_: Any) -> None:
        (tmp_path / "d").unlink(missing_ok=True)
        shutil.rmtree(tmp_path / "e", ignore_errors=True)

    done = scan([str(tmp_path)], by="system", on_batch=remove)
    assert counts(done) == (3, 3, {VANISHED: 2})


# --- what is asked for -----------------------------------------------------------------------------------------------


def test_several_roots_files_and_folders_are_one_scan(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "a" / "1", KNOWN)
    place(tmp_path / "b" / "2", KNOWN)
    place(tmp_path / "c", OTHER)
    done = scan([str(tmp_path / name) for name in "abc"], by="system")
    assert counts(done) == (3, 2, {})
    assert Scan.objects.count() == 1


@pytest.mark.parametrize("order", [(".", "a", "a/1", "a", "ab"), ("a/1", "ab", "a", ".", ".")])
def test_roots_that_overlap_do_not_count_twice(tmp_path: Path, listed: None, order: tuple[str, ...]) -> None:
    place(tmp_path / "a" / "1", KNOWN)
    place(tmp_path / "ab" / "2", KNOWN)
    done = scan([str(tmp_path / name) for name in order], by="system")
    assert counts(done) == (2, 2, {})


def test_roots_whose_names_begin_alike_do_not_overlap(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "a" / "1", KNOWN)
    place(tmp_path / "ab" / "2", KNOWN)
    assert counts(scan([str(tmp_path / "ab"), str(tmp_path / "a")], by="system")) == (2, 2, {})


def test_a_root_that_is_a_link_is_meant_by_whoever_names_it(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "there" / "1", KNOWN)
    (tmp_path / "link").symlink_to("there")
    assert counts(scan([str(tmp_path / "link"), str(tmp_path / "there")], by="system")) == (1, 1, {})
    assert Sighting.objects.get().place == str(tmp_path / "there" / "1")


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("{}/nowhere", NoSuchPath, "no file or folder .*nowhere"),
        ("{}/file/below", NoSuchPath, "no file or folder"),
        ("{}/nul\0", NoSuchPath, r"no file or folder .*nul\\x00"),
        ("{}/loop", UnreadablePath, "loop.* cannot be read"),
        ("{}/" + "x" * 300, UnreadablePath, "File name too long"),
    ],
)
def test_a_path_that_cannot_be_scanned_is_refused_in_words_and_nothing_is_begun(
    tmp_path: Path, path: str, error: type[Exception], words: str
) -> None:
    place(tmp_path / "file")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(error, match=words):
        scan([str(tmp_path), path.format(tmp_path)], by="system")
    assert not Scan.objects.exists()
    assert not Entry.objects.exists()


def test_only_the_lists_that_were_named_are_looked_in(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "1", KNOWN)
    create_list("other", by="system")
    assert scan([str(tmp_path)], by="system", lists=["other"]).hits == 0
    assert scan([str(tmp_path)], by="system", lists=["other", "hotline"]).hits == 1
    with pytest.raises(UnknownList, match="nobody"):
        scan([str(tmp_path)], by="system", lists=["nobody"])
    assert Scan.objects.count() == 2


# --- going on --------------------------------------------------------------------------------------------------------


def test_a_scan_that_is_stopped_goes_on_where_it_was(tmp_path: Path, listed: None, small_batches: None) -> None:
    for number in range(7):
        place(tmp_path / f"{number % 2}" / f"{number}", KNOWN)
    stopped = scan([str(tmp_path)], by="system", **after_a_batch())
    assert (stopped.files, stopped.finished, Scan.objects.get().state) == (2, False, "stopped")
    done = scan([str(tmp_path)], by="system", resume=True)
    assert (done.scan, done.finished) == (stopped.scan, True)
    assert counts(done) == (7, 7, {})
    assert Case.objects.get().sightings == 7
    acts = [entry.act for entry in Entry.objects.filter(about=f"scan:{done.scan}").order_by("seq")]
    assert acts == ["scan.started", "scan.stopped", "scan.finished"]
    with pytest.raises(NothingToResume, match=str(tmp_path)):
        scan([str(tmp_path)], by="system", resume=True)


def test_a_scan_goes_on_in_the_lists_in_which_it_began_and_refuses_others(
    tmp_path: Path, listed: None, small_batches: None
) -> None:
    for name in "abcd":
        place(tmp_path / name, KNOWN)
    for name in ("empty", "void"):
        create_list(name, by="system")
    begun = scan([str(tmp_path)], by="system", lists=["empty", "void"], **after_a_batch())
    for other in (["hotline"], ["empty"], ["empty", "void", "hotline"]):
        with pytest.raises(OtherLists, match=f"Scan {begun.scan}, .* looks in empty, void; asked for is {other[0]}"):
            scan([str(tmp_path)], by="system", lists=other, resume=True)
    assert Scan.objects.get().state == "stopped"
    again = scan([str(tmp_path)], by="system", lists=["void", "empty"], resume=True, **after_a_batch())
    done = scan([str(tmp_path)], by="system", resume=True)
    assert (again.scan, done.scan, done.hits, done.files) == (begun.scan, begun.scan, 0, 4)


def test_of_two_unfinished_scans_the_one_in_the_same_lists_goes_on(
    tmp_path: Path, listed: None, small_batches: None
) -> None:
    for name in "abcd":
        place(tmp_path / name, KNOWN)
    narrow = scan([str(tmp_path)], by="system", lists=["hotline"], **after_a_batch())
    wide = scan([str(tmp_path)], by="system", **after_a_batch())
    assert scan([str(tmp_path)], by="system", lists=["hotline"], resume=True).scan == narrow.scan
    with pytest.raises(OtherLists, match="looks in every list; asked for is hotline"):
        scan([str(tmp_path)], by="system", lists=["hotline"], resume=True)
    assert scan([str(tmp_path)], by="system", resume=True).scan == wide.scan


def test_other_paths_are_no_scan_to_go_on_with_and_those_that_are_there_are_named(
    tmp_path: Path, listed: None, small_batches: None
) -> None:
    for name in ("a/1", "a/2", "a/3", "b/1"):
        place(tmp_path / name, KNOWN)
    begun = scan([str(tmp_path / "a")], by="system", **after_a_batch())
    for others in (["b"], ["a", "b"], ["."]):
        with pytest.raises(NothingToResume, match=f"unfinished: scan {begun.scan} of {tmp_path}/a"):
            scan([str(tmp_path / name) for name in others], by="system", resume=True)


def test_a_folder_that_cannot_be_listed_counts_once_however_often_the_scan_goes_on(
    tmp_path: Path, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1", "b/2", "c/3", "d/4"):
        place(tmp_path / name)
    listing = files.listing

    def refuse(path: bytes, **more: Any) -> list[tuple[bytes, int]]:
        if path.endswith(b"/b"):
            raise PermissionError(13, "Permission denied")
        return listing(path, **more)

    monkeypatch.setattr(files, "listing", refuse)
    done = scan([str(tmp_path)], by="system", **after_a_batch())
    while not done.finished:
        done = scan([str(tmp_path)], by="system", resume=True, **after_a_batch())
    assert done.files == 3
    assert done.skipped.total() == 1


def test_the_same_scan_again_is_another_sighting_and_no_other_case(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "1", KNOWN)
    first, second = scan([str(tmp_path)], by="system"), scan([str(tmp_path)], by="system")
    assert first.cases == second.cases
    assert Case.objects.get().sightings == 2


def test_a_list_that_changes_during_a_scan_holds_from_the_next_batch(
    tmp_path: Path, listed: None, small_batches: None
) -> None:
    for number in range(4):
        place(tmp_path / str(number), KNOWN)
    done = scan([str(tmp_path)], by="system", on_batch=lambda *_: change_list("hotline", by="system", enabled=False))
    assert counts(done) == (4, 2, {})


def test_a_scan_in_lists_that_are_switched_off_says_that_nothing_can_match(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "known.txt", KNOWN)
    create_list("other", by="system")
    change_list("hotline", by="system", enabled=False)
    said: list[str] = []
    for names in ([], ["other"], ["hotline"]):
        done = scan([str(tmp_path)], by="system", lists=names, on_nothing=said.append, stop=lambda: True)
        assert not done.finished
    scan([str(tmp_path)], by="system", resume=True, lists=["hotline"], on_nothing=said.append)
    empty, off = "no list to look in has an item that can match", "every list to look in is switched off"
    assert said == [empty, empty, off, off]
    change_list("hotline", by="system", enabled=True)
    scan([str(tmp_path)], by="system", on_nothing=lambda why: pytest.fail(why))
