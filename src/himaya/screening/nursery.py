"""The node's side of :mod:`himaya.screening.zygote`: starts it, has it fork children, and asks these."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from himaya.core.basics import Sandbox
from himaya.core.errors import HimayaError
from himaya.core.ports import Options
from himaya.screening.fingerprinting import Fingerprinted, Skipped, left_for
from himaya.screening.line import Line
from himaya.screening.messages import (
    LEVEL,
    LONGEST_ANSWER,
    QUESTION,
    REQUEST,
    Begun,
    Ended,
    Outcome,
    Show,
    Shown,
    Working,
    read_answer,
)
from himaya.screening.sandbox import LAYERS, Level, NotAllowed, bubblewrap

PATIENCE = 30.0
"""Seconds without an answer or a sign of work; then a child is killed."""
LONGEST = 3 * 3600.0
"""Seconds for one file in all, however much it seems to be worked on: six hours of a video, large ones too."""
SPARES = 2
"""Children that wait for a call: a call should not wait for a fork."""
START = 60.0
"""Seconds until a zygote must be ready, on a machine that is busy."""
SOURCE = Path(__file__).parents[2]
READABLE = [SOURCE]
ZYGOTE = "himaya.screening.zygote"
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "HIMAYA_FAULT",
    "HIMAYA_KERNEL",
    "LD_LIBRARY_PATH",
    "OPENBLAS_CORETYPE",
    "PYTHONDONTWRITEBYTECODE",
)
SET = {"PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_LONGEST_LEVEL = 64 * 1024

log = logging.getLogger("himaya.decoders")


class NoDecoders(HimayaError):
    """The process that decodes does not start: {why}."""

    remedy = "Run: himaya doctor. If it goes on, reinstall the package that is named."
    status = 503


class NoSandbox(HimayaError):
    """Nothing is decoded: decoder_sandbox is "required", and this system does not allow {missing}."""

    remedy = (
        "Have the system allow filters of system calls (containers: the runtime's seccomp profile), or set "
        'decoder_sandbox = "best".'
    )
    status = 503


@dataclass(frozen=True, slots=True)
class Still:
    """A picture as a child has decoded it: three bytes for each pixel, red, green, blue, row by row."""

    width: int
    height: int
    pixels: bytes


class Child:
    """A child and the line to it. Used by one thread at a time."""

    def __init__(self, nursery: Nursery, number: int, end: socket.socket) -> None:
        self._nursery, self._number = nursery, number
        self._line = Line(end)
        self._born = time.monotonic()
        self.files = 0
        """How many it was given."""
        self.begun: Fingerprinted | None = None
        """What the bytes of the file in hand say, told before that is decoded."""

    @property
    def age(self) -> float:
        """Seconds."""
        return time.monotonic() - self._born

    def ask(
        self, options: Options, descriptor: int, *, until: float, tell: Callable[[float], None] = lambda _: None
    ) -> Outcome:
        """What is made of an open file. Where this raises, ``begun`` is what is known of it all the same.

        Args:
            options: how it is to be fingerprinted.
            descriptor: the file; it stays the caller's.
            until: a moment of :func:`time.monotonic`.
            tell: told the share that is done, where it takes long.

        Raises:
            TimeoutError: it takes too long; the child must be ended, now as in all that follows.
            OSError, EOFError: it died.
            ValueError, HimayaError: it says what no child of ours says.
        """
        self.files, self.begun = self.files + 1, None
        self._line.send(REQUEST.dump_json(options), descriptor)
        until = min(until, time.monotonic() + LONGEST)
        for _ in range(int(LONGEST)):
            patience = time.monotonic() + PATIENCE
            told = read_answer(self._line.receive(most=LONGEST_ANSWER, until=min(until, patience)))
            if isinstance(told, Working):
                tell(told.done)
            elif (outcome := self._outcome(told, options)) is not None:
                return outcome
        raise ValueError("more signs of work than a child of ours gives")

    def show(self, side: int, descriptor: int, *, until: float) -> Still | Skipped:
        """One picture of an open file, at most ``side`` pixels wide and high.

        Raises:
            TimeoutError, OSError, EOFError, ValueError, HimayaError: as of :meth:`ask`; the child must be ended.
        """
        self.files += 1
        self._line.send(QUESTION.dump_json(Show(side)), descriptor)
        for _ in range(int(LONGEST)):
            told = read_answer(self._line.receive(most=LONGEST_ANSWER, until=until))
            if isinstance(told, Skipped):
                return told
            if isinstance(told, Shown) and max(told.width, told.height) <= side:
                pixels = self._line.receive(most=3 * side * side, until=until)
                if len(pixels) == 3 * told.width * told.height:
                    return Still(told.width, told.height, pixels)
            if not isinstance(told, Working):
                break
        raise ValueError("not an answer at this point")

    def _outcome(self, told: Begun | Ended | Shown | Outcome, options: Options) -> Outcome | None:
        """The outcome, once all of it is told. What a file makes of the child that decodes it changes no digest."""
        if self.begun is None and isinstance(told, Begun):
            self.begun = told.begun
            return None
        if self.begun is None and isinstance(told, Fingerprinted | Skipped):
            return told
        if self.begun is not None and isinstance(told, Ended):
            left = {*left_for(self.begun.media_type, options)}
            if left.issuperset({one.signal for one in told.rest.fingerprints}):
                return self.begun.and_rest(told.rest)
        raise ValueError("not an answer at this point")

    def lives(self) -> bool:
        """Whether it waits for its next file."""
        return self._line.open()

    def end(self) -> None:
        """Kill it."""
        self._line.close()
        self._nursery.end(self._number)


class Nursery:
    """A zygote and what it has forked. Safe to use from several threads.

    Raises:
        NoDecoders: it does not start.
    """

    def __init__(self, mode: Sandbox) -> None:
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._spares: deque[Child] = deque()
        self.level = Level(())
        command = [sys.executable, "-P", "-m", ZYGOTE]
        outside = ""
        if mode != "off":
            try:
                self._start(bubblewrap.wrapped(command, readable=READABLE), mode)
                self.level = replace(self.level, layers=(*self.level.layers, "bubblewrap"))
                return
            except (NotAllowed, NoDecoders) as error:
                outside = str(error.facts["why"]) if isinstance(error, NoDecoders) else str(error)
        self._start(command, mode)
        if outside:
            self.level = replace(self.level, missing={**self.level.missing, "bubblewrap": outside})

    def child(self) -> Child:
        """A fresh child, made ready in advance unless none is left.

        Raises:
            OSError: the zygote is gone.
        """
        with self._lock:
            while True:
                child = self._spares.popleft() if self._spares else self._fork()
                if child.lives():
                    break
                child.end()
            if not self._spares:
                self._spares.append(self._fork())
            return child

    def restock(self) -> None:
        """Have spares made, once a call is over: a fork would be in its way. Where the zygote is gone, none are."""
        with self._lock, suppress(OSError):
            while len(self._spares) < SPARES:
                self._spares.append(self._fork(b"w"))

    def end(self, number: int) -> None:
        """End a child. Where the zygote is gone, it is already."""
        with self._lock:
            try:
                self._orders.send(b"e%d" % number)
            except OSError:
                return

    def lives(self) -> bool:
        """Whether the zygote runs. Its line closes before its children are killed: whose death it was, shows."""
        with self._lock:
            return Line(self._orders).open() and self._process.poll() is None

    def close(self) -> None:
        """End the zygote and every child."""
        with self._lock:
            self._orders.close()
            for spare in self._spares:
                spare._line.close()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start(self, command: Sequence[str], mode: Sandbox) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*command, str(theirs.fileno()), mode],
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | SET,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                start_new_session=True,  # Ctrl-C at the terminal is the parent's to handle
            )
        self._orders.settimeout(START)
        try:
            self.level = LEVEL.validate_json(self._orders.recv(_LONGEST_LEVEL))
        except (OSError, ValueError) as error:
            self._process.kill()
            self._orders.close()
            said = self._process.communicate()[1].decode(errors="replace").strip()
            raise NoDecoders(why=said.splitlines()[-1] if said else f"no answer within {START:.0f} s") from error
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _fork(self, order: bytes = b"s") -> Child:
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._orders, [b"%s%d" % (order, number)], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return Child(self, number, ours)


def started(mode: Sandbox) -> Nursery:
    """A nursery at the level that the operator wants; the log says which it is.

    Raises:
        NoDecoders: it does not start.
        NoSandbox: it lacks what is required.
    """
    nursery = Nursery(mode)
    level = nursery.level
    lacks = "; ".join(f"{layer}: {level.missing[layer]}" for layer in LAYERS if layer in level.missing)
    log.log(
        logging.DEBUG if level.suffices or mode == "off" else logging.WARNING,
        "decoders are kept in by %s%s",
        ", ".join(level.layers),
        f" (not by {lacks})" if lacks else "",
    )
    if mode == "required" and not level.suffices:
        nursery.close()
        raise NoSandbox(missing=lacks)
    return nursery
