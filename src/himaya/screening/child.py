"""What runs in a child: take an open file, fingerprint it, answer. Forked by :mod:`himaya.screening.zygote` alone.

Requests are :class:`~himaya.core.ports.Options` as JSON, with the open file beside them. Answers are JSON, too:
``Fingerprinted`` or ``Skipped``; where something is to be decoded, first ``Begun``, so that what the bytes alone say is
not lost with a child, and then ``Ended``. Before each and up to once a second ``Working`` shows that a long file is
still worked on. A plug-in's ``compute`` says so by ``content.progress(fraction)``, as often as it likes.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import time
from collections.abc import Collection
from contextlib import suppress
from typing import NoReturn

from himaya.core import faults
from himaya.core.contents import Content
from himaya.core.errors import HimayaError
from himaya.core.stills import still
from himaya.core.words import N_
from himaya.screening.fingerprinting import UNREADABLE, Fingerprinted, Skipped, fingerprint, left_for, of_bytes, of_rest
from himaya.screening.line import Line
from himaya.screening.messages import (
    ANSWER,
    LONGEST_REQUEST,
    MOST_SIDE,
    QUESTION,
    Answer,
    Begun,
    Ended,
    Show,
    Shown,
    Working,
)
from himaya.screening.sandbox import NotAllowed, kernel, limits, seccomp

BETWEEN = 1.0
"""Seconds from one sign of work to the next."""
LINE = 3
"""The one descriptor that a child has, beside standard input, output and error, which lead nowhere."""


class Teller:
    """Tells the parent that there is progress, once a second at most.

    Whoever calls has done something, though it be the same share of the file: of a still video seconds lie in a few
    bytes. How long a file may take in all, the parent decides.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._at = time.monotonic()

    def __call__(self, done: float) -> None:
        """``done`` of 1 is done."""
        now = time.monotonic()
        if now - self._at >= BETWEEN:
            self._at = now
            self._line.send(ANSWER.dump_json(Working(min(max(float(done), 0.0), 1.0))))


def confine(layers: Collection[str], zygote: int) -> None:
    """What a child is kept from beyond what its zygote is; the filter of system calls last."""
    with suppress(NotAllowed):
        kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(1)
    limits.limit_child()
    if "seccomp" in layers:
        seccomp.allow_few()


def serve(end: int, layers: Collection[str], zygote: int, sample: bytes) -> NoReturn:
    """Close every other descriptor, be confined, and answer until the line is closed.

    Args:
        end: the descriptor of the line.
        layers: those that hold here.
        zygote: the process that forked this one.
        sample: worked on before the first file: a page of memory that is shared with the zygote is copied when it is
            first touched, and that takes longer than a small picture. Nobody waits for a spare
            child; whoever is waited for gets none.
    """
    try:
        os.dup2(end, LINE)
        os.closerange(LINE + 1, 65536)
        line = Line(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=LINE))
        confine(layers, zygote)
        if sample:
            ANSWER.dump_json(fingerprint(Content(sample)))
        while True:
            answer(line, *line.receive_with_file(most=LONGEST_REQUEST))
    except EOFError:
        os._exit(0)
    finally:
        os._exit(1)


def answer(line: Line, request: bytes, descriptor: int) -> None:
    """Say what comes of one file, what its bytes alone say before it is decoded."""
    with io.BufferedReader(io.FileIO(descriptor)) as file:
        content, options = Content(file, Teller(line)), QUESTION.validate_json(request)
        if isinstance(options, Show):
            show(line, content, options)
            return
        faults.point("fingerprinting.begin")
        told: Answer = of_bytes(content, options)
        if isinstance(told, Fingerprinted) and left_for(told.media_type, options):
            line.send(ANSWER.dump_json(Begun(told)))
            faults.point("fingerprinting.decode")
            told = Ended(of_rest(content, options))
        line.send(ANSWER.dump_json(told))


def show(line: Line, content: Content, wanted: Show) -> None:
    """Say how large the one picture of a file is, and send it; or why there is none."""
    try:
        pixels = still(content, side=min(wanted.side, MOST_SIDE))
    except HimayaError as error:
        line.send(ANSWER.dump_json(Skipped(UNREADABLE, str(error.facts["why"]))))
        return
    except MemoryError:
        line.send(ANSWER.dump_json(Skipped(UNREADABLE, N_("it takes more memory than a decoder may use"))))
        return
    height, width = pixels.shape[:2]
    faults.point("showing.decoded")
    line.send(ANSWER.dump_json(Shown(width, height)))
    line.send(pixels.tobytes())
