"""What a decoder can do that a hostile file took over: nothing, layer by layer; and what is missing is said."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.drawn import picture

from himaya.core import pictures
from himaya.core.basics import Sandbox
from himaya.core.contents import Content
from himaya.screening import nursery
from himaya.screening.decoders import Decoders
from himaya.screening.fingerprinting import CRASHED, TOO_SLOW, UNREADABLE, Fingerprinted, Skipped, fingerprint, of_bytes
from himaya.screening.sandbox import LAYERS, NotAllowed, bubblewrap, seccomp

ROOT = Path(__file__).parents[2]
Try = Callable[[bytes], Skipped]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Decoders]]:
    made: list[Decoders] = []

    def one(mode: Sandbox = "best") -> Decoders:
        made.append(Decoders(1, mode))
        return made[-1]

    yield one
    for pool in made:
        pool.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[Decoders]:
    made = Decoders(1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def taken_over() -> Iterator[Decoders]:
    """Decoders whose children do what the content says; see :mod:`tests.screening.hostile`."""
    pool = Decoders(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nursery, "ZYGOTE", "tests.screening.hostile")
        patch.setattr(nursery, "READABLE", [nursery.SOURCE, ROOT / "tests"])
        patch.setitem(nursery.SET, "PYTHONPATH", f"{nursery.SOURCE}:{ROOT}")
        pool.level()
    yield pool
    pool.close()


@pytest.fixture
def hostile(taken_over: Decoders) -> Try:
    def tries(what: bytes) -> Skipped:
        [outcome] = taken_over.contents([what])
        assert isinstance(outcome, Skipped)
        return outcome

    return tries


KILLED = ("connect", "execute", "change the content", "trace", "remove", "kill")
REFUSED = ("read a file", "read the node", "write a file", "run", "look around", "fork")


def test_whatever_a_decoder_tries_that_was_taken_over_the_kernel_refuses(hostile: Try) -> None:
    for what in KILLED:
        assert hostile(f"{what}: {os.getpid()}".encode()) == Skipped(CRASHED), what
    for what in REFUSED:
        told = hostile(what.encode())
        assert (told.reason, told.detail.partition(":")[0]) == (UNREADABLE, "refused"), what


@pytest.mark.parametrize("what", ["half an answer", "a long answer", "no answer", "another answer", "floods"])
def test_a_child_that_was_taken_over_does_not_hold_the_node(
    hostile: Try, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(nursery, "PATIENCE", 1.0)
    begun = time.monotonic()
    assert hostile(what.encode()).reason in (CRASHED, TOO_SLOW)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "said", ["it is another", "it began anew", "its md5 is another", "it is empty", "nonsense", "nothing"]
)
def test_a_file_that_takes_its_decoder_over_cannot_change_its_digests(taken_over: Decoders, said: str) -> None:
    content = picture(1) + said.encode()
    [outcome] = taken_over.contents([content])
    expected = of_bytes(Content(content))
    assert isinstance(expected, Fingerprinted)
    assert {one.signal for one in expected.fingerprints} == {"md5", "sha1", "sha256"}
    assert outcome == replace(expected, problems={"pdq": CRASHED})


def test_who_shows_that_it_works_is_waited_for_but_not_for_ever(hostile: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery, "PATIENCE", 1.0)
    assert hostile(b"works a while").detail == "done", "twice as long as one waits for who is silent"
    monkeypatch.setattr(nursery, "LONGEST", 2.0)
    begun = time.monotonic()
    assert hostile(b"works for ever").reason in (CRASHED, TOO_SLOW)
    assert time.monotonic() - begun < 10


# --- levels ----------------------------------------------------------------------------------------------------------


def test_every_layer_is_in_force_or_said_to_be_missing(pool: Decoders) -> None:
    level = pool.level()
    assert {*level.layers, *level.missing} == set(LAYERS)
    assert not set(level.layers) & set(level.missing)
    assert all(level.missing.values())
    assert level.suffices, f"this kernel filters system calls: {level.missing}"


def test_every_format_has_its_pdq_through_the_sandbox(pool: Decoders) -> None:
    contents = [picture(1, format_) for format_ in pictures.FORMATS]
    for format_, content, outcome in zip(pictures.FORMATS, contents, pool.contents(contents), strict=True):
        assert outcome == fingerprint(Content(content)), format_
        assert isinstance(outcome, Fingerprinted)
        assert "pdq" in {one.signal for one in outcome.fingerprints}, format_


def test_without_bubblewrap_the_rest_holds_and_that_is_said(
    make: Callable[..., Decoders], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda _: None)
    level = make().level()
    assert level.missing["bubblewrap"] == "bwrap is not installed"
    assert level.suffices


def test_a_bubblewrap_that_may_make_no_namespaces_is_gone_without(
    make: Callable[..., Decoders], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda _: str(fake))
    pool = make()
    assert "No permissions" in pool.level().missing["bubblewrap"]
    assert isinstance(pool.contents([b"a"])[0], Fingerprinted)


def test_off_means_limits_alone_and_required_means_a_filter_or_nothing(
    make: Callable[..., Decoders], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make("off").level().layers == ("limits",)
    assert make("required").level().suffices
    real = nursery.Nursery

    def lacking(mode: Sandbox) -> Any:
        made = real("off")
        made.level = nursery.Level(("limits",), {"seccomp": "this kernel has none"})
        return made

    monkeypatch.setattr(nursery, "Nursery", lacking)
    with pytest.raises(nursery.NoSandbox, match="seccomp: this kernel has none"):
        make("required").contents([b"a"])
    assert isinstance(make("best").contents([b"a"])[0], Fingerprinted)


def test_a_machine_whose_system_calls_are_not_known_has_no_filter() -> None:
    with pytest.raises(NotAllowed, match="riscv64"):
        seccomp.program("riscv64")
    assert len(seccomp.program("aarch64")) > 100


def test_the_filter_ends_a_process_that_speaks_for_another_machine() -> None:
    steps = seccomp.program("x86_64")
    kill = (0x06, 0, 0, 0x80000000)
    assert steps[:3] == [(0x20, 0, 0, 4), (0x15, 1, 0, 0xC000003E), kill], "its first question"
    assert steps[-1] == kill, "and what is not named"


FILTERED = """
import os, sys
from himaya.screening.sandbox import kernel, landlock, seccomp
layer = sys.argv[1]
kernel.gain_nothing()
{"landlock": landlock.deny_everything, "seccomp": seccomp.allow_few}[layer]()
try:
    os.open("/etc/passwd", os.O_RDONLY)
