"""``himaya scan`` and ``himaya screen``"""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.core.words import printable
from himaya.site.cli import app, start
from himaya.site.cli.findings import (
    Lacking,
    hit_table,
    in_words,
    note_lacks,
    tell_caseless,
    tell_lacks,
    tell_one,
    warn_of_nothing,
)
from himaya.site.cli.grammar import LOOK, command
from himaya.site.cli.shown import counted, done, err, out, progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from himaya.screening.scanning import Progress
    from himaya.screening.services import Answer, File, Value

HITS = 1
"""Exit status where something known was found, as other scanners have it; 0: nothing, 2: an error, 130: stopped."""
NOT_SCREENED = 2
SHOWN = 200


class Engine(StrEnum):
    """Who reads."""

    LOCAL = "local"
    RAY = "ray"


Archives = Annotated[
    bool | None, typer.Option("--archives/--no-archives", help="Look into zip and tar archives; by default, yes.")
]
Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Tell of every file in FILE: one that ends in .jsonl, or a folder in .parquet."),
]
Endpoint = Annotated[
    str | None, typer.Option(metavar="URL", help="Where buckets are asked for, if not as the node is set.")
]
Readers = Annotated[Engine, typer.Option(help="Who reads: the cores of this machine, or the workers of a Ray cluster.")]
RayAddress = Annotated[
    str, typer.Option(metavar="ADDRESS", help="The Ray cluster, if not RAY_ADDRESS or one that is started here.")
]
Only = Annotated[list[str] | None, typer.Option("--list", metavar="NAME", help="Look in this list alone; repeatable.")]
Orientations = Annotated[
    bool | None, typer.Option(help="Also look for pictures turned and mirrored.", show_default="as configured")
]
Letterbox = Annotated[
    bool | None, typer.Option(help="Also look for pictures within bars.", show_default="as configured")
]


class Ambiguous(HimayaError):
    """{value!r} could be {candidates}."""

    remedy = "Write it with the signal's name before it, as in {first}:{value}."


class NotUnderstood(HimayaError):
    """{value!r} is neither a file nor a value of any signal."""

    remedy = "Check the spelling of the path, or that the value was copied whole; signals here: {signals}."


class IsFolder(HimayaError):
    """{path} is a folder."""

    remedy = "Folders are for: himaya scan {path}"


class NotAFile(HimayaError):
    """{path} is neither a file nor a folder."""

    remedy = "Pipes and devices are not read: save the content to a file first."


class NothingToTurn(HimayaError):
    """{option} is for files, and none is given: a value is compared as it stands."""

    remedy = "Leave it out, or name the file."


class CannotRead(HimayaError):
    """{path} cannot be read: {why}."""

    remedy = "Run as a user who may read it."


@command(app, "scan", example="himaya scan /srv/uploads --list hotline", panel=LOOK)
def scan(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, folders, and s3://bucket/prefix.")],
    list_: Only = None,
    json_: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Answer as JSON lines: hits, suppressed files, those not screened or by exact hash only, the counts.",
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted scan of the same paths, in the same lists.")
    ] = False,
    archives: Archives = None,
    report: Report = None,
    s3_endpoint: Endpoint = None,
    engine: Readers = Engine.LOCAL,
    ray_address: RayAddress = "",
    orientations: Orientations = None,
    letterbox: Letterbox = None,
) -> None:
    """Screen every file below the paths and open a case for each hit.

    Links are not followed. Ctrl-C stops; --resume goes on from there, also after a crash.
    The exit status is 0 where nothing known was found, 1 where something was, 2 where no file could be screened.
    """
    start.database()
    from himaya.screening import scanning

    cluster = ray_address if ray_address or engine == Engine.RAY else None
    way = scanning.Way(archives, s3_endpoint, report, cluster, orientations, letterbox)
    with _stoppable() as stopped, progress() as bar:
        found = _Found(json_, bar, bar.add_task("scanning", total=None, note=""))
        _count_ahead(paths, lambda total: bar.update(found.task, total=total))
        try:
            result = scanning.scan(
                paths,
                by=start.actor(),
                lists=list_ or [],
                way=way,
                resume=resume,
                on_batch=found,
                stop=stopped.is_set,
                on_ahead=found.show,
                on_progress=lambda place, share: bar.update(found.task, note=_far(place, share)),
                on_nothing=warn_of_nothing,
            )
        except BaseException:
            if found.begun:
                err.print("The scan can go on where it stopped: the same command with --resume")
            raise
    _tell(result, found.hits, found.lacking, json_=json_)
    if not result.finished:
        raise typer.Exit(130)
    if result.hits:
        raise typer.Exit(HITS)
    if result.skipped and not result.files:
        raise typer.Exit(NOT_SCREENED)


