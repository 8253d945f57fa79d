"""The children that decode: whatever a file does to one, the next file has another, and the node never notices."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.drawn import bomb, image, picture, written

from himaya.core.contents import Content
from himaya.screening import decoders, nursery
from himaya.screening.decoders import Decoders
from himaya.screening.fingerprinting import CRASHED, OUT_OF_TIME, TOO_SLOW, Fingerprinted, Skipped, fingerprint
from himaya.screening.line import Line
from himaya.screening.sandbox import limits

MakePool = Callable[..., Decoders]


@pytest.fixture
def pool() -> Iterator[MakePool]:
    """Pools of one child, or more, that end with the test."""
    made: list[Decoders] = []

    def make(processes: int = 1) -> Decoders:
        made.append(Decoders(processes))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def one() -> Iterator[Decoders]:
    """A pool that several tests use, one after the other."""
    made = Decoders(2)
    yield made
    made.close()


def below(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found


def command(pid: int) -> bytes:
    """Empty where it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def pids(of: Decoders) -> list[int]:
    """The children that there are: what has a line, and nothing below it."""
    assert of._nursery is not None
    zygote = [pid for pid in below(of._nursery._process.pid) if b"zygote" in command(pid)]
    return [pid for pid in zygote if len(below(pid)) == 1]


