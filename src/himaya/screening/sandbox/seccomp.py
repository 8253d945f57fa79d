"""A filter of system calls (Linux, seccomp(2), mode filter): what is not named here ends the process at once.

The program is assembled here rather than by libseccomp, which not every system has: it is one list of numbers, compared
one after the other.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from functools import cache

from himaya.screening.sandbox import NotAllowed
from himaya.screening.sandbox.kernel import prctl

ALLOWED = {
    "read": (0, 63), "mmap": (9, 222), "munmap": (11, 215), "lseek": (8, 62), "futex": (202, 98), "brk": (12, 214),
    "mremap": (25, 216), "madvise": (28, 233), "mprotect": (10, 226), "write": (1, 64), "close": (3, 57),
    "fstat": (5, 80), "newfstatat": (262, 79), "pread64": (17, 67), "readv": (19, 65), "writev": (20, 66),
    "preadv": (295, 69), "recvmsg": (47, 212), "recvfrom": (45, 207), "sendmsg": (46, 211), "sendto": (44, 206),
    "poll": (7, None), "ppoll": (271, 73), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115), "nanosleep": (35, 101), "gettimeofday": (96, 169), "time": (201, None),
    "getrandom": (318, 278), "getrusage": (98, 165), "getpid": (39, 172), "gettid": (186, 178),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "sigaltstack": (131, 132), "restart_syscall": (219, 128), "rseq": (334, 293),
    "set_robust_list": (273, 99), "membarrier": (324, 283), "fadvise64": (221, 223), "exit": (60, 93),
    "exit_group": (231, 94),
}  # fmt: skip
"""What a decoder needs: name → its number on x86_64 and on aarch64 (the kernel's syscall_64.tbl and unistd.h)."""

REFUSED = {
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "stat": (4, None), "lstat": (6, None),
    "statx": (332, 291), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getcwd": (79, 17), "getdents64": (217, 61), "ioctl": (16, 29),
    "fcntl": (72, 25), "uname": (63, 160), "sysinfo": (99, 179), "prlimit64": (302, 261), "getrlimit": (97, 163),
    "prctl": (157, 167), "sched_setaffinity": (203, 122), "get_mempolicy": (239, 236),
}  # fmt: skip
"""What libraries try and can do without: it is answered "permission denied"."""

CLONE = (56, 220)
"""Allowed for threads, without one of which libde265 decodes no HEIC; for all else it is answered as below."""

PROCESSES = {"fork": (57, None), "vfork": (58, None)}
"""It is answered "try again"."""

UNKNOWN = {"clone3": (435, 435)}
"""Its flags lie in memory, where a filter cannot read. It is answered "there is none", upon which ``clone`` is used."""

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Machine → its column above, and how the kernel calls it (AUDIT_ARCH)."""
_X32 = 0x40000000
"""Bit of the numbers of a second set of calls on x86_64, which nobody uses."""
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST, _THIRD, _FOURTH = 0, 4, 16, 32, 40
"""Where in struct seccomp_data: the call, the machine, the low half of arguments."""
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_PROT_EXEC = 0x4
_AT_EMPTY_PATH = 0x1000
_CLONE_THREAD, _CLONE_NEW = 0x10000, 0x7E020000
"""Clone: a thread of this process; and every kind of namespace."""
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

_Step = tuple[int, int, int, int]
"""Operation, steps to pass over where it holds, and where it does not, operand."""

_THREADS_ALONE: list[_Step] = [
    (_LOAD, 0, 0, _FIRST), (_ANY_BIT, 2, 0, _CLONE_NEW), (_ANY_BIT, 0, 1, _CLONE_THREAD), (_RETURN, 0, 0, _ALLOW),
    (_RETURN, 0, 0, _ERROR | errno.EAGAIN),
]  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def allow_few() -> None:
    """From now on, for good: this process makes no system call but those above.

    Raises:
        NotAllowed: the kernel, or the machine, does not know filters.
    """
    steps = assembled()
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(steps) // 8, steps)))


@cache
def assembled() -> bytes:
    """The filter for this machine, as the kernel takes it. Made once, before children are forked.

    Raises:
        NotAllowed: as :func:`program`.
    """
    return b"".join(struct.pack("=HBBI", *step) for step in program(platform.machine()))


def program(machine: str) -> list[_Step]:
    """The filter for a machine.

    Raises:
        NotAllowed: the numbers of its calls are not known here.
    """
    if machine not in _MACHINES:
        raise NotAllowed(f"system calls of {machine} are not known")
    column, arch = _MACHINES[machine]
    steps: list[_Step] = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    steps += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for name, numbers in ALLOWED.items():
        steps += _allowed(name, numbers[column])
    steps += _when(CLONE[column], _THREADS_ALONE)
    for calls, error in ((REFUSED, errno.EACCES), (PROCESSES, errno.EAGAIN), (UNKNOWN, errno.ENOSYS)):
        for numbers in calls.values():
            steps += _when(numbers[column], [(_RETURN, 0, 0, _ERROR | error)])
    return [*steps, (_RETURN, 0, 0, _KILL)]


def _allowed(name: str, number: int | None) -> list[_Step]:
    allow, refuse = (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERROR | errno.EACCES)
    if name in ("mmap", "mprotect"):  # memory that was written is not run
        return _when(number, [(_LOAD, 0, 0, _THIRD), (_ANY_BIT, 0, 1, _PROT_EXEC), refuse, allow])
    if name == "newfstatat":  # of an open file, as the C library has it, and not of a path
        return _when(number, [(_LOAD, 0, 0, _FOURTH), (_ANY_BIT, 0, 1, _AT_EMPTY_PATH), allow, refuse])
    return _when(number, [allow])


def _when(number: int | None, then: list[_Step]) -> list[_Step]:
    return [] if number is None else [(_EQUAL, 0, len(then), number), *then]
