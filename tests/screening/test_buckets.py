"""Buckets: the same scan as of a folder, against a real server."""

from __future__ import annotations

import gc
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from tests import filmed
from tests.configured import configured
from tests.drawn import picture
from tests.s3 import KEYS, Store
from tests.screening.archived import tarred, zipped
from tests.screening.conftest import KNOWN, OTHER, after_a_batch, counts, place

from himaya.cases.models import Case, Sighting
from himaya.core.buckets import BucketRefused, NotABucket, client
from himaya.core.contents import HEAD
from himaya.core.ports import ItemRow
from himaya.lists.services import add_items, create_list
from himaya.screening.fingerprinting import EMPTY, NO_PERMISSION, TOO_LARGE, UNREADABLE, VANISHED
from himaya.screening.models import Scan
from himaya.screening.scanning import Way, count_files, scan
from himaya.screening.sources import s3, walk
from himaya.screening.sources.archives.members import TOO_MANY
from himaya.screening.sources.places import Most

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning:botocore")]


def test_a_bucket_is_scanned_as_a_folder_is(store: Store, listed: None) -> None:
    store.put("a/known.txt", KNOWN)
    store.put("a/صورة.jpg", picture(1))
    store.put("b +%20 c", OTHER)
    store.put("empty", b"")
    store.put("folder/", b"")
    store.put("box.tar.gz", tarred({"known": KNOWN}, pack="gz"))
    store.put("box.zip", zipped({"known": KNOWN}))
    done = scan([store.root], by="system", way=Way(endpoint=store.endpoint))
    assert counts(done) == (7, 4, {EMPTY: 1})
    assert sorted(Sighting.objects.values_list("place", flat=True)) == sorted(
        f"{store.root}/{key}" for key in ("a/known.txt", "a/صورة.jpg", "box.tar.gz!/known", "box.zip!/known")
    )
    assert done.members == 2
    assert count_files([store.root]) is None, "it would be listed twice"


def test_a_prefix_and_a_folder_are_one_scan(store: Store, listed: None, tmp_path: Path) -> None:
    for key in ("2024/a", "2024-b", "2023/c"):
        store.put(key, KNOWN)
    place(tmp_path / "d", KNOWN)
    roots = [f"{store.root}/2024", str(tmp_path), f"{store.root}/2024/a"]
    assert counts(scan(roots, by="system", way=Way(endpoint=store.endpoint))) == (3, 3, {})
    assert Scan.objects.get().roots == [f"{store.root}/2024", str(tmp_path)]


