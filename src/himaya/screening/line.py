"""The line between the node and a child: messages of known length, and open files beside them."""

from __future__ import annotations

import math
import socket
import struct
import time

_LENGTH = struct.Struct("!I")
_PIECE = 65536
_LONGEST_WAIT = 1_000_000.0
_SENDING = 30.0
"""Seconds that it may take somebody to accept the few bytes of a request."""


class Line:
    """One end of a stream socket. Whoever is at the other end is not trusted: every wait has an end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: bytes, descriptor: int | None = None) -> None:
        """Send a message, and an open file with it.

        Raises:
            OSError: nobody is there.
        """
        framed = memoryview(_LENGTH.pack(len(message)) + message)
        if descriptor is not None:
            framed = framed[socket.send_fds(self._end, [framed], [descriptor]) :]
        if framed:  # sending nothing fails, too, where the other end has answered meanwhile and is gone
            self._end.sendall(framed)

    def receive(self, *, most: int, until: float = math.inf) -> bytes:
        """The next message.

        Args:
            most: bytes that it may have.
            until: a moment of :func:`time.monotonic`.

        Raises:
            TimeoutError: it is not there, or not whole, by then.
            EOFError: the other end is closed.
            ValueError: it is too long.
        """
        return self._body(self._exactly(_LENGTH.size, until), most, until)

    def receive_with_file(self, *, most: int) -> tuple[bytes, int]:
        """The next message and the open file that comes with it, which the caller closes.

        Raises:
            EOFError, ValueError: as :meth:`receive`; there is no file.
        """
        head, descriptors, _, _ = socket.recv_fds(self._end, _LENGTH.size, 1)
        if not head:
            raise EOFError
        if len(head) < _LENGTH.size or len(descriptors) != 1:
            raise ValueError("a request without its file")
        return self._body(head, most, math.inf), descriptors[0]

    def open(self) -> bool:
        """Whether the other end is there and has said nothing unasked."""
        self._end.setblocking(False)
        try:
            self._end.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self._end.settimeout(_SENDING)
        return False

    def close(self) -> None:
        """Hang up."""
        self._end.close()

    def _body(self, head: bytes, most: int, until: float) -> bytes:
        (length,) = _LENGTH.unpack(head)
        if length > most:
            raise ValueError(f"a message of {length} bytes")
        return self._exactly(length, until)

    def _exactly(self, size: int, until: float) -> bytes:
        got = bytearray()
        while len(got) < size:
            if until < math.inf:
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self._end.settimeout(min(left, _LONGEST_WAIT))
            piece = self._end.recv(min(size - len(got), _PIECE))
            if not piece:
                raise EOFError
            got += piece
        return bytes(got)
