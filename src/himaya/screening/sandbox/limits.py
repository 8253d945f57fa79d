"""Limits that every kernel has (setrlimit(2))."""

from __future__ import annotations

import resource

MEMORY = 3 * 1024**3
"""Address space in bytes: room for one picture of the largest size that is decoded."""
OPEN_FILES = 16
CPU = 12_000
"""Seconds of a processor: longer than anybody waits for a child's last file. It ends one that nobody waits for."""


def limit_tree() -> None:
    """For a process and those it starts: no files written, no core dumps, few open files."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(what, (most, most))


def limit_child() -> None:
    """For a child that decodes: bounded memory and time.

    No limit on processes: it counts threads, too, and without one of these libde265 decodes no HEIC. The filter of
    system calls tells one from the other.
    """
    for what, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU)):
        resource.setrlimit(what, (most, most))
