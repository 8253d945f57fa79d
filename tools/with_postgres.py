#!/usr/bin/env python3
"""A throw-away PostgreSQL: ``with_postgres.py COMMAND…`` runs a command beside one and stops it afterwards.

The server listens on a free port of 127.0.0.1, trusts whoever connects, keeps its data in memory where there is room
and else in a temporary directory, and does not wait for the disk: what was committed outlives a crash of the server,
not one of the machine. The command finds it in ``HIMAYA_DATABASE_URL``. Standard library only.
"""

# ruff: noqa: S108, S603
from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import system_parts

OWNER = "himaya"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "512MB",
    "max_connections": "200",
    "timezone": "UTC",
}
PR_SET_PDEATHSIG = 1
MEMORY, ROOM = Path("/dev/shm"), 2 * 1024**3
"""Where files are in memory (Linux), and the bytes that must be free there. Some databases of tests at once, and what
the server writes ahead, need half of it; to make and drop one costs a twentieth of what it does on a disk.
"""


class NoPostgresError(Exception):
    """There is no PostgreSQL to start, or it did not start."""


def _end_with_parent() -> None:
    """Have the kernel stop the server when we die without a chance to (Linux; elsewhere this does nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _owner() -> dict[str, Any]:
    """Arguments that make a subprocess run as somebody other than root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise NoPostgresError("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody.")


def _place() -> Path | None:
    """Where the data lie: in memory, or None, which is where temporary files do, also where TMPDIR names a place."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM
    return MEMORY if roomy and "TMPDIR" not in os.environ else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A server in a directory of its own; ``url`` is the address of its database ``himaya``."""

    def __init__(self) -> None:
        found = system_parts.postgres_bin()
        if found is None:
            raise NoPostgresError(system_parts.how_to_get("postgres"))
        self.bin = found
        self.port = _free_port()
        self.home = Path(tempfile.mkdtemp(prefix="himaya-postgres-", dir=_place()))
        self.log = self.home / "log"
        self.owner = _owner()
        self.process: subprocess.Popen[bytes] | None = None
        if self.owner:
            os.chown(self.home, self.owner["user"], self.owner["group"])

    @property
    def url(self) -> str:
        """The address of the server's first database."""
        return self.address("himaya")

    def address(self, database: str) -> str:
        """The address of one of the server's databases."""
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            [self.bin / command[0], *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            **self.owner,
        )
        if done.returncode:
            raise NoPostgresError(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")

    def start(self, patience: float = 30) -> None:
        """Start the server and wait, at most ``patience`` seconds, until it answers."""
        if not (self.home / "data").exists():
            self._run(
                ["initdb", "-D", str(self.home / "data"), "-U", OWNER, "--auth=trust", "-E", "UTF8", "--locale=C", "-N"]
            )
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": self.port}.items()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.home / "data", *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                start_new_session=True,  # Ctrl-C reaches us alone: the server outlives the command that uses it
                preexec_fn=_end_with_parent,
                **self.owner,
            )
        deadline = time.monotonic() + patience
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NoPostgresError(f"PostgreSQL did not start: {self.log.read_text(errors='replace')[-800:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether the server takes connections; the first time, make its database."""
        try:
            self._run(["createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", OWNER, "-w", "himaya"])
        except NoPostgresError as failure:
            return "already exists" in str(failure)
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends its connections, SIGQUIT ends it as a crash would."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def crash_and_restart(self) -> None:
        """Stop at once, as if the machine had failed, and start again on the same port."""
        self.stop(signal.SIGQUIT)
        self.start()

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.home, ignore_errors=True)


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """A started server, removed at the end."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def call(command: list[str], **more: str) -> int:
    """Run ``command`` with a server beside it; its exit status. ``more`` are variables of its environment."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda given, _frame: sys.exit(128 + given))
    with (
        running() as server,
        subprocess.Popen(command, env={**os.environ, "HIMAYA_DATABASE_URL": server.url, **more}) as child,
    ):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda given, _frame: child.send_signal(given))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the command as well
        status = child.wait()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("usage: with_postgres.py COMMAND…")
    try:
        sys.exit(call(sys.argv[1:]))
    except NoPostgresError as reason:
        sys.exit(str(reason))
