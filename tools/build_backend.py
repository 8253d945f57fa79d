"""Building a wheel (PEP 517): setuptools', with the C kernel built first.

A wheel with the kernel serves every Python from 3.11 on, on one kind of machine (``cp311-abi3-<platform>``). Where
there is no compiler, Zig's is asked of PyPI for the build; where even that fails, the wheel is plain Python.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import setuptools
from setuptools import build_meta
from setuptools.build_meta import (  # noqa: F401 - what a frontend may call
    build_sdist,
    get_requires_for_build_sdist,
)

PROJECT = Path(__file__).parent.parent
_kernel: dict[str, Any] = runpy.run_path(str(PROJECT / "src/himaya/core/kernel/build.py"))


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What the build needs beside setuptools."""
    wanted = list(build_meta.get_requires_for_build_wheel(config_settings))
    try:
        _kernel["compiler"]()
    except _kernel["NoCompiler"]:
        wanted += [
            line for line in (PROJECT / "requirements-build.in").read_text("utf-8").splitlines() if line[0] != "#"
        ]
    return wanted


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Build the kernel, then the wheel; its name."""
    settings = dict(config_settings or {})
    try:
        _kernel["build"]()
    except (_kernel["NoCompiler"], OSError) as error:
        _kernel["BUILT"].unlink(missing_ok=True)
        print(f"The C kernel was not built; NumPy does its work, more slowly. {error}", file=sys.stderr)  # noqa: T201
    else:
        setuptools.Distribution.has_ext_modules = lambda _: True  # type: ignore[method-assign]
        settings["--build-option"] = [*settings.get("--build-option", []), "--py-limited-api=cp311"]
    return build_meta.build_wheel(wheel_directory, settings, metadata_directory)
