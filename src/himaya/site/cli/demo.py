"""``himaya demo``: from a picture to a report, with drawn pictures and invented lists."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.grammar import BEGIN, command
from himaya.site.cli.shown import done, err, out, progress, runnable, table

MARKER = ".himaya-demonstration"
NODE = "node"
"""The demonstration's data directory, below its folder."""
PEOPLE = {
    "reviewer": "decides cases, reopens their own",
    "lead": "decides, reopens every case, sends again",
    "analyst": "claims and comments",
    "auditor": "reads everything",
    "admin": "runs the node, sees no case",
}


class NotADemo(HimayaError):
    """{path} is there and was not made by a demonstration; it is left alone."""

    remedy = "Choose another directory with --data, or remove it yourself."


class DemoRuns(HimayaError):
    """A demonstration is running in {path}."""

    remedy = "Stop what runs there (himaya demo, serve or worker) with Ctrl-C, or choose another directory with --data."


@command(app, "demo", example="himaya demo --port 8080", panel=BEGIN)
def demo(
    serve: Annotated[bool, typer.Option(help="Open the console at the end.")] = True,
    data: Annotated[
        Path, typer.Option(help="Where the demonstration lives; made anew each time.", metavar="FOLDER")
    ] = Path("himaya-demo"),
    port: Annotated[int, typer.Option(help="Port of the console.", metavar="PORT", min=1, max=65535)] = 8460,
) -> None:
    """See the whole way, from a picture to a report, on this machine.

    Every picture is drawn, every list is invented, and nothing leaves this machine, whatever is configured here.
    """
    folder = data.resolve()
    if serve:
        from himaya.site.cli.running import see_that_free

        see_that_free("127.0.0.1", port)
    with _anew(folder):
        _configure(folder / NODE, port)
        start.database()
        _import_lists()
        _draw(folder / "pictures")
        _scan(folder / "pictures")
        logins = _people()
        _decide_one(folder / NODE / "outbox")
        _numbers()
        _invite(logins, folder / NODE, port, serve=serve)
        if serve:
            from himaya.site.cli.running import run

            run("127.0.0.1", port, worker=True)


@contextmanager
def _anew(folder: Path) -> Iterator[None]:
    """An empty folder that is this process's alone; one of an earlier demonstration is emptied first."""
    marker = folder / MARKER
    if os.path.lexists(folder) and (not folder.is_dir() or (any(folder.iterdir()) and not marker.is_file())):
        raise NotADemo(path=folder)
    folder.mkdir(parents=True, exist_ok=True)
    with marker.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoRuns(path=folder) from error
        with start.nobody_running(folder / NODE) as still:
            if not still:
                raise DemoRuns(path=folder)
            for old in folder.iterdir():
                if old.is_dir() and not old.is_symlink():
                    shutil.rmtree(old)
                elif old != marker:
                    old.unlink()
        yield


def _configure(node: Path, port: int) -> None:
    """A node that shares nothing with one that is configured on this machine: no database, no destination."""
    from himaya.core.config import config

    for name in [name for name in os.environ if name.startswith("HIMAYA_") and name != "HIMAYA_FAULT"]:
        del os.environ[name]
    node.mkdir(mode=0o700)
    settings = f'node_name = "Demonstration"\ndemo = true\nsecond_factor = false\nport = {port}\n'
    settings += '\n[[filings]]\nname = "authority"\nchannel = "sample"\n'
    (node / "himaya.toml").write_text(settings, "utf-8")
    os.environ["HIMAYA_DATA"] = str(node)
    config.cache_clear()


def _import_lists() -> None:
    from himaya.lists import services
    from himaya.site.demo import HOTLINE, PARTNER, list_file

    for name, title in ((HOTLINE, "Demonstration hotline"), (PARTNER, "Demonstration partner")):
        made = services.create_list(name, by=start.actor(), title=title, source=title)
        result = services.import_items(made, stream=io.BytesIO(list_file(name)), format_name="csv", by=start.actor())
        done(f"list {name}: {result.added:,} items imported")


