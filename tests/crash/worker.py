"""What the processes of a crash test do: each function in a process of its own, on the node it is given.

The processes are forked from one that has loaded everything: a killed worker is replaced at once."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint
from multiprocessing import connection as lines
from pathlib import Path
from typing import Any

from tests.crash import bringing, exchanging, filing_reports, guarding, keeping, logging_events, looking_back

FIRST_WAIT, LONGEST_WAIT = 0.2, 1.0
"""Seconds between two attempts, short enough for a test."""


def set_up() -> None:
    """Load Django, and the channel of :mod:`tests.crash.channel` as an installed package would bring it."""
    import django
    from django.apps import apps

    from himaya.core import registry
    from himaya.site import database

    if not apps.ready:
        found = registry.entry_points
        named = (("post", "channel", "himaya.channels"), ("body", "body", "himaya.filings"))
        ours = {group: [EntryPoint(one, f"tests.crash.{file}", group)] for one, file, group in named}
        database.SQLITE_START += "; PRAGMA synchronous=OFF"  # what is committed outlives the process, not the machine
        registry.entry_points = lambda group: [*found(group=group), *ours.get(group, [])]  # type: ignore[assignment]
        django.setup()
        for kind in registry.PORTS:
            registry.plugins(kind)
    from himaya.ledger import outbox

    outbox.FIRST_WAIT, outbox.LONGEST_WAIT = FIRST_WAIT, LONGEST_WAIT


def enter(name: str, node: dict[str, str], arguments: dict[str, Any], result: str) -> None:
    """Run the function ``name`` on a node and leave what it returns in the file ``result``."""
    for variable in [variable for variable in os.environ if variable.startswith("HIMAYA_")]:
        del os.environ[variable]
    os.environ.update(node)
    if limit := int(node.get("FILE_LIMIT", 0)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    log = os.open(f"{result}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, sys.stderr.fileno())
    set_up()
    from django.db import connections

    from himaya.core import faults
    from himaya.core.config import config
    from himaya.site.database import database

    config.cache_clear()
    connections.settings = connections.configure_settings({"default": database(config().database_url, config().data)})
    if hasattr(connections._connections, "default"):  # made while loading, for the database of nobody
        del connections["default"]
    faults.arm(os.environ.get("HIMAYA_FAULT", ""))
    more = (logging_events, looking_back, exchanging, keeping, guarding, bringing, filing_reports)
    elsewhere = {name: one for module in more for name, one in vars(module).items()}
    answer = (globals().get(name) or elsewhere[name])(**arguments)
    connections.close_all()
    Path(f"{result}.new").write_text(json.dumps(answer))
    Path(f"{result}.new").replace(result)


# --- the node --------------------------------------------------------------------------------------------------------


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def check(*, idle: bool = True) -> list[str]:
    from tests.crash.invariants import broken

    return broken(idle=idle)


def jobs() -> dict[str, list[Any]]:
    """Key → state, attempts, error."""
    from himaya.ledger.models import Job

    return {job.key: [job.state, job.attempts, job.error] for job in Job.objects.all()}


# --- workers ---------------------------------------------------------------------------------------------------------


def work(*, threads: int = 2, lease: float = 1.0) -> None:
    """A worker, until it is killed or the test is gone."""
    from himaya.ledger import worker

    worker.register(_poison())
    worker.Worker(threads=threads, pause=0.05, lease=lease).start()
    test = multiprocessing.parent_process()
    assert test is not None
    lines.wait([test.sentinel])


def _poison() -> Any:
    from himaya.ledger import worker

    class Poison(worker.Handler):
        kind = "poison"

        def act(self, job: Any) -> dict[str, Any]:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

    return Poison()


def deliver(*, lease: float = 1.0, patience: float = 30.0) -> None:
    """React and deliver until nothing is left, as a worker does, also of what it puts on record while it stops."""
    from himaya.ledger import worker

    while _unfinished():
        running = worker.Worker(threads=2, pause=0.02, lease=lease)
        running.start()
        _wait(lambda: not _unfinished(), patience)
        running.stop()


def attempt(*, limited: bool) -> dict[str, Any]:
    """React, let the only job have one attempt, and say what became of it.

    ``limited``: the channel may not write a byte, as on a full disk.
    """
    from himaya.core import registry
    from himaya.ledger import worker
    from himaya.ledger.models import Job

    kind = type(registry.channel("file"))
    send = kind.send

    def send_limited(*arguments: Any) -> Any:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            return send(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    if limited:
        kind.send = send_limited  # type: ignore[method-assign]
    worker.run_until_idle()
    return dict(Job.objects.values("state", "error").get())


def _unfinished() -> int:
    from himaya.ledger.models import Cursor, Job
    from himaya.ledger.queries import entries_after

    cursor = Cursor.objects.filter(name="flow").first()
    return Job.objects.filter(state__in=("ready", "running")).count() + len(
        entries_after(cursor.seq if cursor else 0, limit=1)
    )


def _wait(done: Callable[[], bool], patience: float) -> None:
    end = time.monotonic() + patience
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(jobs())
        time.sleep(0.05)


# --- cases -----------------------------------------------------------------------------------------------------------


def _reviewer() -> Any:
    from himaya.accounts.queries import person
    from himaya.accounts.services import add_person

    if person("reviewer") is None:
        add_person("reviewer", role="reviewer", by="system")
    return person("reviewer")


def decide_cases(*, number: int) -> None:
    """So many cases, opened and confirmed; reports and notices are the worker's to queue."""
    from himaya.cases.services import Seen, SeenMatch, claim, decide, open_cases
    from himaya.core import clock

    match = SeenMatch(
        1, "authority", "md5", "ab" * 16, 0, 0, "active", "interpol", "baseline", "test", "system", clock.now()
    )
    values = [f"{n:064x}" for n in range(number)]
    seen = [Seen(f"sha256:{v}", [("sha256", v, None)], [match], "cli", "seed", f"/{v}") for v in values]
    person = _reviewer()
    for case in open_cases(seen, by="system"):
        claim(case.pk, person=person)
        decide(case.pk, person=person, scheme="interpol", code="baseline", reason="A case of the test.")


