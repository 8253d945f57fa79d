"""Engines: batches are read ahead, in bounded number and memory, and come back in order."""

from __future__ import annotations

import os
import pickle
import platform
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.screening.conftest import KNOWN, counts, place

from himaya.core.buckets import MissingExtra, client
from himaya.core.errors import Flawed, HimayaError
from himaya.core.ports import CANONICAL
from himaya.screening import engines, reports, scanning
from himaya.screening.decoders import Outcome
from himaya.screening.engines import Outcomes, cluster, in_order, local
from himaya.screening.engines.cluster import NoCluster, Terms, UnfitWorker, WorkersLost, work
from himaya.screening.fingerprinting import Fingerprinted, Skipped
from himaya.screening.models import Scan
from himaya.screening.scanning import Way, scan
from himaya.screening.sources import walk
from himaya.screening.sources.places import Place


def numbered(number: int, size: int = 0) -> Place:
    return Place((0, (b"%d" % number,)), b"/%d" % number, size=size)


def held(place: Place) -> int:
    return place.size


@pytest.mark.parametrize(
    ("ahead", "size", "most"), [(0, 0, 1), (3, 0, 4), (3, engines.HOLD, 1), (3, engines.HOLD // 2, 2)]
)
def test_batches_come_back_in_order_and_few_are_under_way(
    ahead: int, size: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "TICK", 0.001)
    begun: list[Outcomes] = []

    def begin(_: list[Place]) -> Outcomes:
        begun.append(Future())
        return begun[-1]

    reading = in_order(iter([[numbered(n, size)] for n in range(20)]), begin, ahead=ahead, held=held)
    for number in range(20):
        assert next(reading).batch == [], "nothing is read yet"
        assert sum(not one.done() for one in begun) == min(most, 20 - number)
        begun[number].set_result([Skipped(f"{number}")])
        read = next(reading)
        assert (read.batch[0].path, read.outcomes) == (b"/%d" % number, [Skipped(f"{number}")])
    assert list(reading) == []


def test_what_takes_long_keeps_nothing_else_from_being_read_until_too_much_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "HOLD", 50_000)
    long, begun = Future[list[Outcome]](), 0

    def begin(batch: list[Place]) -> Outcomes:
        nonlocal begun
        begun += 1
        done: Outcomes = Future()
        done.set_result([Skipped("x" * 1000)])
        return long if batch[0].path == b"/0" else done

    places = ([Place((0, (b"%d" % n,)), b"/%d" % n, member=n == 1)] for n in range(1000))
    reading = in_order(places, begin, ahead=2, held=held)
    for _ in range(30):
        waiting = next(reading)
    assert (waiting.batch, waiting.ahead) == ([], begun - 2), "neither the long one nor the member"
    assert 40 < begun < 50
    long.set_result([Skipped("0")])
    assert [read.batch[0].path for read in reading if read.batch] == [b"/%d" % n for n in range(1000)]


@pytest.mark.django_db
def test_the_next_batch_is_read_while_one_is_committed(
    tmp_path: Path, listed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        place(tmp_path / f"{number}", KNOWN)
    monkeypatch.setattr(scanning, "BATCH", 2)
    third = threading.Event()
    read = local.read

    def reads(batch: list[Place], *args: Any, **more: Any) -> Any:
        if batch[0].path.endswith(b"/4"):
            third.set()
        return read(batch, *args, **more)

    monkeypatch.setattr(local, "read", reads)
    waited: list[bool] = []
    done = scan([str(tmp_path)], by="system", on_batch=lambda *_: waited.append(third.wait(10)))
    assert waited == [True] * 4, "at the first batch, the third was in work"
    assert counts(done) == (8, 8, {})


@pytest.mark.django_db
def test_a_large_file_has_a_batch_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "LOAD", 100)
    for number, size in enumerate([60, 40, 60, 1000, 30, 30, 30, 30]):
        place(tmp_path / f"{number}", bytes([number]) * size)
    sizes: list[int] = []
    scan([str(tmp_path)], by="system", on_batch=lambda _, answers: sizes.append(len(answers)))
    assert sizes == [2, 1, 1, 3, 1]


@pytest.mark.django_db
def test_a_long_video_holds_up_neither_other_files_nor_the_end(
    tmp_path: Path, listed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path / "0.mp4", b"\0\0\0\x18ftypmp42")
    os.truncate(tmp_path / "0.mp4", 4 * 1024**3)  # a hole, that takes no room and ten seconds to read
    for number in range(1, 31):
        place(tmp_path / f"{number}", KNOWN)
    monkeypatch.setattr(scanning, "BATCH", 4)
    ended: list[Exception] = []
    read = local.read

    def reads(*args: Any, **more: Any) -> Any:
        try:
            return read(*args, **more)
        except Exception as error:
            ended.append(error)
            raise

    monkeypatch.setattr(local, "read", reads)
    ahead: list[int] = [0]
    done = scan([str(tmp_path)], by="system", on_ahead=ahead.append, stop=lambda: ahead[-1] == 30)
    assert (done.files, done.finished, Scan.objects.get().state) == (0, False, "stopped")
    for thread in threading.enumerate():
        if thread.name.startswith("batch"):
            thread.join(60)
    assert [type(error) for error in ended] == [local.GivenUp]
    os.truncate(tmp_path / "0.mp4", 100)
    assert counts(scan([str(tmp_path)], by="system", resume=True)) == (31, 30, {})


# --- clusters --------------------------------------------------------------------------------------------------------


def terms(**more: Any) -> Terms:
    ours = Terms([], 100, "", CANONICAL, "best", cluster.equipment())
    return replace(ours, **more)


def test_a_worker_reads_what_it_is_given(tmp_path: Path) -> None:
    place(tmp_path / "a", KNOWN)
    batch = [*walk([bytes(tmp_path)]), Place((0, ()), b"/box!/b", content=KNOWN), Place((0, ()), b"/", Skipped("no"))]
    found = work(batch, terms(folders=[bytes(tmp_path)]))
    assert isinstance(found, list)
    assert [type(one) for one in found] == [Fingerprinted, Fingerprinted, Skipped]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"equipment": cluster.equipment() | {"the signal far"}}, "it lacks the signal far"),
        ({"equipment": cluster.equipment() - {"himaya[video]"}}, "it has, and the scan has not, himaya.video"),
        ({"folders": [b"/nowhere"]}, "/nowhere is not there"),
        ({"options": None}, "AttributeError: "),
    ],
)
def test_a_worker_that_cannot_do_its_part_is_named(more: dict[str, Any], why: str) -> None:
    told: Future[Any] = Future()
    told.set_result(work([], terms(**more)))
    with pytest.raises(UnfitWorker, match=f"The worker {platform.node()} cannot do its part: {why}"):
        cluster._outcomes(told, [])


