"""Run every test: those that need a database on PostgreSQL, then all of them on SQLite.

Arguments go to pytest. The pass on PostgreSQL comes first, so that the closing line at the end counts the whole
suite. ``SEED=n`` repeats an order, ``JOBS=n`` sets the number of processes.
"""

# ruff: noqa: T201, S603
from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import system_parts
import with_postgres

NOTHING_CHOSEN, INTERRUPTED = 5, (2, 130, -2)
PROJECT = Path(__file__).parent.parent


def pytest(*arguments: str) -> list[str]:
    """The command line of a pytest run; the order of tests is drawn here so that it can be repeated."""
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**6))
    jobs = os.environ.get("JOBS") or str(min(os.cpu_count() or 1, 4))
    # In the order of tests/conftest.py: by itself, xdist begins the files of few tests last, and those are the longest.
    fixed = [
        "-n",
        jobs,
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
        "-p",
        "no:cacheprovider",
        f"--randomly-seed={seed}",
    ]
    print(f"(to repeat this order: SEED={seed} JOBS={jobs} make test)", flush=True)
    return [sys.executable, "-m", "pytest", *fixed, *arguments]


def main(arguments: list[str]) -> int:
    """Both passes, whatever came of the first: who waits learns all of it. The status of one that fails."""
    failed = 0
    lacking = system_parts.ensure(system_parts.FOR_TESTS)
    if lacking and system_parts.must_be_complete():
        print("This run has to be complete, and parts are missing.", file=sys.stderr)
        return 1
    os.chdir(PROJECT)
    os.environ.pop("HIMAYA_DATABASE_URL", None)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the second pass reads what the first has compiled
    with tempfile.TemporaryDirectory(prefix="himaya-tests-") as data:
        os.environ["HIMAYA_DATA"] = data
        if "postgres" not in lacking:
            print("\nOn PostgreSQL: the tests that use a database.", flush=True)
            failed = with_postgres.call(pytest("--only-database", *arguments))
            failed = 0 if failed == NOTHING_CHOSEN and arguments else failed
            if failed in INTERRUPTED:
                return failed
        print("\nOn SQLite: every test.", flush=True)
        return subprocess.run(pytest(*arguments), check=False).returncode or failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
