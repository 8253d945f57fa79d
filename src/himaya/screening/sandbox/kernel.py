"""The C library's way into the kernel, for calls that Python has no name for."""

from __future__ import annotations

import ctypes
import os

from himaya.screening.sandbox import NotAllowed

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def syscall(number: int, *arguments: object) -> int:
    """Make a system call.

    Raises:
        NotAllowed: with the kernel's reason.
    """
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments))


def prctl(what: int, *arguments: object) -> int:
    """As ``prctl(2)``.

    Raises:
        NotAllowed: with the kernel's reason.
    """
    filled = (*arguments, 0, 0, 0, 0)[:4]
    return _checked(_libc.prctl(what, *(ctypes.c_ulong(a) if isinstance(a, int) else a for a in filled)))


def die_with_parent(signal: int) -> None:
    """Have this process killed when the thread that started it ends."""
    prctl(_PR_SET_PDEATHSIG, signal)


def gain_nothing() -> None:
    """Never get more rights by starting a program; what landlock and seccomp ask for."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def give_back() -> None:
    """Free memory that the C library keeps, where it can: what there is, each fork copies the tables of."""
    if trim := getattr(_libc, "malloc_trim", None):
        trim(0)


def _checked(result: int) -> int:
    if result < 0:
        raise NotAllowed(os.strerror(ctypes.get_errno()))
    return result
