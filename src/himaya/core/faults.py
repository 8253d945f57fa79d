"""Fault points: named places at which a test can kill, fail or delay the process.

``HIMAYA_FAULT=name:action[@n]`` arms one point, several separated by commas; ``action`` is ``kill`` (SIGKILL to
oneself: as if the power went), ``raise`` or ``sleep=SECONDS``; ``@n`` lets the first *n - 1* passes through. Unarmed,
a point costs one look at an empty dictionary.
"""

from __future__ import annotations

import os
import signal
import time


class InjectedFault(Exception):
    """Raised by a point that was armed with ``raise``."""


def _read(spec: str) -> dict[str, tuple[str, int]]:
    armed = {}
    for part in filter(None, spec.split(",")):
        name, _, rest = part.partition(":")
        action, _, nth = rest.partition("@")
        armed[name.strip()] = (action.strip(), int(nth or 1))
    return armed


_armed = _read(os.environ.get("HIMAYA_FAULT", ""))
_passed: dict[str, int] = {}


def arm(spec: str) -> None:
    """Replace what is armed; the empty string disarms. For tests in the same process."""
    _armed.clear()
    _passed.clear()
    _armed.update(_read(spec))


def point(name: str) -> None:
    """Do nothing, unless this point is armed."""
    if name not in _armed:
        return
    action, nth = _armed[name]
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] < nth:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "raise":
        raise InjectedFault(name)
    if action.startswith("sleep="):
        time.sleep(float(action.removeprefix("sleep=")))
