"""Nodes as a person has them: a data directory, a database, and commands in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from tests.configured import free_port
from tests.forking import Forks

HIMAYA = Path(sys.executable).with_name("himaya")
AS_ROOT_MAY_READ_ANYTHING = os.geteuid() == 0
WITHOUT_PRIVILEGE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Makes root obey the modes of files, as everybody else must."""


PATIENCE = 240
"""Seconds after which a command hangs."""


class Node:
    """A data directory, a database, and the command line."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.data = Path(environment["HIMAYA_DATA"])

    def run(
        self, *command: object, status: int | None = 0, plainly: bool = False, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that must end with ``status``, which None leaves open, and never with a traceback.

        ``plainly``: without the privilege of root to read and write everything.
        """
        words, environment = [str(HIMAYA), *map(str, command)], {**self.environment, **more.pop("env", {})}
        if not plainly and forks().can(environment, more):
            ran = forks().run(words, environment, more)
        else:
            if plainly and AS_ROOT_MAY_READ_ANYTHING:
                words = [*WITHOUT_PRIVILEGE, *words]
            ran = subprocess.run(
                words, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False, **more
            )
        assert "Traceback" not in ran.stderr + ran.stdout, ran.stderr
        assert status in (None, ran.returncode), (ran.returncode, ran.stdout, ran.stderr)
        return ran

    def do(self, code: str, **more: Any) -> str:
        """Run Python where Django is set up, in a process of its own that must end well; what it printed."""
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": "himaya.site.settings", **more.pop("env", {})}
        code = f"import django; django.setup()\n{code}"
        if forks().can(environment, more):
            ran = forks().run([code], environment, more, main=False)
        else:
            command = [sys.executable, "-c", code]
            ran = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False, **more
            )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

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

    def counts(self, name: str = "") -> str:
        """What the lists hold, or one of them: to see that nothing was changed."""
        return self.run("lists", "show", *([name] if name else [])).stdout


def environment_of(data: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if n not in ("PYTHONDONTWRITEBYTECODE", "COLUMNS", "FORCE_COLOR")}
    path = f"{HIMAYA.parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "HIMAYA_DATA": str(data), "PYTHONWARNINGS": "default"}


@cache
def forks() -> Forks:
    """Forks for commands of every node."""
    return Forks(environment_of(Path(os.devnull)))


def pytest_unconfigure() -> None:
    if forks.cache_info().currsize:
        forks().close()


def _answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{address}/api/v1/health", timeout=5):
        return True
    return False


@contextmanager
def served(node: Node, *options: object, at: str = "") -> Iterator[str]:
    """Inside the block the node is served, with its worker; its address, a new one or that of before."""
    port = at.rpartition(":")[2] or free_port()
    running = node.begin("serve", "--port", port, *options)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    try:
        while not _answers(address):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < until, f"nothing answers at {address}"
            time.sleep(0.1)
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
