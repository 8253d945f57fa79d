"""The C kernel is built by whatever compiler there is, serves where it fits, and touches nothing but its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from himaya.core import kernel
from himaya.core.kernel import build

CORE = Path(kernel.__file__).parents[1]
ASK = "from himaya.core.kernel import status; s = status(); print(s.available, s.why_not or s.instructions)"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the core in a directory of their own, without what was built."""
    root = tmp_path_factory.mktemp("copied")
    shutil.copytree(CORE, root / "himaya/core", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(CORE.parent / "__init__.py", root / "himaya")
    return root


def python(root: Path, *arguments: str, **environment: str) -> str:
    """What Python says, with the copy in the place of the installed one."""
    site = sysconfig.get_path("purelib")
    start = f"import sys; sys.path[:0] = [{str(root)!r}, {site!r}]; "
    done = subprocess.run(
        [sys.executable, "-S", "-c", start + arguments[0], *arguments[1:]],
        capture_output=True,
        text=True,
        check=False,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("HIMAYA_")}, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def in_copy(root: Path) -> Path:
    return root / "himaya/core/kernel/_kernel.abi3.so"


@pytest.mark.parametrize("only", ["system", "zig"])
def test_every_compiler_builds_it_without_a_warning(copied: Path, only: str) -> None:
    build.build(into=in_copy(copied), only=only, strict=True)
    assert python(copied, ASK) == f"True {kernel.instruction_sets()[-1]}"
    said = python(copied, "from himaya.core import kernel; print(kernel.status().compiler)")
    assert said.startswith("zig:") == (only == "zig")


def test_it_is_built_for_arm_as_well(tmp_path: Path) -> None:
    target = ("-target", "aarch64-linux-gnu")
    built = build.build(into=tmp_path / "arm.so", only="zig", machine="aarch64", extra=target, strict=True)
    head = built.read_bytes()[:20]
    assert head[:4] == b"\x7fELF"
    assert int.from_bytes(head[18:], "little") == 183  # EM_AARCH64 (System V ABI)


def test_what_was_built_from_other_sources_is_refused(copied: Path) -> None:
    shutil.copy(build.BUILT, in_copy(copied))
    assert python(copied, ASK).startswith("True")
    source = copied / "himaya/core/kernel/src/search.c"
    before = source.read_text("utf-8")
    source.write_text(before + "\n", "utf-8")
    try:
        assert python(copied, ASK) == "False it was built from other sources"
    finally:
        source.write_text(before, "utf-8")


def test_without_a_build_and_where_it_is_switched_off_the_twins_serve(copied: Path) -> None:
    in_copy(copied).unlink(missing_ok=True)
    used = "from himaya.core import kernel, search; print(type(search.empty()).__name__, '-', kernel.status().why_not)"
    assert python(copied, used) == "NumpyIndex - it has not been built"
    in_copy(copied).write_bytes(b"something else")
    assert python(copied, used) == "NumpyIndex - what was built does not fit this machine"
    shutil.copy(build.BUILT, in_copy(copied))
    assert python(copied, used) == "RingIndex -"
    assert python(copied, used, HIMAYA_KERNEL="off") == "NumpyIndex - switched off by HIMAYA_KERNEL"
    assert python(copied, used, HIMAYA_KERNEL="abacus").endswith("not the instructions that HIMAYA_KERNEL names")
    assert python(copied, ASK, HIMAYA_KERNEL="plain") == "True plain"


def test_an_instruction_set_that_is_not_here_is_no_choice() -> None:
    with pytest.raises(ValueError, match="this processor has no abacus"):
        kernel.use("abacus")
    assert kernel.status().available
    assert kernel.instruction_sets()[0] == "plain"


def test_without_a_compiler_it_is_said_in_one_line(copied: Path, tmp_path: Path) -> None:
    script = copied / "himaya/core/kernel/build.py"
    lonely = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-S", str(script), "--only", "system"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=lonely)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "The C kernel was not built; NumPy does its work, more slowly. no C compiler works here"
    )
    optional = subprocess.run([*command, "--optional"], capture_output=True, text=True, check=False, env=lonely)
    assert (optional.returncode, optional.stderr) == (0, done.stderr)
    assert subprocess.run([*command, "--can"], capture_output=True, check=False, env=lonely).returncode == 1


SEARCH = """
import numpy as np, pathlib
from himaya.core import kernel
from himaya.core.search import BadIndexFile, ring_file
from himaya.core.search.numpy_index import NumpyIndex
from himaya.core.search.ring_index import RingIndex
rng, path = np.random.default_rng(5), pathlib.Path(sys.argv[1])
hashes = rng.integers(0, 256, (8500, 32), np.uint8)
hashes[:900] = hashes[0]
keys, groups = np.arange(8500) * 7 - 90, rng.integers(0, 3, 8500).astype(np.uint16)
asked = np.concatenate([hashes[:2], hashes[-2:], rng.integers(0, 256, (2, 32), np.uint8)])
index, twin = RingIndex.build(keys, hashes, groups), NumpyIndex.build(keys, hashes, groups)
for one in (index, twin):
    one.remove(keys[5:50])
    one.add(np.arange(300) + 10**6, hashes[500:800])
for name in kernel.instruction_sets():
    kernel.use(name)
    for way in ("ring", "scan"):
        kernel.native.search_by(way)
        for radius in (0, 3, 31, 64, np.array([31, 255, 40], np.uint8)):
            assert index.query_many(asked, radius) == twin.query_many(asked, radius)
            for ends in (np.array([6]), np.array([2, 2, 6])):
                assert index.query_variants(asked, ends, radius, 4) == twin.query_variants(asked, ends, radius, 4)
assert index.near(np.repeat(asked, 100, axis=0), 31, threads=3).rows.size
kernel.native.search_by("ring")
index.save(path)
content, refused = bytearray(path.read_bytes()), 0
for place in [*range(8, 300, 9), *rng.integers(4096, len(content), 60).tolist()]:
    content[place] ^= 0x91
    path.unlink()
    path.write_bytes(content)
    try:
        RingIndex.open(path).near(asked, 31)
    except BadIndexFile:
        refused += 1
    content[place] ^= 0x91
from himaya.core import pdq
for n in range(300):
    height, width, channels = rng.integers(1, 700), rng.integers(1, 700), rng.choice([1, 3, 4])
    scale = int(rng.choice([1, 2, 4, 8]))
    shape = -(-height // scale), -(-width // scale), channels
    kernel.use(kernel.instruction_sets()[n % len(kernel.instruction_sets())])
    pdq.dihedral(pdq.Scaled(rng.integers(0, 256, shape, np.uint8), scale, int(height), int(width)))
print("well", refused > 30)
"""


def test_a_build_that_watches_every_access_finds_nothing_amiss(copied: Path, tmp_path: Path) -> None:
    """AddressSanitizer and UndefinedBehaviorSanitizer over searching, changing, saving, and damaged files."""
    watch = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-O1", "-g1"]
    build.build(into=in_copy(copied), only="system", extra=watch)
    gcc = build.compiler(only="system")
    library = subprocess.run([*gcc, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    options = {"LD_PRELOAD": library.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0", "OPENBLAS_NUM_THREADS": "1"}
    assert python(copied, SEARCH, str(tmp_path / "x"), **options) == "well True"