def _far(place: str, share: float) -> str:
    """How far a long file is."""
    return f"{escape(printable(Path(place).name[:40]))} {share:.0%}"


@dataclass(slots=True)
class _Found:
    """What a scan has found so far; called after each batch."""

    json: bool
    bar: Bar
    task: TaskID
    hits: list[Answer] = field(default_factory=list)
    lacking: Lacking = field(default_factory=dict)
    begun: bool = False
    met: int = 0
    ahead: int = 0

    def __call__(self, so_far: Progress, answers: list[Answer]) -> None:
        self.begun = True
        self.met = so_far.files + so_far.skipped.total() - so_far.members
        self.bar.update(self.task, note=counted(so_far.hits, "hit"))
        self.show(self.ahead)
        if self.json:
            _tell_in_json(answers)
            return
        note_lacks(self.lacking, answers)
        self.hits.extend([a for a in answers if a.matches][: SHOWN - len(self.hits)])

    def show(self, ahead: int) -> None:
        """How far the scan is, with so many files that are read and wait for others before them."""
        self.ahead = ahead
        self.bar.update(self.task, completed=self.met + ahead)


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Set at the first Ctrl-C or SIGTERM; the second one ends the program at once."""
    stopped = threading.Event()
    asked = (signal.SIGINT, signal.SIGTERM)

    def ask(*_: object) -> None:
        for number in asked:
            signal.signal(number, signal.default_int_handler)
        stopped.set()
        err.print("stopping; Ctrl-C again stops at once")

    before = {number: signal.signal(number, ask) for number in asked}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _count_ahead(paths: list[str], tell: Callable[[int | None], None]) -> None:
    """Count the files in a thread of its own, so that the bar learns how long the way is while it is gone."""
    from himaya.screening.scanning import count_files

    def count() -> None:
        with suppress(HimayaError):  # the scan itself will say so
            tell(count_files(paths))

    if err.is_terminal:
        threading.Thread(target=count, daemon=True).start()


def _tell_in_json(answers: list[Answer]) -> None:
    """A line for each file that a person or a program may want to look at."""
    from himaya.screening.telling import lacks, line

    for answer in answers:
        if answer.matches or answer.suppressed or lacks(answer):
            typer.echo(json.dumps(line(answer), ensure_ascii=True))


def _tell(result: Progress, hits: list[Answer], lacking: Lacking, *, json_: bool) -> None:
    if json_:
        counts = {**result.as_json(), "scan": result.scan, "finished": result.finished, "cases": len(result.cases)}
        typer.echo(json.dumps({"summary": counts}, ensure_ascii=True))
        if not result.finished:
            err.print("stopped. Go on with the same command and --resume")
        return
    if hits:
        out.print(hit_table(hits))
        if result.hits > len(hits):
            out.print(f"… and {result.hits - len(hits):,} more; the console shows all cases")
    tell_caseless(result)
    tell_lacks(result, lacking)
    words = in_words(result)
    done(words) if result.finished else err.print(f"stopped: {words}. Go on with the same command and --resume")


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer as a line of JSON, in the API's words."""
    from himaya.screening.telling import told

    return {**told(answer), "place": printable(answer.place)}