def follow_badly() -> None:
    from himaya.flow import reactor, rules

    rules.queue_reports = lambda *_, **__: 1 // 0  # type: ignore[attr-defined]
    reactor.react()


def enqueue(*, kind: str, number: int, lanes: int = 1, max_attempts: int = 8) -> None:
    from django.db import transaction

    from himaya.ledger import outbox

    with transaction.atomic():
        for n in range(number):
            lane = f"{kind}-{n % lanes}"
            outbox.enqueue(kind, lane=lane, key=f"{kind}-{n}", about="test:1", payload={}, max_attempts=max_attempts)


def enqueue_and_roll_back() -> None:
    from django.db import transaction

    from himaya.ledger import outbox

    with transaction.atomic():
        outbox.enqueue("poison", lane="l", key="never", about="test:1", payload={})
        transaction.set_rollback(True)


# --- a whole run -----------------------------------------------------------------------------------------------------


def import_list(*, rows: str) -> None:
    import io

    from himaya.lists import services as lists
    from himaya.lists.queries import lists as known

    if not known().filter(name="authority").exists():
        lists.create_list("authority", by="system")
    found = lists.find_list("authority")
    lists.import_items(found, stream=io.BytesIO(rows.encode()), format_name="csv", by="system")


def watch(*, value: str, told: str, changes: int) -> None:
    """Ask again and again how near a value's matches are, and tell every change, so many."""
    from himaya.screening.matching import find

    before = None
    with Path(told).open("a", buffering=1) as file:
        while changes:
            now = [hit.distance for hit in find([[("pdq", value, "")]], limit=9)[0].matches]
            if now != before:
                file.write(f"{now}\n")
                before, changes = now, changes - 1
            time.sleep(0.02)


CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24
CAPABILITIES_OF_LINUX_3 = 0x20080522


