"""Children that decode: a pool of processes that hostile files may kill.

Decoders are where hostile files do their harm: a crash, an endless loop or a flood of memory ends a child, not the
node, and what takes a child over finds itself in a sandbox (:mod:`himaya.screening.sandbox`). A child is handed neither
the environment nor the database nor the secrets, and no file but the one that it works on, open for reading. What it
answers is JSON, of bounded size, and is read as untrusted. What the bytes alone say it tells before it decodes: a file
that ends its decoder is still known by its digests.

A child serves one call, and of that no more than :data:`FILES_EACH` files: what takes it over sees no other caller's
files, and few of this one's. What a fork costs stands in docs/decisions/0020.
"""

from __future__ import annotations

import atexit
import fcntl
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from himaya.core.basics import Sandbox
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.ports import CANONICAL, Options
from himaya.screening.fingerprinting import (
    CRASHED,
    OUT_OF_TIME,
    TOO_SLOW,
    UNREADABLE,
    Skipped,
    is_so,
    open_file,
    unfinished,
)
from himaya.screening.messages import Outcome as Outcome
from himaya.screening.nursery import Child, Nursery, Still, started
from himaya.screening.sandbox import Level

FILES_EACH = 32
"""Files that one child is given; the next one has another."""
GOES = 3
"""How often a file is tried whose child went with the process that had forked it."""
OLDEST = 600.0
"""Seconds after which a child is given no other file: its time of a processor is limited."""
_SEALS = fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL

OnProgress = Callable[[int, float], None]
"""The number of a file that takes long, and the share of it that is done, 0 to 1; from threads."""
Opened = Callable[[], int | Skipped]
"""Opens what is to be read; a descriptor, or why there is none."""


