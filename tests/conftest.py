"""What every test finds: no network, no data but its own, a clock that can be set, people, a database by choice.

``HIMAYA_DATABASE_URL`` chooses the database: unset, a SQLite file; ``tools/with_postgres.py`` sets it to a PostgreSQL.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

# Before anything reads a setting: a test never sees, or touches, the data of a node of whoever runs it.
_ours = tempfile.mkdtemp(prefix="himaya-test-")
_stay = ("HIMAYA_DATABASE_URL", "HIMAYA_COMPLETE", "HIMAYA_CRASH_SCALE", "HIMAYA_CRASH_SEED")
for _name in [name for name in os.environ if name.startswith("HIMAYA_") and name not in _stay]:
    del os.environ[_name]
os.environ["HIMAYA_DATA"] = _ours
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # processes that tests start find modules compiled
os.environ["DJANGO_SETTINGS_MODULE"] = "himaya.site.settings"

# Begun in the background of a script, a process ignores Ctrl-C, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import django  # noqa: E402

django.setup()  # the conftest of a folder imports models; pytest reads it before it configures anything

from tests import emptying, network  # noqa: E402

from tools import system_parts  # noqa: E402

pytest_plugins = ["tests.decoding", "tests.nodes", "tests.servers", "tests.s3", "tests.windows"]
NEEDS = {
    "browser": "chromium",
    "postgres": "postgres",
    "gettext": "gettext",
    "bubblewrap": "bubblewrap",
    "pango": "pango",
}
"""Marker → the part of the system that its tests need."""
LONG = {"story", "cli", "crash", "backup"}
"""Folders whose tests start whole nodes; those in a browser are long, too."""
DATABASE_FIXTURES = {
    "db",
    "transactional_db",
    "django_db_serialized_rollback",
    "live_server",
    "node_env",
    "node",
    "fresh_node",
}
PASSWORD = "a quiet green field at noon"
_skipped: list[str] = []


# --- the run ---------------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--only-database", action="store_true", help="only tests that the configured database decides")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "one_database: no database decides how it ends, so it runs on one")
    config.addinivalue_line("markers", "postgres: starts a PostgreSQL server of its own")
    config.addinivalue_line("markers", "gettext: needs the gettext tools")
    config.addinivalue_line("markers", "bubblewrap: needs bwrap")
    config.addinivalue_line("markers", "pango: makes a PDF")
    network.turn_off()
    from django.conf import settings

    from himaya.screening import counting

    counting.AFTER = 3600  # no thread writes into the database of a later test
    settings.PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # a test has no power cut to outlive
        settings.DATABASES["default"]["OPTIONS"]["init_command"] += "; PRAGMA synchronous=OFF"
    emptying.instead_of_flush()


def pytest_unconfigure() -> None:
    shutil.rmtree(_ours, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Collect without the garbage collector: where it runs within ``compile``, Python 3.11 loses count of its depth
    ("AST constructor recursion depth mismatch"), and schemathesis compiles while it collects. What has come together
    lasts as long as the run, and the collector need not go through it again and again.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen, dropped = [], []
    lacking = set(system_parts.missing(system_parts.FOR_TESTS))
    if lacking and system_parts.must_be_complete():
        raise pytest.UsageError("\n".join(system_parts.how_to_get(part) for part in sorted(lacking)))
    for item in items:
        needed = {part for marker, part in NEEDS.items() if item.get_closest_marker(marker)}
        unfit = bool(needed & lacking) or (config.getoption("only_database") and not _uses_database(item))
        (dropped if unfit else chosen).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = sorted(chosen, key=_comes_late)


def _comes_late(item: pytest.Item) -> bool:
    """Files of few long tests come first: begun last, one would keep a single process busy while the others idle."""
    return item.path.parent.name not in LONG and not item.path.stem.endswith("in_browser")


def _uses_database(item: pytest.Item) -> bool:
    """Whether the database may decide how it ends. How pages look and what a terminal shows, it does not."""
    if item.get_closest_marker("one_database"):
        return False
    return bool(item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a run that has to be complete, a skipped test is a failure."""
    if _skipped and system_parts.must_be_complete() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return
    lacking = [f"{part} ({system_parts.PARTS[part].purpose})" for part in system_parts.missing(system_parts.FOR_TESTS)]
    terminalreporter.write_line(f"left out: {', '.join(lacking + _skipped) or 'nothing'}")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Django's own, and a copy of what the migrations put into the tables."""
    from django.db import connections

    with django_db_blocker.unblock():
        for name in connections:
            emptying.remember(name)
    yield
    with django_db_blocker.unblock():
        _wait_for_the_last_to_leave()


