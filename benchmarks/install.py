"""Cold `make install` in a copy of the project, without pip's cache: seconds and megabytes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.node import Figure

ROOT = Path(__file__).parent.parent


def run() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="himaya-install-") as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), f"{folder}/himaya"], check=True)
        began = time.perf_counter()
        environment = {**os.environ, "PIP_NO_CACHE_DIR": "1"}
        subprocess.run(["make", "--silent", "install"], cwd=f"{folder}/himaya", env=environment, check=True)
        seconds = time.perf_counter() - began
        size = subprocess.run(["du", "-sm", f"{folder}/himaya/.venv"], capture_output=True, text=True, check=True)
        yield Figure("make install, cold", 1, "s", [seconds])
        yield Figure("make install, size of .venv", 1, "MB", [float(size.stdout.split()[0])])