def in_memory(content: bytes) -> int:
    """An open file that holds ``content`` and cannot be changed."""
    descriptor = os.memfd_create("content", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        fcntl.fcntl(descriptor, *_SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


class _Call:
    """One call, and the children that serve it alone."""

    def __init__(self, options: Options, seconds: float, on_progress: OnProgress) -> None:
        self.options, self.on_progress = options, on_progress
        self.until = time.monotonic() + seconds
        self._idle: list[Child] = []
        self._lock = threading.Lock()

    def take(self) -> Child | None:
        """A child that waits, if there is one."""
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.lives():  # else it died idle: no fault of the next file
                    return child
                child.end()
        return None

    def give(self, child: Child) -> None:
        """Keep a child for the next file, or end it where it had enough."""
        if child.files >= FILES_EACH or child.age > OLDEST:
            child.end()
            return
        with self._lock:
            self._idle.append(child)

    def end(self) -> None:
        """End the children."""
        for child in self._idle:
            child.end()

    def left(self) -> float:
        """Seconds."""
        return max(self.until - time.monotonic(), 0)


class Decoders:
    """A pool of children that survives the loss of any of them. Safe to use from several threads."""

    def __init__(self, processes: int, sandbox: Sandbox = "best") -> None:
        self._number = processes or os.cpu_count() or 1
        self._sandbox = sandbox
        self._places = threading.BoundedSemaphore(self._number)
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._nursery: Nursery | None = None

    def contents(
        self, items: Sequence[bytes], *, seconds: float = math.inf, options: Options = CANONICAL
    ) -> list[Outcome]:
        """Fingerprint contents, in their order. After ``seconds`` in all, those that are not done are skipped.

        Raises:
            NoDecoders, NoSandbox: nothing can be decoded on this system.
        """
        return self._all([partial(in_memory, item) for item in items], options, seconds)

    def files(
        self,
        paths: Sequence[bytes],
        *,
        max_bytes: int,
        options: Options = CANONICAL,
        on_progress: OnProgress = lambda *_: None,
    ) -> list[Outcome]:
        """Fingerprint files, in their order. They are opened here, and read by the children.

        A video may be larger than ``max_bytes``: as ``options`` say.

        Raises:
            NoDecoders, NoSandbox: as :meth:`contents`.
        """
        most = max_bytes, options.video.max_bytes
        return self.opened(
            [partial(open_file, path, *most) for path in paths], options=options, on_progress=on_progress
        )

    def opened(
        self, sources: Sequence[Opened], *, options: Options = CANONICAL, on_progress: OnProgress = lambda *_: None
    ) -> list[Outcome]:
        """Fingerprint whatever ``sources`` open, in their order. An error that ``on_progress`` raises ends it all.

        Raises:
            NoDecoders, NoSandbox: as :meth:`contents`.
        """
        return self._all(sources, options, math.inf, on_progress)

    def show(self, descriptor: int, *, side: int, seconds: float) -> Still | Skipped:
        """One picture of an open file, decoded by a child that is given nothing before and nothing after it.

        Raises:
            NoDecoders, NoSandbox: as :meth:`contents`.
        """
        nursery, until = self._living(), time.monotonic() + seconds
        if not self._places.acquire(timeout=seconds):
            return Skipped(OUT_OF_TIME)
        child: Child | None = None
        try:
            child = nursery.child()
            return child.show(side, descriptor, until=until)
        except TimeoutError:
            return Skipped(TOO_SLOW)
        except (OSError, EOFError, ValueError, HimayaError):
            return Skipped(CRASHED)
        finally:
            if child is not None:
                child.end()
            self._places.release()
            nursery.restock()

    def level(self) -> Level:
        """What keeps the children in.

        Raises:
            NoDecoders, NoSandbox: as :meth:`contents`.
        """
        return self._living().level

    def close(self) -> None:
        """End the children. The next call starts anew."""
        with self._lock:
            threads, self._threads = self._threads, None
            nursery, self._nursery = self._nursery, None
        if threads is not None:
            threads.shutdown(wait=True)
        if nursery is not None:
            nursery.close()

    def _living(self) -> Nursery:
        with self._lock:
            if self._nursery is not None and not self._nursery.lives():
                self._nursery.close()
                self._nursery = None
            if self._nursery is None:
                self._nursery = started(self._sandbox)
            return self._nursery

    def _all(
        self,
        sources: Sequence[Opened],
        options: Options,
        seconds: float,
        on_progress: OnProgress = lambda *_: None,
    ) -> list[Outcome]:
        nursery = self._living()
        call = _Call(options, seconds, on_progress)
        try:
            if len(sources) == 1:
                return [self._one(call, 0, sources[0])]
            with self._lock:
                if self._threads is None:
                    self._threads = ThreadPoolExecutor(self._number, thread_name_prefix="decoder")
                threads = self._threads
            return list(threads.map(partial(self._one, call), range(len(sources)), sources))
        finally:
            call.end()
            nursery.restock()

    def _one(self, call: _Call, number: int, source: Opened) -> Outcome:
        left = call.left()
        if not left or not self._places.acquire(timeout=min(left, threading.TIMEOUT_MAX)):
            return Skipped(OUT_OF_TIME)
        try:
            with _open(source) as opened:
                return opened if isinstance(opened, Skipped) else self._asked(call, number, opened)
        except OSError as error:
            return Skipped(UNREADABLE, os.strerror(error.errno or 0))
        finally:
            self._places.release()

    def _asked(self, call: _Call, number: int, descriptor: int) -> Outcome:
        for _ in range(GOES):
            nursery = self._living()
            outcome = _ask(call, number, nursery, descriptor)
            if not is_so(outcome, CRASHED) or nursery.lives() or not call.left():
                break
            # Else the zygote was killed, and every child with it: hardly by this file, which has another go.
        return outcome


def _ask(call: _Call, number: int, nursery: Nursery, descriptor: int) -> Outcome:
    child: Child | None = None
    given = False
    try:
        child = call.take() or nursery.child()
        outcome = child.ask(call.options, descriptor, until=call.until, tell=partial(call.on_progress, number))
        call.give(child)
        given = True
        return outcome
    except TimeoutError:
        reason = TOO_SLOW if call.left() else OUT_OF_TIME
    except (OSError, EOFError, ValueError, HimayaError):
        reason = CRASHED
    finally:
        if child is not None and not given:
            child.end()
    return Skipped(reason) if child is None else unfinished(child.begun, reason, call.options)


@contextmanager
def _open(source: Opened) -> Iterator[int | Skipped]:
    opened = source()
    try:
        yield opened
    finally:
        if not isinstance(opened, Skipped):
            os.close(opened)


_shared: Decoders | None = None
_shared_lock = threading.Lock()


def shared() -> Decoders:
    """This process's decoders; started the first time that a file is shown."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Decoders(config().decoders, config().decoder_sandbox)
            atexit.register(_shared.close)
        return _shared


def level(*, start: bool = True) -> Level | None:
    """What keeps this process's decoders in; None where none was started, and none is to be.

    Raises:
        NoDecoders, NoSandbox: nothing can be decoded on this system.
    """
    return shared().level() if start or _shared is not None else None


def _forget() -> None:
    """A process that was forked has a pool of its own: two that ask one child read each other's answers."""
    global _shared, _shared_lock
    _shared, _shared_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
