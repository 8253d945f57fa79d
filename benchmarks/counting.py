"""How often something was lost, leaked, or given again, while what must not happen was made to happen.

Each count is of tests that make it happen: of so many that ran, in so many something was lost. They are run here, each
in a process of its own; one that this machine cannot run (it may mount no small disk) is not counted as run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.node import Figure

PROJECT = Path(__file__).parent.parent
COUNTS = {
    "R6: lost on a full disk, of what was acknowledged": [
        "tests/core/test_stores_local.py", "tests/crash/test_disk_full.py", "tests/evidence/test_hurt.py",
        "-k", "r6 or may_not_grow",
    ],
    "R7: lost on a disk that fails now and then, of what was acknowledged": [
        "tests/core/test_stores_local.py", "tests/core/test_stores_mirrored.py", "tests/evidence/test_hurt.py",
        "tests/evidence/test_ending_of_many.py",
        "-k", "r7 or disk_that_cannot_read or file_that_cannot_be_removed",
    ],
    "R18: signed, sent or taken twice after an old backup was put back": [
        "tests/story/test_restored_node.py", "tests/story/test_restored_lists.py", "tests/log/test_restored.py",
    ],
    "R20: held, and ended all the same, however ends and holds raced": [
        "tests/crash/test_evidence_killed.py", "tests/evidence/test_ending.py",
        "-k", "held or hold or lose_nothing or nothing_else_is_lost",
    ],
    "R21: found in the clear, of secrets and of what was destroyed": [
        "tests/access/test_secrets.py", "tests/backup/test_making.py", "tests/backup/test_stores.py",
        "tests/backup/test_destroyed.py", "tests/crash/test_evidence_killed.py", "tests/evidence/test_ending.py",
        "-k", "secret or clear or nowhere or in_no_file or is_gone_and_says_so",
    ],
}  # fmt: skip


def run() -> Iterator[Figure]:
    for what, chosen in COUNTS.items():
        ran, failed = counted(chosen)
        unit = f"failed of {ran} that ran"
        yield Figure(f"vault: {what}; tests that made it happen", ran, unit, [failed], less=True)


def counted(chosen: Sequence[str]) -> tuple[int, int]:
    """Tests that ran, and those of them that failed.

    Raises:
        RuntimeError: none ran: nothing was made to happen, and nothing is counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", f"--junitxml={report}"]
        environment = {name: value for name, value in os.environ.items() if name != "HIMAYA_DATA"}
        done = subprocess.run(
            [*command, *chosen], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        if not report.is_file():
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        suite = next(ElementTree.parse(report).iter("testsuite"))
        skipped, bad = int(suite.get("skipped", 0)), int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        if int(suite.get("tests", 0)) <= skipped:
            raise RuntimeError(f"no test ran of: {' '.join(chosen)}\n{done.stdout[-2000:]}")
        return int(suite.get("tests", 0)) - skipped, bad
