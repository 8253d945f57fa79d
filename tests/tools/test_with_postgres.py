"""A throw-away PostgreSQL comes up for a command and is gone afterwards, whatever happens to the command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.servers import create_database, drop_database
from tools.with_postgres import Postgres

PROJECT = Path(__file__).parents[2]
TOOL = [sys.executable, str(PROJECT / "tools/with_postgres.py")]
SAY_URL = "import os; print(os.environ['HIMAYA_DATABASE_URL'], flush=True)"
CUTS = [signal.SIGTERM, signal.SIGKILL][: 2 if sys.platform == "linux" else 1]
"""Only Linux tells a child of its parent's sudden end."""
pytestmark = pytest.mark.postgres


def start(code: str, **more: str) -> subprocess.Popen[str]:
    command = [*TOOL, sys.executable, "-c", f"{SAY_URL}; {code}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **more})


def soon(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_command_finds_the_server_and_its_status_comes_back() -> None:
    with start("import psycopg, sys; psycopg.connect(os.environ['HIMAYA_DATABASE_URL']).close(); sys.exit(7)") as tool:
        assert tool.stdout is not None
        url = tool.stdout.readline().strip()
        assert tool.wait(60) == 7
    assert url.startswith("postgresql://")
    assert not answers(url)


@pytest.fixture
def home() -> Iterator[str]:
    """A directory for servers whose owner is no longer there to tidy up; others may enter it."""
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o755)
    yield directory
    assert soon(lambda: shutil.rmtree(directory, ignore_errors=True) or not Path(directory).exists())


@pytest.mark.parametrize("how", CUTS)
def test_the_server_ends_with_a_command_that_is_cut_off(how: signal.Signals, home: str) -> None:
    with start("import time; time.sleep(20)", TMPDIR=home) as tool:
        assert tool.stdout is not None
        url = tool.stdout.readline().strip()
        assert answers(url)
        tool.send_signal(how)
        tool.wait(30)
    assert soon(lambda: not answers(url))


def test_what_was_committed_outlives_a_crash_of_the_server(postgres: Postgres) -> None:
    address = create_database(postgres.url, "crash")
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE kept (n integer)")
    postgres.crash_and_restart()
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    drop_database(postgres.url, "crash")


def test_the_servers_directory_is_removed() -> None:
    server = Postgres()
    assert server.home.exists()
    server.remove()
    assert not server.home.exists()
    assert os.path.exists(server.bin)
