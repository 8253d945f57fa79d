"""A new file: it has its name once it is whole, whatever happens while it is written, and takes nobody's place."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from himaya.core.files import created

KILLED = """
import os, signal, sys
from pathlib import Path
from himaya.core.files import created
with created(Path(sys.argv[1])) as file:
    file.write(b"half of it")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_who_is_killed_while_writing_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    ran = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert ran.returncode == -9
    assert not path.exists()
    with created(path) as file:
        file.write(b"the whole")
    assert path.read_bytes() == b"the whole"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("second_names", [True, False])
def test_it_takes_nobody_s_place(second_names: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.EPERM, "a stick has no second names")

    if not second_names:
        monkeypatch.setattr(os, "link", none)
    path = tmp_path / "bundle.zip"
    with pytest.raises(FileExistsError), created(path):
        path.write_bytes(b"that of somebody who was faster")
    assert path.read_bytes() == b"that of somebody who was faster"
    assert [one.name for one in tmp_path.iterdir()] == ["bundle.zip"]
    path.unlink()
    with created(path) as file:
        file.write(b"mine")
    assert path.read_bytes() == b"mine"
    assert [one.name for one in tmp_path.iterdir()] == ["bundle.zip"]
