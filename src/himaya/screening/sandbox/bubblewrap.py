"""Bubblewrap (the program ``bwrap``): namespaces in which there is nothing but programs to read."""

from __future__ import annotations

import shutil
import site
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from himaya.screening.sandbox import NotAllowed


def wrapped(command: Sequence[str], *, readable: Iterable[Path]) -> list[str]:
    """``command`` in namespaces of its own, with the system's programs, Python and ``readable`` to read.

    No ``--die-with-parent``: the kernel means the thread that started it, and threads of ours end. What runs inside
    ends when its line to us does.

    Raises:
        NotAllowed: there is no bwrap. That it may not make namespaces is known once it is tried.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NotAllowed("bwrap is not installed")
    wrapping = [bwrap, "--unshare-all", "--cap-drop", "ALL", "--new-session", "--chdir", "/", "--tmpfs", "/tmp"]  # noqa: S108 - an empty one
    wrapping += ["--ro-bind", "/usr", "/usr"]
    for name in ("/lib", "/lib32", "/lib64", "/bin", "/sbin"):
        path = Path(name)
        if path.is_symlink():
            wrapping += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            wrapping += ["--ro-bind", name, name]
    for place in ("/etc/ld.so.cache", "/etc/alternatives"):
        wrapping += ["--ro-bind-try", place, place]
    for place in sorted({*_python(), *(str(path) for path in readable)}):
        wrapping += ["--ro-bind-try", place, place]
    return [*wrapping, "--", *command]


def _python() -> set[str]:
    interpreter = Path(sys.executable).resolve()
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *site.getsitepackages()}
    return {place for place in (*places, str(interpreter.parent)) if place not in ("/", "/usr")}