def _wait_for_the_last_to_leave() -> None:
    """PostgreSQL drops no database that somebody is connected to, and somebody may be.

    A process that a test has killed is gone before the server has noticed, and a thread of the test server keeps its
    connection as long as a browser, which outlives the database, keeps the line to it open.
    """
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        while cursor.execute(f"SELECT count(*) {others}").fetchone() != (0,) and time.monotonic() < until:
            if time.monotonic() > until - 8:
                cursor.execute(f"SELECT pg_terminate_backend(pid) {others}")
            time.sleep(0.05)


@pytest.fixture(autouse=True)
def _long_answers_may_be_left_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test client that looks at the head of a long answer alone never closes it; a server always does."""
    from himaya.accounts import streams

    monkeypatch.setattr(streams, "EACH", 10**6)
    monkeypatch.setattr(streams, "most_of_all", lambda: 10**6)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """No test meets fault points, cache, search index or counts that another one left in this process."""
    yield
    from django.core.cache import cache

    from himaya.core import faults
    from himaya.screening import counting

    counting.forget()
    faults.arm("")
    cache.clear()
    if live := sys.modules.get("himaya.screening.live"):
        live.forget()
    shutil.rmtree(Path(_ours) / "index", ignore_errors=True)


# --- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The clock in use, set to noon of a winter's day; ``clock.advance(timedelta(…))`` moves it, by years where a test
    wants; what a leap of a clock stops, tests of that set again (``stopping.AHEAD``).
    """
    from himaya.core import clock as clocks
    from himaya.evidence import stopping

    monkeypatch.setattr(stopping, "AHEAD", timedelta(days=100_000))
    with clocks.use(clocks.SetClock(datetime(2026, 1, 15, 12, tzinfo=UTC))) as set_clock:
        yield set_clock


@pytest.fixture
def people(db: None) -> SimpleNamespace:
    """One person for each role, named after it: ``people.reviewer``. Their password is ``conftest.PASSWORD``."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import make_password

    from himaya.accounts.roles import ROLES

    encoded = make_password(PASSWORD)
    make = get_user_model().objects.create
    return SimpleNamespace(
        **{role: make(username=role, name=role.title(), role=role, password=encoded) for role in ROLES}
    )


@pytest.fixture
def sign_in(people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """``sign_in("reviewer")``: a browser in which the person of that role has signed in, without a second factor."""
    from tests.windows import signed_in

    from himaya.core.config import config

    monkeypatch.setattr(config(), "second_factor", False)
    return lambda role: signed_in(getattr(people, role))


@pytest.fixture
def node_env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a node of its own, for a subprocess: an empty data directory and an empty database."""
    from tests.servers import create_database, drop_database

    environment = {**os.environ, "HIMAYA_DATA": str(tmp_path / "node"), "PYTHONWARNINGS": "default"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    server = os.environ.get("HIMAYA_DATABASE_URL")
    if not server:
        yield environment
        return
    name = f"node_{uuid.uuid4().hex[:12]}"
    environment["HIMAYA_DATABASE_URL"] = create_database(server, name)
    yield environment
    drop_database(server, name)