def the_spare(of: Decoders) -> int:
    """The next child of a pool: the oldest of those that have nothing to do, once the others are gone."""
    seen: list[list[int]] = [[], []]
    while not (len(seen[-1]) == nursery.SPARES and seen[-1] == seen[-2] == seen[-3]):
        time.sleep(0.05)
        seen.append(pids(of))
        assert len(seen) < 200
    return min(seen[-1])


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until(true: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def reasons(outcomes: list[Any]) -> list[str]:
    return [one.reason if isinstance(one, Skipped) else "" for one in outcomes]


def test_answers_come_in_the_order_of_the_questions(one: Decoders) -> None:
    contents = [f"text {n}".encode() * (1 + 900 * (n % 2)) for n in range(12)]
    outcomes = one.contents(contents)
    assert [found.size for found in outcomes if isinstance(found, Fingerprinted)] == [len(c) for c in contents]


def test_files_are_opened_here_and_limited(one: Decoders, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.jpg")
    path.write_bytes(picture(1))
    [found] = one.files([os.fsencode(path)], max_bytes=2**20)
    assert isinstance(found, Fingerprinted)
    assert {f.signal for f in found.fingerprints} == {"md5", "sha1", "sha256", "pdq"}
    [refused] = one.files([os.fsencode(path)], max_bytes=1024)
    assert isinstance(refused, Skipped)


def test_a_file_that_kills_its_decoder_is_counted_as_that_and_the_next_one_is_fine(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIMAYA_FAULT", "fingerprinting.begin:kill@2")
    assert reasons(pool().contents([b"a", b"b", b"c", b"d"])) == ["", CRASHED, "", CRASHED]


def test_a_file_that_takes_too_long_is_counted_as_that_and_the_next_one_is_fine(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIMAYA_FAULT", "fingerprinting.begin:sleep=60@2")
    monkeypatch.setattr(nursery, "PATIENCE", 0.5)
    one = pool()
    one.level()
    begun = time.monotonic()
    assert reasons(one.contents([b"a", b"b", b"c"])) == ["", TOO_SLOW, ""]
    assert time.monotonic() - begun < 20
    wait_until(lambda: len(pids(one)) <= nursery.SPARES)


def test_when_the_time_for_all_is_used_up_what_is_done_counts_and_the_rest_says_so(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIMAYA_FAULT", "fingerprinting.begin:sleep=60@3")
    one = pool()
    one.contents([b"a"])
    begun = time.monotonic()
    assert reasons(one.contents([b"a", b"b", *[b"slow"] * 500], seconds=2)) == ["", "", *[OUT_OF_TIME] * 500]
    assert time.monotonic() - begun < 10
    wait_until(lambda: len(pids(one)) <= nursery.SPARES)
    assert reasons(one.contents([b"a"], seconds=10)) == [""]


def test_who_waits_for_a_child_that_others_keep_busy_waits_no_longer_than_said(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIMAYA_FAULT", "fingerprinting.begin:sleep=2@1")
    one = pool()
    one.level()
    busy = threading.Thread(target=one.contents, args=([b"slow"],))
    busy.start()
    wait_until(lambda: one._places._value == 0)
    begun = time.monotonic()
    assert reasons(one.contents([b"b"], seconds=0.2)) == [OUT_OF_TIME]
    assert time.monotonic() - begun < 1.5
    busy.join()


def test_a_child_that_died_while_it_had_nothing_to_do_is_not_held_against_the_next_file(one: Decoders) -> None:
    one.contents([b"a"])
    pid = the_spare(one)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gone(pid))
    assert reasons(one.contents([b"b"])) == [""]


@pytest.mark.parametrize("point", ["begin", "decode"])
def test_where_the_zygote_is_killed_the_file_in_hand_has_another_go_and_no_child_stays(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setenv("HIMAYA_FAULT", f"fingerprinting.{point}:sleep=2")
    receive, received = Line.receive, threading.Event()

    def receives(*args: Any, **more: Any) -> bytes:
        message = receive(*args, **more)
        received.set()  # the digests, where the child comes as far as that
        return message

    monkeypatch.setattr(Line, "receive", receives)
    one = pool()
    one.level()
    assert one._nursery is not None
    processes = below(one._nursery._process.pid)
    found: list[Any] = []
    asked = threading.Thread(target=lambda: found.extend(one.contents([picture(1)])))
    asked.start()
    wait_until(lambda: one._places._value == 0 and pids(one))
    assert received.wait(20 if point == "decode" else 0) is (point == "decode")
    children = pids(one)
    os.kill(processes[-1], signal.SIGKILL)
    asked.join()
    assert found == [fingerprint(Content(picture(1)))]
    wait_until(lambda: all(map(gone, [*processes, *children])))


def test_a_call_has_children_of_its_own_and_none_of_these_more_than_a_few_files(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIMAYA_FAULT", f"fingerprinting.begin:kill@{decoders.FILES_EACH + 1}")
    one = pool()
    for _ in range(2):
        assert reasons(one.contents([b"a"] * (2 * decoders.FILES_EACH))) == [""] * (2 * decoders.FILES_EACH)
    monkeypatch.setenv("HIMAYA_FAULT", "fingerprinting.begin:kill@2")
    other = pool()
    for _ in range(3):
        assert reasons(other.contents([b"a"])) == [""]


def test_closing_ends_every_child(pool: MakePool) -> None:
    one = pool(3)
    one.contents([b"a", b"b", b"c", b"d", b"e", b"f"])
    assert one._nursery is not None
    there = below(one._nursery._process.pid)
    assert there
    one.close()
    wait_until(lambda: all(map(gone, there)))
    assert reasons(one.contents([b"a"])) == [""], "and it can be used again"


NODE = """
import os, sys, time
from himaya.screening.decoders import Decoders
pool = Decoders(2)
pool.contents([b"a", b"b"])
print(pool._nursery._process.pid, flush=True)
time.sleep(60)
"""


def test_when_the_node_is_killed_everything_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", NODE], stdout=subprocess.PIPE) as node:
        assert node.stdout is not None
        there = below(int(node.stdout.readline()))
        node.kill()
    assert there
    wait_until(lambda: all(map(gone, there)))


def test_a_process_that_is_forked_has_a_pool_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "_shared", object())
    pid = os.fork()
    if pid == 0:
        os._exit(0 if decoders._shared is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_what_does_not_start_says_why(pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery, "ZYGOTE", "himaya.no_such_module")
    with pytest.raises(nursery.NoDecoders, match="no_such_module"):
        pool().contents([b"a"])


# --- what a child has ------------------------------------------------------------------------------------------------


def test_a_child_has_neither_secrets_nor_open_files_of_ours(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HIMAYA_DATABASE_URL", "HIMAYA_NOTICES", "DJANGO_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "postgresql://node:do-not-tell@host/db")
    with (tmp_path / "open.sqlite3").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        one = pool()
        one.contents([b"a"])
        pid = the_spare(one)
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        opened = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    assert b"do-not-tell" not in environment
    names = {part.partition(b"=")[0].decode() for part in environment.split(b"\0") if part}
    assert names <= {*nursery.PASSED_ON, *nursery.SET, "PWD"}
    kinds = sorted(re.sub(r"\d+", "", path) for path in opened)
    assert kinds == ["/dev/null", "/dev/null", "/dev/null", "socket:[]"], "its line, and nothing else"


def test_a_child_is_limited_by_the_kernel(one: Decoders) -> None:
    one.contents([b"a"])
    pid = the_spare(one)

    def read() -> dict[str, list[str]]:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
        return {line[:26].strip(): line[26:].split()[:2] for line in lines}

    wait_until(lambda: read()["Max cpu time"] == [str(limits.CPU)] * 2)
    set_to = read()
    assert set_to["Max address space"] == [str(limits.MEMORY)] * 2
    assert set_to["Max open files"] == [str(limits.OPEN_FILES)] * 2
    for name in ("Max core file size", "Max file size"):
        assert set_to[name] == ["0", "0"], name


BOUNDED = """
from himaya.screening.sandbox.limits import MEMORY, limit_child, limit_tree
limit_tree(), limit_child()
try:
    bytearray(MEMORY)
except MemoryError:
    print("no memory")
try:
    with open({path!r}, "w", buffering=1) as file:
        file.write("x")
except OSError as error:
    print(error.strerror)
"""


def test_a_flood_of_memory_and_a_file_that_is_written_end_as_errors_inside_the_child(tmp_path: Path) -> None:
    code = BOUNDED.format(path=str(tmp_path / "written"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["no memory", "File too large"]


def test_a_bomb_is_refused_at_once_and_the_largest_picture_that_is_taken_fits(one: Decoders) -> None:
    one.contents([b"a"])
    begun = time.monotonic()
    [refused] = one.contents([bomb()])
    assert time.monotonic() - begun < 1
    assert isinstance(refused, Fingerprinted)
    assert "40 million pixels" in refused.problems["pdq"]
    largest = image(1).resize((8000, 5000))
    [taken] = one.contents([written(largest, "JPEG", quality=60, exif=turned())])
    assert isinstance(taken, Fingerprinted)
    assert taken.problems == {}


def turned() -> Image.Exif:
    """EXIF that says: turn by a quarter, for which a second copy is made."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif
