"""Build the C kernel: ``python build.py``. Standard library only: this runs before anything is installed.

The compiler is the system's where one works (``cc``, ``gcc``, ``clang``; ``CC`` names another), else Zig's, where the
package ``ziglang`` can be imported. One build serves every Python from 3.11 on (stable ABI) and every processor of
this architecture (``dispatch.c``). The digest of sources and flags goes into it: a build of other sources is refused.
"""

# ruff: noqa: T201, S603
from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "src"
BUILT = HERE / "_kernel.abi3.so"

FLAGS = ("-std=c11", "-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno", "-pthread")
"""No -march=native: it has to run elsewhere. No fused multiply-add unasked: every set gives equal bits."""
WARNINGS = ("-Wall", "-Wextra", "-Werror")
_V3 = ("-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mlzcnt", "-mpopcnt", "-mf16c")
_V4 = ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512cd", "-mavx512vbmi", "-mavx512bitalg")
SETS = {"set_avx2.c": _V3, "set_avx512.c": (*_V3, *_V4, "-mavx512vpopcntdq")}
"""What a file may use beyond the architecture's base; ``dispatch.c`` asks the processor for exactly these."""
LONGEST = 300
"""Seconds for one file."""


class NoCompiler(Exception):
    """Nothing here compiles C."""


def digest() -> str:
    """SHA-256 over the sources and how they are compiled, in hexadecimal."""
    whole = hashlib.sha256(repr((FLAGS, sorted(SETS.items()))).encode())
    for path in sorted(SOURCES.iterdir()):
        if path.suffix in (".c", ".h"):
            whole.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def compilers() -> Iterator[list[str]]:
    """Commands that may be C compilers here, the best first."""
    if os.environ.get("CC"):
        yield shlex.split(os.environ["CC"])
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            yield [found]
    if importlib.util.find_spec("ziglang"):
        yield [sys.executable, "-m", "ziglang", "cc"]


def compiler(*, only: str = "") -> list[str]:
    """The first command that compiles and links a shared library here.

    Args:
        only: ``zig`` or ``system`` leave the other out.

    Raises:
        NoCompiler: there is none.
    """
    for command in compilers():
        if only and (only == "zig") != ("ziglang" in command):
            continue
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "try.c")
            source.write_text("#include <string.h>\nint try(char *s) { return (int)strlen(s); }\n", encoding="ascii")
            if _run([*command, *_linking(), str(source), "-o", str(Path(folder, "try.so"))]).returncode == 0:
                return command
    raise NoCompiler("no C compiler works here (looked for cc, gcc, clang and the package ziglang)")


def build(
    *,
    into: Path = BUILT,
    only: str = "",
    machine: str = platform.machine(),
    extra: Sequence[str] = (),
    strict: bool = False,
) -> Path:
    """Compile and link; ``into`` is exchanged in one step, so that a running program keeps what it has mapped.

    Args:
        into: the file to make.
        only: see :func:`compiler`.
        machine: the architecture that it is for, as :func:`platform.machine` names it.
        extra: further flags, as for a sanitizer, or for another machine.
        strict: warnings are errors.

    Raises:
        NoCompiler: there is none, or it does not take these sources; with what it said.
    """
    command = compiler(only=only)
    flags = [*FLAGS, *(WARNINGS if strict else ()), *extra]
    says = [f'-DHIMAYA_BUILT_FROM="{digest()}"', f'-DHIMAYA_BUILT_BY="{_version(command)}"']
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".kernel-") as folder:
        objects, running = [], []
        for source in sorted(SOURCES.glob("*.c")):
            target = Path(folder, source.stem + ".o")
            objects.append(str(target))
            own = SETS.get(source.name, ()) if machine in ("x86_64", "AMD64") else ()
            running.append(_start([*command, *flags, *own, *says, "-c", str(source), "-o", str(target)]))
        _finish(running)
        linked = Path(folder, into.name)
        _finish([_start([*command, *_linking(), "-pthread", *extra, *objects, "-lm", "-o", str(linked)])])
        linked.replace(into)
    return into


def _linking() -> list[str]:
    return ["-shared", "-fPIC", *(["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else [])]


def _version(command: Sequence[str]) -> str:
    said = _run([*command, "--version"]).stdout.splitlines()
    name = "zig: " if "ziglang" in command else ""
    return name + "".join(c for c in (said or ["unknown"])[0] if c.isalnum() or c in " .:-+()")[:80]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def _start(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _finish(running: Sequence[subprocess.Popen[str]]) -> None:
    said = [one.communicate(timeout=LONGEST)[0] for one in running]
    if wrong := [words for one, words in zip(running, said, strict=True) if one.returncode]:
        raise NoCompiler(f"the compiler refuses the kernel:\n{wrong[0][-2000:]}")


def main(arguments: Sequence[str]) -> int:
    """Build where that is needed; the exit status, 0 also where there is no compiler and none is demanded."""
    parser = argparse.ArgumentParser(description="Build the C kernel of Himaya.")
    parser.add_argument("--only", choices=["system", "zig"], default="", help="this compiler and no other")
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument("--can", action="store_true", help="build nothing; status 1 where no compiler works")
    parser.add_argument(
        "--optional", action="store_true", help="where it cannot be built, say so and end with status 0"
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.can:
            compiler(only=chosen.only)
        else:
            build(only=chosen.only, strict=chosen.strict)
    except (NoCompiler, OSError, subprocess.TimeoutExpired) as error:
        if not chosen.can:
            print(f"The C kernel was not built; NumPy does its work, more slowly. {error}", file=sys.stderr)
        return 0 if chosen.optional else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
