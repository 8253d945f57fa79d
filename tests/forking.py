"""Commands in forks of a process that has loaded what they need: whole processes, at a tenth of the price."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

FORKS = Path(__file__).with_name("forks.py")
PATIENCE = 240
"""Seconds after which a command, or the start of the process, hangs."""
AT_START = ("PYTHON", "LC_", "LANG", "TERM", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "HIMAYA_KERNEL")
"""How names in the environment begin that an interpreter, a terminal or a module reads while it loads."""


class Forks:
    """Runs commands of any node, which find its settings themselves."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._had = _fixed(environment)
        self._running: subprocess.Popen[bytes] | None = None
        self._alone = threading.Lock()

    def can(self, environment: dict[str, str], more: dict[str, Any]) -> bool:
        """Whether a fork is what a process of its own would be, with these arguments of ``subprocess.run``."""
        return not more.keys() - {"input", "cwd", "stdin"} and self._had == _fixed(environment)

    def run(
        self, words: list[str], environment: dict[str, str], more: dict[str, Any], *, main: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, as ``subprocess.run`` does that captures the output as text.

        Not ``main``: the only word is Python.
        """
        with self._alone:
            if not self._running:
                self._start()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            reads = _pipe(more["input"]) if "input" in more else os.dup(_number(more.get("stdin")))
            order = {"words": words, "main": main, "cwd": str(more.get("cwd") or Path.cwd()), "env": environment}
            streams = [reads, out.fileno(), err.fileno()]
            socket.send_fds(self._control, [json.dumps(order).encode()], [*streams, theirs.fileno()])
            os.close(reads)
            theirs.close()
            status = _end_of(ours, words)
            for stream in (out, err):
                stream.seek(0)
            return subprocess.CompletedProcess(words, status, out.read(), err.read())

    def close(self) -> None:
        """No more commands."""
        if self._running:
            self._control.close()
            self._running.wait(PATIENCE)

    def _start(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, FORKS, str(theirs.fileno())]
            self._running = subprocess.Popen(command, env=self._environment, pass_fds=[theirs.fileno()], stdin=-3)
        self._control.settimeout(PATIENCE)
        assert self._control.recv(100) == b"ready", "it ended while it loaded what commands need"


def _fixed(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


def _number(stdin: IO[Any] | int | None) -> int:
    if stdin is None or isinstance(stdin, int):
        return stdin or 0
    return stdin.fileno()


def _pipe(text: str) -> int:
    """The end to read of a pipe through which ``text`` comes."""
    reading, writing = os.pipe()

    def write() -> None:
        try:
            with open(writing, "w") as file:
                file.write(text)
        except BrokenPipeError:  # nobody wants the rest
            pass

    threading.Thread(target=write, daemon=True).start()
    return reading


def _end_of(answers: socket.socket, words: list[str]) -> int:
    answers.settimeout(PATIENCE)
    pid = int(answers.recv(100))
    try:
        return int(answers.recv(100))
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise subprocess.TimeoutExpired(words, PATIENCE) from None
