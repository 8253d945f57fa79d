"""The package is made importable, and its command callable, by two small files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.link_package import link


def test_the_command_of_the_project_is_callable(tmp_path: Path) -> None:
    package = tmp_path / "src/sample"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("def main():\n    print('called')\n    return 4\n")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'sample'\n[project.scripts]\nsay = 'sample:main'\n")
    site = tmp_path / "site"
    site.mkdir()
    path_file, script = link(tmp_path, site, tmp_path)
    assert path_file.read_text() == f"{tmp_path / 'src'}\n"
    environment = {"PYTHONPATH": path_file.read_text().strip()}
    done = subprocess.run([script], capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout, done.returncode) == ("called\n", 4)
    assert script.read_text().startswith(f"#!{sys.executable}\n")