except OSError as error:
    os.write(1, error.strerror.encode())
os._exit(0)
"""


@pytest.mark.parametrize("layer", ["landlock", "seccomp"])
def test_each_layer_holds_alone(layer: str) -> None:
    done = subprocess.run([sys.executable, "-c", FILTERED, layer], capture_output=True, text=True, check=True)
    assert done.stdout == "Permission denied"


@pytest.mark.bubblewrap
def test_inside_bubblewrap_there_are_programs_and_nothing_else(pool: Decoders, tmp_path: Path) -> None:
    probe = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"]
    allowed = subprocess.run(probe, capture_output=True, text=True, check=False)
    if allowed.returncode:
        assert "bubblewrap" in pool.level().missing, allowed.stderr
        return
    assert "bubblewrap" in pool.level().layers, pool.level().missing
    look = f"import os; print(sorted(os.listdir('/')), os.path.exists('{tmp_path}'), len(os.listdir('/tmp')))"
    command = bubblewrap.wrapped([sys.executable, "-P", "-c", look], readable=[])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    listed, _, rest = done.stdout.rpartition("]")
    assert not {"home", "var", "proc", "dev", "srv"} & set(ast.literal_eval(f"{listed}]"))
    assert rest.split()[0] == "False"


def test_decoders_start_where_no_extra_is_installed() -> None:
    """As after `make install`: a node without videos decodes pictures."""
    code = "import sys; sys.modules['av'] = None; from himaya.screening import zygote; print(len(zygote.warm_up()))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ran.stdout) > 20


def test_a_kernel_that_is_switched_off_is_off_where_pictures_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, there in (("off", False), ("plain", True)):
        monkeypatch.setenv("HIMAYA_KERNEL", value)
        made = nursery.Nursery("off")
        try:
            processes = [made._process.pid, *below(made._process.pid)]
            maps = [Path(f"/proc/{pid}/maps").read_text() for pid in processes]
            assert any("_kernel.abi3" in one for one in maps) is there
        finally:
            made.close()


def below(parent: int) -> list[int]:
    ran = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True)
    return [int(pid) for pid in ran.stdout.split()]
