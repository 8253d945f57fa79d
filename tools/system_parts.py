"""What installing and testing need beside Python packages: found, installed where that is allowed, or named.

    system_parts.py [--complete] [PART…]

On Debian, as root, a missing part is installed. Elsewhere one line names it and how to get it, and the exit status
is 0: the caller leaves out what needs it and says so. With ``--complete``, or ``HIMAYA_COMPLETE=1``, or ``CI=true``,
a part that is still missing is a failure. Standard library only: this runs before anything is installed.
"""

# ruff: noqa: T201, S603
from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

OLDEST_POSTGRES = 15
POLICY = Path("/usr/sbin/policy-rc.d")
NO_SERVICES = "#!/bin/sh\n# Packages that are installed for tests start no service.\nexit 101\n"


@dataclass(frozen=True)
class Part:
    """A part of the system: what it is for, whether it is here, its Debian packages, and how to get it elsewhere."""

    name: str
    purpose: str
    found: Callable[[], bool]
    packages: tuple[str, ...]
    elsewhere: str


def postgres_bin() -> Path | None:
    """The directory of the newest PostgreSQL server that is new enough, or None."""
    places = [Path(p) for p in os.environ.get("PATH", "").split(os.pathsep) if p]
    for pattern in ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql*/bin", "usr/local/opt/postgresql*/bin"):
        places += Path("/").glob(pattern)
    found = [(v, p) for p in places if (v := _postgres_version(p)) >= OLDEST_POSTGRES]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _postgres_version(directory: Path) -> int:
    if not all(os.access(directory / tool, os.X_OK) for tool in ("postgres", "initdb", "createdb")):
        return 0
    answer = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\d+", answer.stdout)
    return int(number[0]) if number else 0


def chromium() -> str | None:
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome-stable"))), None)


def _can_compile() -> bool:
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    return sys.platform != "linux" or (headers.exists() and bool(shutil.which("c++") or shutil.which("g++")))


def _has_arabic_font() -> bool:
    places = (Path("/usr/share/fonts"), Path("/Library/Fonts"), Path.home() / ".local/share/fonts")
    return any(next(p.rglob("NotoSansArabic*"), None) for p in places if p.is_dir())


PARTS = {
    part.name: part
    for part in (
        Part("make", "running the commands of this project", lambda: bool(shutil.which("make")), ("make",), "make"),
        Part(
            "venv",
            "a virtual environment",
            lambda: importlib.util.find_spec("ensurepip") is not None,
            (f"python3.{sys.version_info.minor}-venv",),
            "the Python module ensurepip",
        ),
        Part(
            "compiler",
            "building pdqhash, the reference that tests compare our PDQ with",
            _can_compile,
            ("g++", f"python3.{sys.version_info.minor}-dev"),
            "a C++ compiler and the headers of Python (dnf install gcc-c++ python3-devel)",
        ),
        Part(
            "gettext",
            "the check of the translations",
            lambda: all(map(shutil.which, ("xgettext", "msgmerge", "msgfmt", "msguniq", "msgattrib"))),
            ("gettext",),
            "gettext (brew install gettext)",
        ),
        Part(
            "postgres",
            "the tests on PostgreSQL",
            lambda: postgres_bin() is not None,
            ("postgresql",),
            f"PostgreSQL {OLDEST_POSTGRES}+ with its server on the PATH (brew install postgresql@17)",
        ),
        Part(
            "chromium",
            "the tests in a browser",
            lambda: chromium() is not None,
            ("chromium",),
            "chromium or google-chrome-stable on the PATH (brew install --cask chromium)",
        ),
        Part(
            "fonts",
            "Arabic text in browser tests and screenshots",
            _has_arabic_font,
            ("fonts-noto-core",),
            "the Noto Sans Arabic font",
        ),
        Part(
            "bubblewrap",
            "the outermost layer of the sandbox, and its tests",
            lambda: bool(shutil.which("bwrap")),
            ("bubblewrap",),
            "bwrap on the PATH (dnf install bubblewrap)",
        ),
        Part(
            "pango",
            "reports as PDF",
            lambda: all(map(find_library, ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset"))),
            ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"),
            "Pango (brew install pango, dnf install pango)",
        ),
    )
}
FOR_TESTS = ("gettext", "postgres", "chromium", "fonts", "bubblewrap", "pango")


def must_be_complete() -> bool:
    """Whether a missing part is a failure."""
    return os.environ.get("HIMAYA_COMPLETE") == "1" or os.environ.get("CI") == "true"


def missing(names: Iterable[str]) -> list[str]:
    """Those of the named parts that are not here."""
    return [name for name in names if not PARTS[name].found()]


def may_install() -> bool:
    """Whether this is Debian and we are root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None and "\nID=debian\n" in _os_release()


def _os_release() -> str:
    path = Path("/etc/os-release")
    return "\n" + path.read_text(encoding="utf-8") + "\n" if path.exists() else ""


def install(names: Iterable[str]) -> None:
    """Install the Debian packages of the named parts, starting none of their services."""
    packages = sorted({p for name in names for p in PARTS[name].packages})
    print(f"Installing with apt-get: {' '.join(packages)}", file=sys.stderr, flush=True)
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text(NO_SERVICES, encoding="utf-8")
        POLICY.chmod(0o755)
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(
                apt + command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode:
                print("\n".join(done.stdout.splitlines()[-5:]), file=sys.stderr, flush=True)
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


def how_to_get(name: str) -> str:
    """One line: what is missing, what for, and how to get it."""
    part = PARTS[name]
    debian = f"apt-get install {' '.join(part.packages)}"
    way = f"{debian} (as root)" if shutil.which("apt-get") else f"install {part.elsewhere}"
    return f"Missing: {name}, for {part.purpose}. To get it: {way}."


def ensure(names: Sequence[str]) -> list[str]:
    """Install what is missing where that is allowed, name what still is; its names."""
    lacking = missing(names)
    if lacking and may_install():
        install(lacking)
        lacking = missing(lacking)
    for name in lacking:
        print(how_to_get(name), file=sys.stderr, flush=True)
    return lacking


def main(arguments: Sequence[str]) -> int:
    """Make sure of the named parts, or of all that tests need; the exit status."""
    names = [a for a in arguments if a != "--complete"] or list(FOR_TESTS)
    if unknown := [n for n in names if n not in PARTS]:
        print(f"No such part: {', '.join(unknown)}. There are: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    lacking = ensure(names)
    return 1 if lacking and ("--complete" in arguments or must_be_complete()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
