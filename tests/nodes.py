"""Nodes as a person has them: a data directory, a database, and commands in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.configured import free_port

FORKS = Path(__file__).parent / "cli" / "forks.py"
HIMAYA = Path(sys.executable).with_name("himaya")
AS_ROOT_MAY_READ_ANYTHING = os.geteuid() == 0
WITHOUT_PRIVILEGE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Makes root obey the modes of files, as everybody else must."""


class Node:
    """A data directory, a database, and the command line."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.data = Path(environment["HIMAYA_DATA"])

    def run(
        self, *command: object, status: int = 0, plainly: bool = False, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that must end with ``status``, and never with a traceback.

        ``plainly``: without the privilege of root to read and write everything.
        """
        words = [str(HIMAYA), *map(str, command)]
        if plainly and AS_ROOT_MAY_READ_ANYTHING:
            words = [*WITHOUT_PRIVILEGE, *words]
        environment = {**self.environment, **more.pop("env", {})}
        ran = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False, **more)
        assert "Traceback" not in ran.stderr + ran.stdout, ran.stderr
        assert ran.returncode == status, (ran.returncode, ran.stdout, ran.stderr)
        return ran

    def begin(self, *command: object, **more: Any) -> subprocess.Popen[str]:
        """Start a command in a group of its own."""
        environment = {**self.environment, **more.pop("env", {})}
        return subprocess.Popen(
            [str(HIMAYA), *map(str, command)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )

    def run_each(self, commands: list[tuple[str, ...]]) -> list[subprocess.CompletedProcess[str]]:
        """Run many commands, each in a process forked from one that has loaded everything: faster, the same words."""
        asked = json.dumps(commands)
        ran = subprocess.run(
            [sys.executable, "-W", "default", FORKS], env=self.environment, input=asked, capture_output=True, text=True,
            timeout=120, check=True,
        )  # fmt: skip
        done = [subprocess.CompletedProcess(c, *r) for c, r in zip(commands, json.loads(ran.stdout), strict=True)]
        for one in done:
            assert "Traceback" not in one.stderr, one
        return done

    def counts(self, name: str = "") -> str:
        """What the lists hold, or one of them: to see that nothing was changed."""
        return self.run("lists", "show", *([name] if name else [])).stdout


def environment_of(data: Path, compiled: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if n not in ("PYTHONDONTWRITEBYTECODE", "COLUMNS", "FORCE_COLOR")}
    path = f"{HIMAYA.parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **kept,
        "PATH": path,
        "HIMAYA_DATA": str(data),
        "PYTHONPYCACHEPREFIX": compiled,
        "PYTHONWARNINGS": "default",
    }


@contextmanager
def served(node: Node, *options: object) -> Iterator[str]:
    """Inside the block the node is served, with its worker; its address."""
    port = free_port()
    running = node.begin("serve", "--port", port, *options)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
    try:
        while time.monotonic() < until and running.poll() is None:
            with (
                suppress(OSError, urllib.error.URLError),
                urllib.request.urlopen(f"{address}/api/v1/health", timeout=5),
            ):
                break
            time.sleep(0.1)
        assert running.poll() is None, running.communicate()
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