def test_a_batch_that_ends_every_worker_is_named() -> None:
    from ray.exceptions import WorkerCrashedError

    lost: Future[Any] = Future()
    lost.set_exception(WorkerCrashedError())
    with pytest.raises(WorkersLost, match=r"begins at /7: The worker died"):
        cluster._outcomes(lost, [numbered(7)])


def test_a_worker_keeps_its_decoders_in_as_the_node_is_set(tmp_path: Path) -> None:
    place(tmp_path / "a", KNOWN)
    for sandbox in ("off", "best"):
        assert len(work([*walk([bytes(tmp_path)])], terms(sandbox=sandbox))) == 1
        own = cluster._decoders(sandbox)
        assert (own.level().layers == ("limits",)) == (sandbox == "off")
        own.close()


@pytest.mark.parametrize("error", [MissingExtra(what="A bucket", extra="s3"), Flawed([{"where": "a", "why": "b"}])])
def test_an_error_is_the_same_in_another_process(error: HimayaError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.diagnostics(), again.__dict__) == (type(error), error.diagnostics(), error.__dict__)


def test_a_cluster_that_is_not_there_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def init(**_: object) -> None:
        raise ConnectionError("ray client connection timeout\nlong story")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(NoCluster, match="cannot be reached: ray client connection timeout"):
        cluster._connected("auto")
    for address in ("127.0.0.1:9", "ray://[::1]:9", "127.0.0.1:99999"):
        with pytest.raises(NoCluster):
            cluster._connected(address)


# --- what is not installed -------------------------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No extra is installed."""
    for name in ("boto3", "ray", "pyarrow", "pyarrow.parquet", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    client.cache_clear()
    yield
    client.cache_clear()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("root", "way", "extra"),
    [
        ("s3://bucket", {}, "s3"),
        ("{}", {"cluster": "local"}, "ray"),
        ("{}", {"report": "{}.parquet"}, "parquet"),
    ],
)
def test_what_needs_a_library_that_is_not_installed_says_how_to_get_it(
    tmp_path: Path, bare: None, root: str, way: dict[str, Any], extra: str
) -> None:
    place(tmp_path / "a")
    way = {name: Path(value.format(tmp_path)) if name == "report" else value for name, value in way.items()}
    with pytest.raises(MissingExtra) as refused:
        scan([root.format(tmp_path)], by="system", way=Way(**way))
    assert f"pip install 'himaya[{extra}]'" in refused.value.diagnostics()


@pytest.mark.django_db
def test_a_tar_that_nothing_here_unpacks_is_counted_with_the_reason(tmp_path: Path, bare: None) -> None:
    place(tmp_path / "a", b"\x28\xb5\x2f\xfd" + bytes(600))
    assert scan([str(tmp_path)], by="system").skipped == {"packed in a way that is not read here": 1}


def test_the_base_install_reads_none_of_the_extras() -> None:
    assert reports.KINDS.keys() == {".jsonl", ".parquet"}
    import subprocess

    code = "import sys, himaya.screening.sources, himaya.screening.engines.cluster, himaya.screening.sources.s3\n"
    code += "print([name for name in ('boto3', 'ray', 'pyarrow', 'zstandard', 'django') if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