@command(app, "screen", example="himaya screen picture.jpg md5:9e107d9d372bb6826bd81d3542a419d6", panel=LOOK)
def screen(
    things: Annotated[list[str], typer.Argument(metavar="FILE|HASH…", help="Files, or values as in md5:… or pdq:….")],
    list_: Only = None,
    json_: Annotated[bool, typer.Option("--json", help="Answer as JSON lines.")] = False,
    ask_only: Annotated[bool, typer.Option("--ask-only", help="Open no case.")] = False,
    orientations: Orientations = None,
    letterbox: Letterbox = None,
) -> None:
    """Say whether a few files or fingerprints are known.

    The exit status is 1 where one is, 2 where one could not be screened, 0 where none is known.
    """
    start.database()
    import uuid

    from himaya.lists.queries import nothing_to_match
    from himaya.screening import services
    from himaya.screening.options import chosen

    asked = [_thing(text) for text in things]
    files = [one.place for one in asked if isinstance(one, services.File)]
    for option, said in (("--orientations", orientations), ("--letterbox", letterbox)):
        if said and not files:
            raise NothingToTurn(option=option)
    with progress() as bar:

        def show(number: int, share: float) -> None:
            """A bar for each file that takes long."""
            if number not in bars:
                bars[number] = bar.add_task(_far(files[number], share), total=1.0, note="")
            bar.update(bars[number], completed=share, description=_far(files[number], share))

        bars: dict[int, Any] = {}
        answers = services.screen(
            asked,
            by=start.actor(),
            origin="cli",
            occasion=f"cli:{uuid.uuid4()}",
            lists=list_ or [],
            open_cases=not ask_only,
            options=chosen(orientations=orientations, letterbox=letterbox),
            on_progress=show,
        )
    if nothing := nothing_to_match(list_ or ()):
        warn_of_nothing(nothing)
    for answer in answers:
        if json_:
            typer.echo(json.dumps(as_json(answer), ensure_ascii=True))
        else:
            tell_one(answer)
    if any(answer.matches for answer in answers):
        raise typer.Exit(HITS)
    if any(answer.is_unscreened for answer in answers):
        raise typer.Exit(NOT_SCREENED)


def _thing(text: str) -> File | Value:
    from himaya.core import registry
    from himaya.screening.services import Value

    name, colon, value = text.partition(":")
    if (mode := mode_of(text)) is not None:
        return file_at(text, mode)
    if colon and name in registry.signals():
        return Value(name, value)
    fitting = [kind.name for kind in registry.signals().values() if kind.guessed(text)]
    if len(fitting) > 1:
        raise Ambiguous(value=text, candidates=" or ".join(fitting), first=fitting[0])
    if not fitting:
        raise NotUnderstood(value=text, signals=", ".join(registry.signals()))
    return Value(fitting[0], text)


def mode_of(path: str) -> int | None:
    """What lies at the path; None where nothing does."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if len(path) > 255:  # a value, longer than any file's name can be
            return None
        raise CannotRead(path=path, why=error.strerror) from error


def file_at(path: str, mode: int | None) -> File:
    """The file at a path, whose mode :func:`mode_of` tells.

    Raises:
        IsFolder, NotAFile, CannotRead, TooLarge: as their names say.
    """
    from himaya.core.config import config
    from himaya.core.contents import HEAD, sniff
    from himaya.screening.services import File, TooLarge

    if mode is not None and stat.S_ISDIR(mode):
        raise IsFolder(path=path)
    if mode is None or not stat.S_ISREG(mode):
        raise NotAFile(path=path)
    try:
        with Path(path).open("rb") as file:
            is_video = sniff(file.read(HEAD)).startswith("video/")
            limit = config().max_video_bytes if is_video else config().max_file_bytes
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise TooLarge(name=path, size=f"{size:,}", limit=f"{limit:,}")
            found = Path(path).resolve()
            return File(os.fsencode(found), str(found))
    except OSError as error:
        raise CannotRead(path=path, why=error.strerror) from error