def _draw(folder: Path) -> None:
    from himaya.site.demo import draw

    with err.status("drawing pictures"):
        number = sum(1 for _ in draw(folder))
    done(f"{number:,} files drawn in {folder}")


def _scan(folder: Path) -> None:
    from himaya.screening.scanning import count_files, scan
    from himaya.site.cli.findings import Lacking, hit_table, in_words, note_lacks, tell_caseless, tell_lacks

    hits: list[Any] = []
    lacking: Lacking = {}
    with progress() as bar:
        task = bar.add_task("scanning", total=count_files([str(folder)]), note="")

        def show(so_far: Any, answers: list[Any]) -> None:
            hits.extend(answer for answer in answers if answer.matches)
            note_lacks(lacking, answers)
            bar.update(task, completed=so_far.files + so_far.skipped.total(), note=f"{so_far.hits} hits")

        result = scan([str(folder)], by=start.actor(), on_batch=show)
    out.print(hit_table([_below(hit, folder) for hit in hits]))
    tell_caseless(result)
    tell_lacks(result, lacking)
    done(in_words(result))


def _below(answer: Any, folder: Path) -> Any:
    """The answer with its place told from the folder, which fits a terminal."""
    from dataclasses import replace

    return replace(answer, place=str(Path(answer.place).relative_to(folder)))


def _people() -> dict[str, str]:
    from himaya.accounts import services

    names = {role: f"{role.capitalize()} (demonstration)" for role in PEOPLE}
    return {role: services.add_person(role, role=role, by=start.actor(), name=names[role]) for role in PEOPLE}


def _decide_one(outbox: Path) -> None:
    """What a reviewer does in the console, done once here; report and notice follow by the rules."""
    import logging

    from himaya.accounts.queries import person
    from himaya.cases import queries, services
    from himaya.ledger.queries import jobs
    from himaya.ledger.worker import run_until_idle

    reviewer, case = person("reviewer"), queries.queue().first()
    assert reviewer is not None
    assert case is not None
    services.claim(case.pk, person=reviewer)
    reason = "Exact and near match of a listed item; demonstration."
    services.decide(case.pk, person=reviewer, scheme="interpol", code="baseline", reason=reason)
    done(f"case {case.reference} decided: interpol baseline")
    logging.getLogger("himaya.console").setLevel(logging.WARNING)  # what it would log is told below
    run_until_idle()
    logging.getLogger("himaya.console").setLevel(logging.NOTSET)
    for job in jobs(state="done").order_by("id"):
        kind, route = job.payload["document"]["kind"], job.payload["route"]
        reference = json.loads(job.receipt)["reference"]
        filed = outbox / f"{reference}.txt"
        done(f"{kind} sent by route {route}: {filed if route == 'file' and filed.exists() else reference}")


def _numbers() -> None:
    from himaya.ledger.queries import proof
    from himaya.transparency.queries import numbers

    shown = table("number", "value#")
    for name, value in numbers().flat().items():
        if value:
            shown.add_row(name, f"{value:,}")
    out.print(shown)
    found = proof()
    done(f"ledger: {found.entries:,} entries, {'whole' if found.whole else 'BROKEN'}")


def _invite(logins: dict[str, str], node: Path, port: int, *, serve: bool) -> None:
    inside = Table.grid(padding=(0, 3))
    inside.add_row("[bold]user[/]", "[bold]password[/]", "[bold]what they do[/]")
    for role, password in logins.items():
        inside.add_row(role, escape(password), PEOPLE[role])
    out.print(Panel(inside, title=f"Console: http://localhost:{port}/", title_align="left", expand=False))
    out.print("A password is enough in the demonstration; a node in use also asks everybody for a second factor.")
    if serve:
        out.print(
            "Sign in as reviewer, press [bold]claim next[/] in the queue, decide: report, notice, numbers follow."
        )
    else:
        out.print(
            runnable(f"Open the console with: HIMAYA_DATA={shlex.quote(str(node))} himaya serve"),
            soft_wrap=True,
            markup=False,
        )
