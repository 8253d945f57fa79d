"""A wheel holds the kernel where a compiler works, and is plain Python where none does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BUILD = "import sys; sys.path.insert(0, 'tools'); import build_backend as b; print(b.build_wheel(sys.argv[1]))"
WANTED = "import sys; sys.path.insert(0, 'tools'); import build_backend as b; print(b.get_requires_for_build_wheel())"
ASK = "from himaya.core.kernel import status; s = status(); print(s.available, s.instructions)"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What a source distribution has, without what was built."""
    root = tmp_path / "project"
    shutil.copytree(PROJECT / "src", root / "src", ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info"))
    shutil.copytree(PROJECT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements-build.in"):
        shutil.copy(PROJECT / name, root)
    return root


def python(root: Path, code: str, *arguments: str, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        cwd=root, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()[-1]


def test_a_wheel_has_the_kernel_and_serves_every_python(project: Path, tmp_path: Path) -> None:
    name = python(project, BUILD, str(tmp_path))
    assert "-cp311-abi3-" in name
    with zipfile.ZipFile(tmp_path / name) as wheel:
        wheel.extractall(tmp_path / "there")
    asked = f"import sys; sys.path.insert(0, {str(tmp_path / 'there')!r}); {ASK}"
    assert python(tmp_path, asked).startswith("True")


def test_without_a_compiler_it_asks_for_one_and_is_plain_python_where_there_is_none(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "ziglang.py").write_text("raise SystemExit('no compiler')")
    bare = {"PATH": str(tmp_path), "CC": "", "PYTHONPATH": str(tmp_path)}
    assert "ziglang" in python(project, WANTED, **bare)
    name = python(project, BUILD, str(tmp_path), **bare)
    assert name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(tmp_path / name) as wheel:
        assert not [one for one in wheel.namelist() if one.endswith(".so")]
        assert "himaya/core/kernel/build.py" in wheel.namelist()
