"""Make the package importable from its source tree, and its commands callable, in the running virtual environment.

An editable install would do the same, but it needs a build backend that the hashed lock would have to carry for
every node. This needs nothing: one path file, and one script for each line of ``[project.scripts]``.
"""

from __future__ import annotations

import sys
import sysconfig
import tomllib
from pathlib import Path

SCRIPT = """#!{python}
import sys
from {module} import {function}
sys.exit({function}())
"""


def link(project: Path, site_packages: Path, scripts: Path) -> list[Path]:
    """Write the path file and the scripts; the paths written."""
    paths = [site_packages / "himaya-source.pth"]
    paths[0].write_text(f"{project / 'src'}\n", encoding="utf-8")
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name, target in declared.items():
        module, function = target.split(":")
        script = scripts / name
        script.write_text(SCRIPT.format(python=sys.executable, module=module, function=function), encoding="utf-8")
        script.chmod(0o755)
        paths.append(script)
    return paths


if __name__ == "__main__":
    if sys.prefix == sys.base_prefix:
        sys.exit("tools/link_package.py writes into a virtual environment and this Python is none: use make install.")
    link(
        Path(__file__).parent.parent.resolve(), Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("scripts"))
    )
