"""Engines: batches are read ahead, in bounded number and memory, and come back in order."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.screening.conftest import KNOWN, counts, place

from himaya.core.ports import CANONICAL
from himaya.screening import engines, reports, scanning
from himaya.screening.engines import cluster, in_order, local
from himaya.screening.engines.cluster import NoCluster, UnfitWorker, WorkersLost, work
from himaya.screening.fingerprinting import Fingerprinted, Skipped
from himaya.screening.scanning import Way, scan
from himaya.screening.sources import s3, walk
from himaya.screening.sources.places import Place
from himaya.screening.sources.s3 import MissingExtra


def numbered(number: int, size: int = 0) -> Place:
    return Place((0, (b"%d" % number,)), b"/%d" % number, size=size)


@pytest.mark.parametrize(
    ("ahead", "size", "most"), [(0, 0, 1), (3, 0, 4), (3, engines.HOLD, 1), (3, engines.HOLD // 2, 2)]
)
def test_batches_come_back_in_order_and_few_are_under_way(ahead: int, size: int, most: int) -> None:
    begun: list[int] = []
    under_way = 0

    def begin(batch: list[Place]) -> Callable[[], list[Any]]:
        begun.append(int(batch[0].path[1:]))
        return lambda: [Skipped(str(begun[-1]))]

    for number, (batch, _) in enumerate(
        in_order(iter([[numbered(n, size)] for n in range(20)]), begin, ahead=ahead, held=lambda place: place.size)
    ):
        assert batch[0].path == b"/%d" % number
        under_way = max(under_way, len(begun) - number)
    assert begun == list(range(20))
    assert under_way == most


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
def test_what_is_held_in_memory_makes_a_batch_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.screening.archived import zipped

    monkeypatch.setattr(scanning, "HOLD", 100)
    place(tmp_path / "a.zip", zipped({f"{n}": bytes([n]) * 60 for n in range(6)}))
    sizes: list[int] = []
    scan([str(tmp_path)], by="system", on_batch=lambda _, answers: sizes.append(len(answers)))
    assert sizes == [3, 2, 2], "the archive itself is read by a decoder"


# --- clusters --------------------------------------------------------------------------------------------------------


def test_a_worker_reads_what_it_is_given(tmp_path: Path) -> None:
    place(tmp_path / "a", KNOWN)
    batch = [*walk([bytes(tmp_path)]), Place((0, ()), b"/box!/b", content=KNOWN), Place((0, ()), b"/", Skipped("no"))]
    found = work(
        batch, folders=[bytes(tmp_path)], max_bytes=100, endpoint="", options=CANONICAL, version=cluster.__version__
    )
    assert isinstance(found, list)
    assert [type(one) for one in found] == [Fingerprinted, Fingerprinted, Skipped]
    assert found[0] == found[1]


class Ray:
    """As much of Ray as answers with what is wrong."""

    class exceptions:  # noqa: N801 - as there
        class WorkerCrashedError(Exception):
            """The worker died."""

        NodeDiedError = OutOfMemoryError = WorkerCrashedError

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get(self, _: object) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("version", "folder", "why"),
    [("0", "{}", "it has version .*, the scan 0"), ("", "{}/nowhere", "nowhere is not there")],
)
def test_a_worker_that_cannot_do_its_part_is_named(tmp_path: Path, version: str, folder: str, why: str) -> None:
    folders = [folder.format(tmp_path).encode()]
    told = work(
        [], folders=folders, max_bytes=1, endpoint="", options=CANONICAL, version=version or cluster.__version__
    )
    with pytest.raises(UnfitWorker, match=why):
        cluster._result(Ray(told), None, [])


def test_a_batch_that_ends_every_worker_is_named() -> None:
    lost = Ray.exceptions.WorkerCrashedError("it died\nlong story")
    with pytest.raises(WorkersLost, match=r"begins at /7: it died\.$"):
        cluster._result(Ray(lost), None, [numbered(7)])


def test_a_cluster_that_is_not_there_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent:
        @staticmethod
        def init(**_: object) -> None:
            raise ConnectionError("ray client connection timeout\nlong story")

    monkeypatch.setitem(sys.modules, "ray", Absent)
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
    s3.client.cache_clear()
    yield
    s3.client.cache_clear()


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
