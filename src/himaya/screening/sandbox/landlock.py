"""Landlock (Linux 5.13, Documentation/userspace-api/landlock.rst): a process gives up what it will not need."""

from __future__ import annotations

import ctypes
import os
import struct

from himaya.screening.sandbox.kernel import syscall

_CREATE, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1
_FILES = {1: 13, 2: 14, 3: 15, 4: 15}
"""ABI → how many rights on files it knows; 16 since the fifth."""
_TCP = 0b11
_SCOPES = 0b11
"""Abstract sockets and signals, of and to whoever is outside."""


def deny_everything() -> None:
    """Open no file, connect nowhere, signal nobody outside; this process and those it starts, for good.

    Raises:
        NotAllowed: this kernel has no landlock, or it is switched off.
    """
    abi = syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    handled = [(1 << _FILES.get(abi, 16)) - 1]
    handled += [_TCP] if abi >= 4 else []
    handled += [_SCOPES] if abi >= 6 else []
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    rules = syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)
