"""Archives: what lies in them is screened as any file is; hostile ones cost little and hide nothing else."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from tests.configured import configured
from tests.drawn import picture
from tests.program import Program
from tests.screening.archived import (
    PACKERS,
    encrypted,
    many_headers,
    nested,
    overlapping,
    special,
    tarred,
    zipped,
)
from tests.screening.conftest import KNOWN, OTHER, after_a_batch, counts, place

from himaya.cases.models import Case, Sighting
from himaya.screening.fingerprinting import EMPTY, LINK, NOT_A_FILE, TOO_LARGE
from himaya.screening.scanning import OtherOptions, Way, scan
from himaya.screening.sources import archives, walk
from himaya.screening.sources.archives import TOO_DEEP
from himaya.screening.sources.archives.members import DAMAGED, ENCRYPTED, METHOD, TOO_MANY, UNPACKS
from himaya.screening.sources.places import Most, Place
from himaya.screening.telling import CLOSED, LOOK_INTO

pytestmark = pytest.mark.django_db


def seen() -> list[str]:
    return sorted(Sighting.objects.values_list("place", flat=True))


def walked(path: Path, **more: int) -> list[Place]:
    return list(walk([os.fsencode(path)], into_archives=True, **more))


def reasons(path: Path, **more: int) -> Counter[str]:
    return Counter(place.skipped.reason for place in walked(path, **more) if place.skipped)


@pytest.mark.parametrize("pack", PACKERS)
def test_what_lies_in_a_tar_however_it_is_packed_is_screened(tmp_path: Path, listed: None, pack: str) -> None:
    place(tmp_path / "some.bin", tarred({"a/known.txt": KNOWN, "b.jpg": picture(1), "c": OTHER}, pack=pack))
    done = scan([str(tmp_path)], by="system")
    assert counts(done) == (4, 2, {}), "the archive is a file, too"
    assert seen() == [f"{tmp_path}/some.bin!/a/known.txt", f"{tmp_path}/some.bin!/b.jpg"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_lies_in_a_zip_is_screened(tmp_path: Path, listed: None, method: int) -> None:
    place(tmp_path / "box.cbz", zipped({"a/": b"", "a/known": KNOWN, "b.jpg": picture(1), "c": OTHER}, method=method))
    done = scan([str(tmp_path / "box.cbz")], by="system")
    assert counts(done) == (4, 2, {})
    assert seen() == [f"{tmp_path}/box.cbz!/a/known", f"{tmp_path}/box.cbz!/b.jpg"]


def test_an_archive_in_an_archive_is_looked_into_and_no_deeper_than_three(tmp_path: Path, listed: None) -> None:
    third = tarred({"known": KNOWN, "fourth.zip": zipped({"known": KNOWN})})
    place(tmp_path / "first.zip", zipped({"second.tgz": tarred({"third.tar": third}, pack="gz")}))
    done = scan([str(tmp_path)], by="system")
    assert counts(done) == (5, 1, {TOO_DEEP: 1})
    assert seen() == [f"{tmp_path}/first.zip!/second.tgz!/third.tar!/known"]


def test_archives_may_be_left_closed(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "box.zip", zipped({"known": KNOWN}))
    done = scan([str(tmp_path)], by="system", way=Way(archives=False))
    assert (counts(done), done.limited) == ((1, 0, {}), {CLOSED: 1})


def test_an_archive_that_was_looked_into_lacks_nothing_and_whatever_stayed_closed_is_told(
    tmp_path: Path, listed: None
) -> None:
    pictures = tarred({"a.jpg": picture(1)}, pack="gz")
    place(tmp_path / "box.zip", zipped({"inner.tgz": pictures, "a.jpg.gz": gzip.compress(picture(1))}))
    done = scan([str(tmp_path)], by="system")
    assert (counts(done), done.limited) == ((4, 1, {}), {CLOSED: 1}), "what is packed alone is not unpacked"


@pytest.mark.parametrize("pack", PACKERS)
def test_whoever_screens_an_archive_by_itself_is_told_that_it_stayed_closed(listed: None, pack: str) -> None:
    [told] = Program("screen").upload(tarred({"known": KNOWN}, pack=pack), names=["box.tar"]).json()["answers"]
    assert told["matches"] == []
    assert told["problems"] == [{"signal": name, "why": LOOK_INTO} for name in ("pdq", "vpdq")]


def test_a_packed_file_that_is_no_tar_is_one_file(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "a.gz", gzip.compress(KNOWN))
    assert counts(scan([str(tmp_path)], by="system")) == (1, 0, {})


# --- what is skipped -------------------------------------------------------------------------------------------------


def test_what_is_no_file_in_a_tar_is_counted_with_its_reason(tmp_path: Path, listed: None) -> None:
    more = [special("l", tarfile.SYMTYPE, "/etc/passwd"), special("h", tarfile.LNKTYPE, "known"),
            special("d", tarfile.BLKTYPE), special("p", tarfile.FIFOTYPE), special("dir", tarfile.DIRTYPE)]  # fmt: skip
    place(tmp_path / "a.tar", tarred({"known": KNOWN, "empty": b""}, more=more))
    done = scan([str(tmp_path)], by="system")
    assert counts(done) == (2, 1, {LINK: 2, NOT_A_FILE: 2, EMPTY: 1})


def test_what_is_no_file_in_a_zip_is_counted_with_its_reason(tmp_path: Path, listed: None) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("packed", b"x" * 50, zipfile.ZIP_LZMA)
        archive.writestr("known", KNOWN)
    place(tmp_path / "a.zip", out.getvalue())
    place(tmp_path / "b.zip", encrypted(zipped({"known": KNOWN, "other": OTHER})))
    assert counts(scan([str(tmp_path)], by="system")) == (3, 1, {LINK: 1, METHOD: 1, ENCRYPTED: 2})


def test_a_member_larger_than_a_file_may_be_is_skipped_and_a_large_archive_is_still_looked_into(
    tmp_path: Path, listed: None
) -> None:
    for name, packed in (("a.zip", zipped), ("b.tgz", lambda contents: tarred(contents, pack="gz"))):
        place(
            tmp_path / name, packed({"large": bytes(9000), "known": KNOWN, "noise": random.Random(1).randbytes(8000)})
        )
    with configured(max_file_bytes=8192):
        done = scan([str(tmp_path)], by="system")
    assert counts(done) == (4, 2, {TOO_LARGE: 4}), "two large members, two archives"


@pytest.mark.parametrize("name", ["\x1b[31mred", "new\nline", "../../etc/x", "/etc/x", "x" * 5000, "صورة"])
def test_strange_names_are_shown_and_never_opened(tmp_path: Path, listed: None, name: str) -> None:
    place(tmp_path / "a.tar", tarred({name: KNOWN}))
    place(tmp_path / "b.zip", zipped({name: KNOWN}))
    assert scan([str(tmp_path)], by="system").hits == 2
    assert len(seen()) == 2
    assert all(told.isprintable() for told in seen())
    assert len(list(tmp_path.rglob("*"))) == 2, "nothing was unpacked"


def test_a_name_with_a_nul_in_it_is_shown_whole(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "b.zip", zipped({"known-name": KNOWN}).replace(b"known-name", b"known\0name"))
    assert scan([str(tmp_path)], by="system").hits == 1
    assert seen() == [f"{tmp_path}/b.zip!/known\\x00name"]


def test_a_member_whose_name_begins_with_a_nul_is_screened_as_any(tmp_path: Path, listed: None) -> None:
    place(tmp_path / "b.zip", zipped({"known-name": KNOWN}).replace(b"known-name", b"\0nown-name"))
    assert scan([str(tmp_path)], by="system").hits == 1


# --- what is damaged -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKERS)
def test_of_an_archive_that_breaks_off_what_is_whole_is_screened_and_the_rest_reported(
    tmp_path: Path, listed: None, pack: str
) -> None:
    noise = random.Random(1).randbytes(3_000_000)
    whole = tarred({"known": KNOWN, "noise": noise, "after": OTHER}, pack=pack)
    place(tmp_path / "a.tar", whole[: len(whole) // 2])
    done = scan([str(tmp_path)], by="system")
    assert (done.files, done.hits) == (2, 1) or pack == "bz2"  # whose blocks are large: the first one is cut
    assert done.skipped[DAMAGED] >= 1
    assert set(done.skipped) == {DAMAGED}


def test_a_tar_with_a_header_that_is_none_is_reported(tmp_path: Path, listed: None) -> None:
    content = bytearray(tarred({"known": KNOWN, "b": OTHER, "c": OTHER}))
    content[1024:1100] = b"\xff" * 76
    place(tmp_path / "a.tar", bytes(content))
    assert counts(scan([str(tmp_path)], by="system")) == (2, 1, {DAMAGED: 1})


def test_of_a_zip_with_a_damaged_member_the_others_are_screened(tmp_path: Path, listed: None) -> None:
    content = zipped({"a": b"to be damaged", "known": KNOWN}, method=zipfile.ZIP_STORED)
    place(tmp_path / "a.zip", content.replace(b"to be damaged", b"to be dAmaged", 1))
    assert counts(scan([str(tmp_path)], by="system")) == (2, 1, {DAMAGED: 1})


@pytest.mark.parametrize("seed", range(3))
def test_archives_with_changed_bytes_never_end_a_scan(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    makes = [lambda: zipped({"a": KNOWN, "b.zip": zipped({"c": OTHER})})]
    makes += [lambda pack=pack: tarred({"a": KNOWN, "b": OTHER * 500, "c": KNOWN}, pack=pack) for pack in PACKERS]
    for number, make in enumerate(makes * 15):
        content = bytearray(make())
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(8, len(content))] = chance.randrange(256)
        place(tmp_path / f"{number}", bytes(content))
    found = walked(tmp_path)
    assert sum(len(p.position[1]) == 1 for p in found) == 15 * len(makes)
    assert {p.skipped.reason for p in found if p.skipped} >= {DAMAGED}


# --- what is hostile -------------------------------------------------------------------------------------------------

LEAST_BYTES, MEMBERS = 32_000_000, 20_000
"""Limits of these tests: an eighth and a fifth of the true ones, as bombs take time to make."""
BOMBS = {
    "one large member": lambda: zipped({"zeros": bytes(50_000_000)}),
    "the same bytes under many names": lambda: overlapping(50_000, size=7_000_000),
    "zips in zips": lambda: nested(3, 16, size=3_000_000),
    "a packed tar of zeros": lambda: tarred({f"{n}": bytes(5_000_000) for n in range(10)}, pack="gz"),
    "a packed tar of zeros, by xz": lambda: tarred({f"{n}": bytes(5_000_000) for n in range(10)}, pack="xz"),
    "a packed tar of headers": lambda: gzip.compress(many_headers(40_000)),
    "a tar of many files": lambda: gzip.compress(tarred({"a": b""})[:512] * 50_000),
    "a packed file of zeros": lambda: gzip.compress(bytes(50_000_000)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little_and_what_comes_after_it_is_screened(
    tmp_path: Path, bomb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LEAST_BYTES", LEAST_BYTES)
    monkeypatch.setattr(archives, "MEMBERS", MEMBERS)
    place(tmp_path / "a", BOMBS[bomb]())
    place(tmp_path / "b.zip", zipped({"after": OTHER}))
    began, held, found = time.process_time(), 0, Counter[str]()
    last = b""
    for one in walk([os.fsencode(tmp_path)], into_archives=True, most=Most(8_000_000, 2**32)):
        held += one.size if one.member else 0
        found[one.skipped.reason if one.skipped else ""] += 1
        last = one.path
    took = time.process_time() - began
    assert last.endswith(b"b.zip!/after")
    assert held <= max(LEAST_BYTES, archives.RATIO * (tmp_path / "a").stat().st_size)
    assert found[""] <= MEMBERS + 3
    assert set(found) - {""} <= {TOO_LARGE, UNPACKS, TOO_MANY, DAMAGED, TOO_DEEP}
    assert set(found) > {""} or bomb == "a packed file of zeros", "it is not passed over in silence"
    assert took < 4


def test_more_members_than_are_read_are_one_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBERS", 3)
    place(tmp_path / "a.zip", zipped({f"{n}": b"%d" % n for n in range(9)}))
    place(tmp_path / "b.tar", tarred({f"{n}": b"%d" % n for n in range(9)}))
    assert reasons(tmp_path) == {TOO_MANY: 2}
    assert len(walked(tmp_path)) == 2 * (1 + 3 + 1)


def test_what_archives_within_an_archive_unpack_to_counts_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LEAST_BYTES", 100_000)
    inner = zipped({"a": bytes(40_000)})
    place(tmp_path / "a.zip", zipped({f"{n}.zip": inner for n in range(4)}, method=zipfile.ZIP_STORED))
    assert reasons(tmp_path) == {UNPACKS: 2}, "the member that was too much, and the archive that is left there"
    place(tmp_path / "a.zip", zipped({"0.zip": inner}, method=zipfile.ZIP_STORED))
    assert reasons(tmp_path) == {}


# --- going on --------------------------------------------------------------------------------------------------------


def test_a_scan_that_is_stopped_after_any_member_goes_on_behind_it(
    tmp_path: Path, listed: None, small_batches: None
) -> None:
    inner = zipped({f"{n}": KNOWN for n in range(3)})
    place(tmp_path / "a" / "box.zip", zipped({"1": KNOWN, "in.zip": inner, "2": KNOWN}))
    place(tmp_path / "a" / "z", KNOWN)
    place(tmp_path / "b.tgz", tarred({"1": KNOWN, "in.zip": inner, "2": KNOWN}, pack="gz"))
    done = scan([str(tmp_path)], by="system", **after_a_batch())
    while not done.finished:
        done = scan([str(tmp_path)], by="system", resume=True, **after_a_batch())
    assert counts(done) == (15, 11, {})
    assert Case.objects.get().sightings == len(seen()) == 11


def test_a_scan_goes_on_into_archives_as_it_began(tmp_path: Path, listed: None, small_batches: None) -> None:
    for name in ("a.zip", "b.zip", "c.zip"):
        place(tmp_path / name, zipped({"known": KNOWN}))
    scan([str(tmp_path)], by="system", way=Way(archives=False), **after_a_batch())
    with pytest.raises(OtherOptions, match="was begun with --archives no; asked for is yes"):
        scan([str(tmp_path)], by="system", way=Way(archives=True), resume=True)
    assert counts(scan([str(tmp_path)], by="system", resume=True)) == (3, 0, {})