def _give_up_rights() -> None:
    """Let the modes of files hold for root, too, in this process and those that it starts (capabilities(7))."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_OF_LINUX_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same for the higher bits
    ok = libc.capget(header, sets) == 0
    for number in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        ok = ok and libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0
        for kind in range(3):
            sets[kind] &= ~(1 << number)
    if not ok or libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "the rights could not be given up")


def scan_folder(*, folder: str, resume: bool = False, batch: int = 4, report: str = "", **more: bool) -> Any:
    from himaya.screening import scanning

    if more.get("without_rights"):
        _give_up_rights()
    scanning.BATCH = batch
    way = scanning.Way(report=Path(report) if report else None)
    done = scanning.scan([folder], by="system", way=way, resume=resume)
    return {**done.as_json(), "scan": done.scan}


def ask(*, value: str) -> None:
    """Ask the API about a hash, as a program does that repeats its request until it has an answer."""
    from django.test import Client

    from himaya.accounts.services import add_key
    from himaya.core.config import config

    kept = config().data / "program.key"
    if not kept.exists():
        kept.write_text(add_key("program", scopes=["screen"], by="system").secret)
    headers = {"Authorization": f"Bearer {kept.read_text()}", "Idempotency-Key": "the-same-request"}
    body = {"items": [{"signal": "sha256", "value": value, "place": "https://host.example/1"}]}
    answer = Client(SERVER_NAME="localhost").post("/api/v1/screen", body, "application/json", headers=headers)
    assert answer.status_code == 200, answer.content
    assert answer.json()["hits"] == 1


def operate(*, rows: str, folder: str, value: str) -> None:
    """All that a node does: a list, a request, a scan, a verdict, what follows. A repeat goes on where it stopped."""
    from himaya.cases.queries import queue
    from himaya.cases.services import claim, decide
    from himaya.screening.queries import scans

    looking_back.import_and_look_back(rows=rows)
    ask(value=value)
    last = scans().first()
    if last is None or last.state != "finished":
        scan_folder(folder=folder, resume=last is not None, batch=2, report=f"{folder}.jsonl")
    person = _reviewer()
    for case in queue():
        claim(case.pk, person=person)
        decide(case.pk, person=person, scheme="interpol", code="baseline", reason="Same content.")
    deliver()


def summary() -> dict[str, Any]:
    """What came of it."""
    from himaya.cases.models import Case, Sighting
    from himaya.screening.queries import scans, tally

    return {
        "scans": [[scan.state, scan.counts] for scan in scans()],
        "cases": sorted([case.subject, case.state, case.sightings] for case in Case.objects.all()),
        "places": sorted(Sighting.objects.values_list("place", flat=True)),
        "screened": tally()["screened"],
    }


# --- two writers, and a disk that is full ----------------------------------------------------------------------------


def count_up(*, times: int) -> None:
    """Read a number, write one more and put it on record, so many times."""
    from django.db import transaction

    from himaya.ledger.services import record
    from himaya.lists.arrivals import revise

    for _ in range(times):
        with transaction.atomic():
            record("test.counted", by="system", about="test:1", number=revise().number)


def counted() -> list[int]:
    """The number at the end, and every number that was put on record."""
    from himaya.ledger.models import Entry
    from himaya.lists.queries import revision

    return [revision(), *(entry.data["number"] for entry in Entry.objects.filter(act="test.counted").order_by("seq"))]


def fill(*, acknowledged: str, limit: int = 2000) -> str:
    """Write until the disk is full; after each commit the number goes to the file ``acknowledged``, elsewhere."""
    from django.db import DatabaseError, transaction

    from himaya.ledger import outbox
    from himaya.ledger.services import record

    with Path(acknowledged).open("a") as told:
        for number in range(limit):
            try:
                with transaction.atomic():
                    record("test.filled", by="system", about="test:1", number=number)
                    outbox.enqueue(
                        "poison", lane=f"l{number}", key=f"k{number}", about="x", payload={"x": "x" * 20_000}
                    )
            except DatabaseError as error:
                return str(error)
            told.write(f"{number}\n")
            told.flush()
    return ""


def filled() -> dict[str, Any]:
    from django.db import connection

    from himaya.ledger.models import Entry, Job
    from himaya.ledger.queries import proof

    with connection.cursor() as cursor:
        integrity = cursor.execute("PRAGMA integrity_check").fetchone()[0]
    numbers = [entry.data["number"] for entry in Entry.objects.filter(act="test.filled").order_by("seq")]
    return {"numbers": numbers, "jobs": Job.objects.count(), "whole": proof().whole, "integrity": integrity}
