"""``himaya init``, ``serve``, ``worker``, ``doctor``"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import Annotated

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.grammar import BEGIN, command
from himaya.site.cli.shown import done, err, out, runnable

PATIENCE = 15.0
"""Seconds that the worker has to finish what is in hand."""
PR_SET_PDEATHSIG = 1


class PortTaken(HimayaError):
    """Port {port} on {address} is taken."""

    remedy = "Stop what uses it, or choose another with --port."


class CannotListen(HimayaError):
    """It is not possible to listen on {address}, port {port}: {why}."""

    remedy = "Choose an address of this machine with --bind (127.0.0.1 is always one), and a port above 1023."


@command(app, "init", example="himaya init", panel=BEGIN)
def init() -> None:
    """Prepare the data directory, its secrets, the configuration file and the database; safe to repeat."""
    start.django()
    start.hold()
    start.refuse_half_restored()
    from himaya.core.config import config

    start.migrate()
    written = start.write_config()
    done(f"data directory {config().data}")
    done(f"configuration {written or config().file}{'' if written else ' (was there, untouched)'}")
    done(f"database {config().database_url.rpartition('@')[2] or 'SQLite in the data directory'}")
    from himaya.accounts.queries import people

    if not people().exists():
        said = (
            f"Before it says or logs anything: organisation, jurisdiction and log_origin in {config().file}; they stay"
        )
        out.print(said, markup=False, soft_wrap=True)
        out.print(runnable("Next: himaya users add NAME --role admin, then himaya serve"), markup=False, soft_wrap=True)


@command(app, "serve", example="himaya serve --port 8080", panel=BEGIN)
def serve(
    bind: Annotated[
        str, typer.Option(help="Address to listen on; the setting bind where left out.", metavar="ADDRESS")
    ] = "",
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen on; the setting port (8460 unless set) where left out.",
            metavar="PORT",
            min=1,
            max=65535,
        ),
    ] = None,
    worker: Annotated[bool, typer.Option(help="Also deliver what waits, so that one command suffices.")] = True,
) -> None:
    """Run the console and the API, and the worker beside them."""
    start.database()
    from himaya.core.config import config

    run(bind or config().bind, port or config().port, worker=worker)


def run(address: str, port: int, *, worker: bool) -> None:
    """Serve until interrupted.

    Raises:
        PortTaken, CannotListen: somebody else listens there; nobody can.
    """
    see_that_free(address, port)
    _serve(address, port, worker=worker)


def _serve(address: str, port: int, *, worker: bool) -> None:
    from django.db import connections
    from granian import Granian
    from granian.constants import Interfaces

    from himaya.core.config import WEB_THREADS, config
    from himaya.site.addresses import name_for, url

    _have_forks_end()
    connections.close_all()  # the server forks, and a forked connection to SQLite holds its locks for ever
    working = _WorkerProcess() if worker else None
    # Most of the threads wait for readers of long answers (site.gate), which the server cannot know: it would warn.
    logging.getLogger("_granian").addFilter(lambda said: "Python threads" not in said.getMessage())
    done(f"console at {url(name_for(address), port)} - Ctrl-C stops")
    try:
        Granian(
            "himaya.site.wsgi:application",
            address=address,
            port=port,
            interface=Interfaces.WSGI,
            workers=config().web_workers,
            blocking_threads=WEB_THREADS + config().web_streams,
            log_access=False,
            log_level="warning",  # type: ignore[arg-type]
            respawn_failed_workers=True,
            workers_kill_timeout=int(PATIENCE),
        ).serve()
    finally:
        if working is not None:
            working.stop()


def _have_forks_end() -> None:
    """See that a web process, which the server forks, ends when it is told to, and when its parent is killed.

    A fork has its parent's handlers until it sets its own. Told to end meanwhile, it would take note as if it were the
    parent and serve for ever. So signals wait while it is forked, and from then on end it. Ctrl-C at a terminal reaches
    the fork as well, which leaves that to its parent.
    """
    ending = (signal.SIGINT, signal.SIGTERM)

    def resume() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)

    def in_fork() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if sys.platform == "linux":  # a killed parent's fork would keep the port (prctl(2))
            import ctypes

            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        resume()

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ending), after_in_parent=resume, after_in_child=in_fork
    )


class _WorkerProcess:
    """`himaya worker` beside the server, in a process of its own, begun anew when it ends.

    It is told to end by the end of its standard input: also when this process is killed.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._process = self._begin()
        os.register_at_fork(after_in_child=self._let_go)
        self._watch = threading.Thread(target=self._keep, daemon=True)
        self._watch.start()

    def _begin(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from himaya.site.cli import main; main()", "worker", "--with-parent"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - ourselves

    def _let_go(self) -> None:
        """In a forked process of the server: the line to the worker is the parent's alone, or it would never end."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _keep(self) -> None:
        while not self._ended.is_set():
            self._process.wait()
            if self._ended.wait(1.0):
                return
            self._process = self._begin()

    def stop(self) -> None:
        """Let it finish what is in hand, and end."""
        self._ended.set()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()


def see_that_free(address: str, port: int) -> None:
    """Find out before anything else is begun whether one can listen there.

    Raises:
        PortTaken, CannotListen: somebody else listens there; nobody can.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(port=port, address=address) from error
            raise CannotListen(port=port, address=address, why=error.strerror) from error


@command(app, "worker", example="himaya worker", panel=BEGIN)
def worker(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether work is being done, for probes: 0 yes, 1 no.")
    ] = False,
    with_parent: Annotated[bool, typer.Option(hidden=True, help="End when standard input does.")] = False,
) -> None:
    """Deliver what waits and follow the rules, until stopped."""
    start.database()
    if check:
        _check_worker()
        return
    _work(with_parent=with_parent)


def _work(*, with_parent: bool) -> None:
    from himaya.core.config import config
    from himaya.ledger.worker import Worker
    from himaya.screening.keeping import Keeper

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    working, keeper = Worker(threads=config().worker_threads), Keeper()
    working.start()
    keeper.start()
    if with_parent:
        threading.Thread(target=_await_parent, args=(ended,), daemon=True).start()
    else:
        done("working - Ctrl-C stops")
    ended.wait()
    if not with_parent:
        err.print("finishing what is in hand")
    keeper.stop()
    working.stop()


def _await_parent(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()


def _check_worker() -> None:
    from himaya.site.health import worker_health

    found = worker_health()
    out.print(f"{found.what}: {found.said}", markup=False)
    if found.state != "ok":
        out.print(runnable(found.remedy), markup=False, soft_wrap=True)
        raise typer.Exit(1)


@command(app, "doctor", example="himaya doctor", panel=BEGIN)
def doctor() -> None:
    """Say what is wrong with this installation, and the remedy.

    It looks and changes nothing; mail servers are greeted and signed in to, and sent nothing. The exit status is 1
    where something is wrong.
    """
    from himaya.site.cli.examination import examine

    marks = {"ok": "[green]✓[/]", "wait": "[yellow]![/]", "danger": "[bold red]✗[/]"}
    found = list(examine())
    for finding in found:
        out.print(f"{marks[finding.state]} {escape(finding.what)}: {escape(finding.said)}", soft_wrap=True)
        if finding.remedy:
            out.print(f"    {escape(runnable(finding.remedy))}", soft_wrap=True)
    if any(finding.state == "danger" for finding in found):
        raise typer.Exit(1)