def test_a_walk_through_a_bucket_can_be_taken_up_after_every_single_place(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = zipped({"1": KNOWN, "2": OTHER})
    for key in ("a/b", "a.b", "ab", "c/d/e", "c/f", "z"):
        store.put(key, KNOWN)
    store.put("box.zip", zipped({"1": KNOWN, "in.zip": inner, "2": OTHER}))
    roots = [store.root.encode()]
    whole = list(walk(roots, into_archives=True, endpoint=store.endpoint))
    assert len({place.position for place in whole}) == len(whole) == 6 + 1 + 3 + 2
    for number, last in enumerate(whole):
        assert list(walk(roots, last.position, into_archives=True, endpoint=store.endpoint)) == whole[number + 1 :], (
            last
        )
    store.client.delete_object(Bucket=store.bucket, Key="c/f")
    gone = next(place for place in whole if place.path.endswith(b"c/f"))
    rest = whole[whole.index(gone) + 1 :]
    assert list(walk(roots, gone.position, into_archives=True, endpoint=store.endpoint)) == rest


def test_a_scan_of_a_bucket_that_is_stopped_goes_on_where_it_was(
    store: Store, listed: None, small_batches: None
) -> None:
    for number in range(7):
        store.put(f"{number % 2}/{number}", KNOWN)
    done = scan([store.root], by="system", way=Way(endpoint=store.endpoint), **after_a_batch())
    while not done.finished:
        done = scan([store.root], by="system", resume=True, **after_a_batch())
    assert counts(done) == (7, 7, {})
    assert Case.objects.get().sightings == 7


def test_a_large_object_is_not_fetched_and_a_large_archive_is_looked_into(
    store: Store, listed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = {f"{n}": bytes([n]) * 3000 for n in range(9)}
    store.put("large", bytes(5000))
    store.put("box.zip", zipped({**noise, "known": KNOWN}, method=0))
    fetched: list[Any] = []
    original = s3._fetched
    monkeypatch.setattr(s3, "_fetched", lambda *args: fetched.append(args) or original(*args))
    monkeypatch.setattr(s3, "PIECE", 4096)
    with configured(max_file_bytes=4096):
        done = scan([store.root], by="system", way=Way(endpoint=store.endpoint))
    assert counts(done) == (10, 1, {TOO_LARGE: 2})
    assert [args[1] for args in fetched if args[0].endswith(b"/large")] == [HEAD], "enough to see that it is no video"
    assert all(args[1] <= 4096 for args in fetched), "in pieces"


def test_a_small_archive_is_asked_for_once(store: Store, listed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("box.docx", zipped({f"{n}": KNOWN for n in range(30)}))
    store.put("none.zip", KNOWN)
    asked: list[Any] = []
    original = s3._fetched
    monkeypatch.setattr(s3, "_fetched", lambda *args: asked.append(args) or original(*args))
    assert counts(scan([store.root], by="system", way=Way(endpoint=store.endpoint))) == (32, 31, {})
    assert len(asked) == 2


def test_a_large_video_is_looked_into_in_a_bucket_and_in_archives(store: Store, tmp_path: Path) -> None:
    clip = filmed.clip(7, 6)
    add_items(create_list("films", by="system"), rows=[ItemRow(0, "md5", md5(clip).hexdigest())], by="system")
    noise = b"no video" * len(clip)
    for name, content in {"film.mp4": clip, "noise": noise}.items():
        store.put(name, content)
        place(tmp_path / name, content)
    for name, make in {"box.zip": zipped, "box.tgz": lambda contents: tarred(contents, pack="gz")}.items():
        content = make({"a": OTHER, "film.mp4": clip, "noise": noise, "z": OTHER})
        store.put(name, content)
        place(tmp_path / name, content)
    with configured(max_file_bytes=len(clip) // 2), no_file_is_left_open():
        for root in (store.root, str(tmp_path)):
            done = scan([root], by="system", way=Way(endpoint=store.endpoint))
            assert counts(done) == (7, 3, {TOO_LARGE: 5}), root
    with configured(max_file_bytes=len(clip) // 2, max_video_bytes=len(clip) - 1):
        for root in (store.root, str(tmp_path)):
            assert scan([root], by="system", way=Way(endpoint=store.endpoint)).hits == 0


@contextmanager
def no_file_is_left_open() -> Iterator[None]:
    """No file without a name stays behind."""
    before = nameless()
    yield
    gc.collect()
    assert nameless() == before


def nameless() -> int:
    links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return sum(link.is_symlink() and "(deleted)" in os.readlink(link) for link in links)


def test_an_archive_that_leads_back_and_forth_is_left_when_it_has_cost_enough(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PIECE", 65_536)
    monkeypatch.setattr(s3, "BESIDES", 1_000_000)
    content = back_and_forth(200, gap=1_000_000)
    store.put("box.zip", content)
    store.put("z", OTHER)
    fetched = 0
    original = s3._fetched

    def counted(*args: Any) -> bytes:
        nonlocal fetched
        found = original(*args)
        fetched += len(found)
        return found

    monkeypatch.setattr(s3, "_fetched", counted)
    with configured(max_file_bytes=4096):
        done = scan([store.root], by="system", way=Way(endpoint=store.endpoint))
    assert done.skipped == {TOO_LARGE: 1, TOO_MANY: 2}, "the archive; a member, and what is left"
    assert 20 < done.files < 100
    assert fetched < 2 * len(content) + 1_000_000 + 2 * HEAD


def back_and_forth(number: int, *, gap: int) -> bytes:
    """A zip whose members are stored at its two ends, in turns."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n in range(number):
            if n == number // 2:
                archive.writestr("filler", bytes(gap))
            archive.writestr(f"{n}", b"x")
        listed = archive.filelist
        half = number // 2
        archive.filelist = [*chain.from_iterable(zip(listed[:half], listed[half + 1 :], strict=True)), listed[half]]
    return out.getvalue()


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.fixture
def as_(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask as somebody else."""

    def become(who: str, **more: str) -> None:
        for name, value in {**store.environment(who), **more}.items():
            monkeypatch.setenv(name, value)
        client.cache_clear()

    return become


def test_objects_that_may_not_be_read_are_counted_as_that(store: Store, as_: Any) -> None:
    store.put("a", KNOWN)
    store.put("b.zip", zipped({"c": KNOWN}))
    as_("list")
    assert counts(scan([store.root], by="system", way=Way(endpoint=store.endpoint))) == (0, 0, {NO_PERMISSION: 2})


def test_a_scan_that_is_stopped_goes_on_where_the_last_object_may_not_be_read(
    store: Store, as_: Any, small_batches: None
) -> None:
    for name in "abc":
        store.put(name, KNOWN)
        store.put(f"{name}.zip", zipped({"c": KNOWN}))
    as_("list")
    done = scan([store.root], by="system", way=Way(endpoint=store.endpoint), **after_a_batch())
    rounds = 1
    while not done.finished:
        done, rounds = scan([store.root], by="system", resume=True, **after_a_batch()), rounds + 1
    assert rounds > 2
    assert counts(done) == (0, 0, {NO_PERMISSION: 6})


def test_what_vanishes_or_breaks_after_it_was_listed_is_counted_as_that(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in "abc":
        store.put(key, KNOWN)
    listing = walk([store.root.encode()], endpoint=store.endpoint)
    places = list(listing)
    store.client.delete_object(Bucket=store.bucket, Key="a")
    broken = s3._fetched

    def fetched(path: bytes, *args: Any) -> bytes:
        return broken(path.replace(b"s3://", b"s3://no-such-") if path.endswith(b"/b") else path, *args)

    monkeypatch.setattr(s3, "_fetched", fetched)
    found = s3.fetch(places, endpoint=store.endpoint, most=Most(100, 100))
    assert [getattr(one, "reason", one) for one in found] == [VANISHED, UNREADABLE, KNOWN]


@pytest.mark.parametrize(
    ("who", "more", "root", "why"),
    [
        ("all", {"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, "", "SignatureDoesNotMatch"),
        ("none", {}, "", "AccessDenied"),
        ("all", {}, "s3://there-is-no-such-bucket", "NoSuchBucket"),
    ],
)
def test_a_bucket_that_cannot_be_listed_is_an_error_in_words_without_the_secret(
    store: Store, as_: Any, who: str, more: dict[str, str], root: str, why: str
) -> None:
    as_(who, **more)
    with pytest.raises(BucketRefused, match=why) as refused:
        scan([root or store.root], by="system", way=Way(endpoint=store.endpoint))
    said = refused.value.diagnostics()
    assert "AWS_" in said
    assert not any(word in said for word in ("wrong-secret", *(secret for _, _, secret in KEYS.values())))


def test_a_server_that_is_not_there_is_an_error_in_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    with pytest.raises(BucketRefused, match="EndpointConnectionError"):
        scan(["s3://bucket"], by="system", way=Way(endpoint="http://127.0.0.1:9"))


@pytest.mark.parametrize("root", ["s3://", "s3:///key"])
def test_what_names_no_bucket_is_refused_and_nothing_is_begun(root: str) -> None:
    with pytest.raises(NotABucket, match="names no bucket"):
        scan([root], by="system")
    assert not Scan.objects.exists()
