"""The C kernel: what has to be fast and is not a library's. Where it is absent, twins in NumPy do the same, slowly.

    from himaya.core import kernel
    if kernel.native: ...            # the extension module, or None
    kernel.status()                  # available, which instruction set, which compiler, why not

``HIMAYA_KERNEL`` chooses the instruction set (``plain``, ``avx2``, ``avx512``), or ``off`` for the twins; the best that
this processor has is the default. ``build.py`` builds it, ``make kernel`` calls that; ``src/kernel.h`` explains it.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from types import ModuleType

from himaya.core.kernel import build
from himaya.core.words import N_

REMEDY = N_("Run: make kernel (or install Himaya anew)")


@dataclass(frozen=True, slots=True)
class Status:
    """What serves. ``why_not`` is marked for translation; empty where the kernel is available."""

    available: bool
    instructions: str = ""
    compiler: str = ""
    why_not: str = ""


def status() -> Status:
    """What serves in this process."""
    if native is None:
        return Status(available=False, why_not=_why_not)
    return Status(available=True, instructions=native.in_use(), compiler=native.BUILT_BY)


def instruction_sets() -> tuple[str, ...]:
    """Those that this processor has, best last; none where the kernel is absent."""
    return () if native is None else tuple(native.instruction_sets())


def use(instructions: str) -> None:
    """From now on use this instruction set, in the whole process. For tests and benchmarks.

    Raises:
        ValueError: this processor does not have it, or there is no kernel.
    """
    if native is None:
        raise ValueError(_why_not)
    native.use(instructions)


def _load() -> tuple[ModuleType | None, str]:
    """The extension module, or why there is none."""
    wanted = os.environ.get("HIMAYA_KERNEL", "")
    if wanted == "off":
        return None, N_("switched off by HIMAYA_KERNEL")
    if not build.BUILT.exists():
        return None, N_("it has not been built")
    try:
        module = importlib.import_module("himaya.core.kernel._kernel")
    except ImportError:
        return None, N_("what was built does not fit this machine")
    if build.digest() != module.BUILT_FROM:
        return None, N_("it was built from other sources")
    if wanted:
        if wanted not in module.instruction_sets():
            return None, N_("this processor has not the instructions that HIMAYA_KERNEL names")
        module.use(wanted)
    return module, ""


native, _why_not = _load()
"""The extension module ``_kernel``; None where there is none to use."""
