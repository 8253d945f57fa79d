"""The process from which children are forked: it has loaded everything, and gives up what neither it nor they need.

Started by :mod:`himaya.screening.nursery` alone. It is told ``s`` and a number, with a socket beside it: fork a child
that answers there; ``w``: one that works on a sample first; ``e`` and the number: end that child. Where its own line
is closed, it ends, and all with it.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec

from himaya.core import drawing, pictures, registry
from himaya.core.contents import Content
from himaya.core.errors import HimayaError, NotHashable
from himaya.core.stills import still
from himaya.screening import child, fingerprinting
from himaya.screening.messages import ANSWER, LEVEL, QUESTION
from himaya.screening.sandbox import Level, NotAllowed, kernel, landlock, limits, seccomp

LONGEST_ORDER = 64
Known = list[tuple[bytes, bytes]]
"""Contents, and what came of each."""


def samples() -> Iterator[bytes]:
    """One small picture of each format, whole, odd and damaged: what is loaded late is loaded by these."""
    small = drawing.landscape(1, width=64, height=48)
    for format_ in pictures.FORMATS:
        whole = drawing.encode(small, format_, orientation=1 if format_ in ("GIF", "BMP") else 6)
        yield whole
        yield whole[: len(whole) * 2 // 3]
        yield whole[: len(whole) // 2] + bytes(64) + whole[len(whole) // 2 + 64 :]
    yield drawing.encode(small, "JPEG", progressive=True)
    yield drawing.encode(drawing.landscape(1), "PNG", optimize=True)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        yield drawing.encode(small, "TIFF", compression=compression)


def films() -> Iterator[bytes]:
    """A small video of each kind of decoding, whole and damaged, where they are decoded here at all."""
    if find_spec("av") is None:
        return
    pictures = [drawing.landscape(seed, width=64, height=48) for seed in (1, 2, 3)]
    for container, codec, format_ in (("mp4", "mpeg4", "yuv420p"), ("avi", "rawvideo", "bgr24")):
        whole = drawing.film(pictures, container, codec, format_=format_)
        yield whole
        yield whole[: len(whole) // 2] + bytes(64) + whole[len(whole) // 2 + 64 :]


def warm_up() -> Known:
    """Compute every signal of the signals' own examples, and of each sample; samples and what came of them."""
    QUESTION.validate_json(b"{}")
    for kind in registry.signals().values():
        with suppress(NotHashable, ImportError):  # what needs an extra that is not installed here has no example
            for example in kind.examples():
                kind.compute(Content(example.content))
    known = [(sample, _outcome(sample)) for sample in (*samples(), *films())]
    for sample, _ in known:
        with suppress(HimayaError):
            still(Content(sample), side=32)
    return known


def _outcome(sample: bytes) -> bytes:
    return ANSWER.dump_json(fingerprinting.fingerprint(Content(sample)))


def close_doors(mode: str, known: Known) -> Level:
    """Put every layer in force that this system allows, from here on; of ``off``, the limits alone."""
    limits.limit_tree()
    layers, missing = ["limits"], {}
    if mode != "off":
        for layer, close in (("no-new-privs", kernel.gain_nothing), ("landlock", landlock.deny_everything)):
            try:
                close()
                layers.append(layer)
            except (NotAllowed, OSError) as error:
                missing[layer] = str(error)
        if why := _seccomp_fails(layers, known):
            missing["seccomp"] = why
        else:
            layers.append("seccomp")
    return Level(tuple(layers), missing)


def _seccomp_fails(layers: list[str], known: Known) -> str:
    """Why a child under the filter does not come to the same outcomes; empty where it does."""
    with suppress(NotAllowed):
        seccomp.assembled()
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = _FAILS
        try:
            child.confine([*layers, "seccomp"], zygote)
            status = 0 if all(_outcome(sample) == outcome for sample, outcome in known) else _DIFFERS
        except NotAllowed:
            status = _UNKNOWN
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "" if status == 0 else _WHY.get(status, f"a decoder needs a system call that it does not have ({status})")


_DIFFERS, _UNKNOWN, _FAILS = 2, 3, 4
_WHY = {
    _DIFFERS: "pictures or videos come out differently under it",
    _UNKNOWN: "this kernel or this machine has no filter of system calls",
}


def main() -> None:
    """Get ready, say so, and fork children until the line is closed."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    known = warm_up()
    level = close_doors(sys.argv[2], known)
    gc.collect()
    kernel.give_back()
    gc.freeze()
    for output in (1, 2):  # libraries print what they think of a file; nobody reads it
        os.dup2(0, output)
    orders.send(LEVEL.dump_json(level))
    signal.signal(signal.SIGCHLD, lambda *_: reap())
    try:
        follow(orders, level, drawing.encode(drawing.landscape(1)))
    finally:
        for pid in _children.values():
            os.kill(pid, signal.SIGKILL)


_children: dict[int, int] = {}
"""Number → process."""
_ended: set[int] = set()
"""Processes that were killed, until the kernel forgets them."""


def follow(orders: socket.socket, level: Level, sample: bytes) -> None:
    """Do as told. ``sample``: see :func:`himaya.screening.child.serve`."""
    zygote = os.getpid()
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, LONGEST_ORDER, 1)
        if not order:
            return
        number = int(order[1:])
        if order[:1] == b"e":
            end(_children.pop(number, None))
            continue
        try:
            pid = os.fork()
        except OSError:  # whoever waits for this child finds its line closed
            pid = -1
        if pid == 0:
            child.serve(descriptors[0], level.layers, zygote, sample if order[:1] == b"w" else b"")
        os.close(descriptors[0])
        if pid > 0:
            _children[number] = pid


def end(pid: int | None) -> None:
    """Kill a child, unless it never lived."""
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        _ended.add(pid)
        reap()


def reap() -> None:
    """Let the kernel forget those that ended. Until then no other process gets such a one's number."""
    for pid in list(_ended):
        with suppress(ChildProcessError):  # a signal came in between, and brought us here twice
            if os.waitpid(pid, os.WNOHANG)[0]:
                _ended.discard(pid)


if __name__ == "__main__":
    main()
