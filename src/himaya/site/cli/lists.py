"""``himaya lists …``"""

from __future__ import annotations

import sys
from io import BufferedReader
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.core.words import printable
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import counted, done, err, out, progress, runnable, table

if TYPE_CHECKING:
    from himaya.core.ports import Refusal
    from himaya.lists.importing import ImportResult
    from himaya.lists.models import HashList
    from himaya.lists.seconding import NeedsSecond

lists = commands("Lists of known material.")
app.add_typer(lists, name="lists", rich_help_panel=KEEP)
SHOWN = 20


class NoFile(HimayaError):
    """The file {path} cannot be read: {why}."""

    remedy = "Check the path, and that you may read it; - reads standard input."


class NotWritten(HimayaError):
    """{path} cannot be written: {why}."""

    remedy = "Choose another place; nothing was left there."
    exit_code = 3


class Refused(HimayaError):
    """{refused} of {rows} lines were refused, so nothing was imported."""

    remedy = "Correct them, or take the others alone with --accept-good."
    exit_code = 1


class NoneGood(HimayaError):
    """Not one of {rows} lines can be taken, so nothing was imported."""

    remedy = "Correct them; what a line holds is told by: himaya lists import --help"
    exit_code = 1


class NothingToChange(HimayaError):
    """Nothing is named that is to be another."""

    remedy = "Name at least one term; they are told by: himaya lists change --help"


class NotAgain(HimayaError):
    """The list is a common one, and what {path} gives cannot be read again to keep it for a second person."""

    remedy = "Write it to a file, and import that."


Name = Annotated[str, typer.Argument(help="The list.")]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="One of csv, hashes, icse, iwf, misp, stix, vics; by the file's beginning and ending where left out.",
    ),
]


@command(lists, "create", example='himaya lists create hotline --title "National hotline"')
def create(
    name: Annotated[str, typer.Argument(help="Small letters, digits, dashes; it never changes.")],
    title: Annotated[str, typer.Option(help="For people.", metavar="TEXT")] = "",
    source: Annotated[str, typer.Option(help="Who stands behind items that name nobody.", metavar="TEXT")] = "",
    radius: Annotated[
        int,
        typer.Option(
            help="Greatest distance in bits for perceptual signals, 0 to 64. Above 40 every question slows down.",
            metavar="BITS",
        ),
    ] = 31,
) -> None:
    """Make an empty list."""
    start.database()
    from himaya.lists import services

    services.create_list(name, by=start.actor(), title=title, source=source, radius=radius)
    done(runnable(f"list {name}. Fill it with: himaya lists import {name} FILE"))


@command(lists, "import", example="himaya lists import hotline hashes.csv --report refused.csv")
def import_(
    name: Name,
    file: Annotated[
        Path, typer.Argument(help="A list in any of the formats. - reads standard input.", allow_dash=True)
    ],
    format_: Format = "",
    signal: Annotated[
        str, typer.Option(help="What the values are, where the file does not say.", metavar="SIGNAL")
    ] = "",
    accept_good: Annotated[
        bool, typer.Option("--accept-good", help="Import the good lines of a file with bad ones.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write every refused line here, as CSV.", metavar="FILE")] = None,
) -> None:
    """Import a file, all of it or nothing; importing it again changes nothing.

    A CSV file has a header that names the columns signal and value and, where wanted, scheme, code, source, reference,
    note and negative (yes: known to be benign; the note says why). A plain file has one hash a line, alone
    or as in sha256:… The value of vpdq is a video's frames, as himaya fingerprint writes them; a digest of frames
    will do where a list here has these.
    """
    start.database()
    from himaya.core import registry
    from himaya.lists import services

    found = services.find_list(name)
    with opened(file) as stream, _Refusals(report) as refusals, progress("lines") as bar:
        kind, told = services.recognise(file.name, head_of(stream))
        kind, told = registry.format_(format_ or kind).name, signal or told
        task = bar.add_task("reading", total=None, note="")

        def advance(read: int, written: int) -> None:
            if written and bar.tasks[task].total is None:
                bar.reset(task, description="writing", total=read, note="")
            bar.update(task, completed=written or read)

        try:
            result = services.import_items(
                found,
                stream=stream,
                format_name=kind,
                by=start.actor(),
                signal=told,
                accept_good=accept_good,
                benign=True,
                on_refusal=refusals.add,
                on_progress=advance,
            )
        except services.NeedsSecond as needed:
            refusals.tell()
            _propose_file(needed, file, stream)
            return
    refusals.tell()
    _tell(result)


def _propose_file(needed: NeedsSecond, file: Path, stream: BinaryIO) -> None:
    if not stream.seekable():
        raise NotAgain(path=printable(str(file)))
    propose(needed, file=stream)


def _tell(result: ImportResult) -> None:
    if not result.imported:
        refusal = Refused if result.refused < result.rows else NoneGood
        raise refusal(refused=f"{result.refused:,}", rows=f"{result.rows:,}")
    kept = f", {result.kept_withdrawn:,} stay withdrawn" if result.kept_withdrawn else ""
    done(
        f"{result.added:,} added, {result.changed:,} changed, {result.unchanged:,} unchanged{kept}, "
        f"{result.refused:,} refused"
    )


@command(lists, "change", example="himaya lists change hotline --organisations 2 --jurisdictions 2")
def change(
    name: Name,
    title: Annotated[str | None, typer.Option(help="For people.", metavar="TEXT")] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Whether its items match.")] = None,
    radius: Annotated[
        int | None, typer.Option(help="Greatest distance in bits for perceptual signals, 0 to 64.", metavar="BITS")
    ] = None,
    organisations: Annotated[
        int | None, typer.Option(help="How many have to vouch before an item matches, 1 to 9.", metavar="N")
    ] = None,
    jurisdictions: Annotated[
        int | None, typer.Option(help="Of how many jurisdictions they have to be, 1 to 9.", metavar="N")
    ] = None,
    disputes: Annotated[
        int | None, typer.Option(help="How many votes make an item disputed, 1 to 9.", metavar="N")
    ] = None,
    tlp: Annotated[
        str | None,
        typer.Option(help="How far it may be handed on: clear, green, amber, amber+strict, red.", metavar="LABEL"),
    ] = None,
    common: Annotated[
        bool | None, typer.Option("--common/--own", help="Whether what changes it needs a second person.")
    ] = None,
) -> None:
    """Change the terms of a list; what is not named stays.

    Under another rule every item is judged anew, and all of them stand where they then do in one moment.
    """
    start.database()
    from himaya.lists import services

    wanted: dict[str, Any] = {
        "title": title, "enabled": enabled, "radius": radius, "organisations": organisations,
        "jurisdictions": jurisdictions, "disputes": disputes, "tlp": tlp, "common": common,
    }  # fmt: skip
    if all(value is None for value in wanted.values()):
        raise NothingToChange
    needed: services.NeedsSecond | None
    with progress("items") as bar:
        task = bar.add_task("judging", total=None, note="")
        try:
            services.change_list(name, by=start.actor(), on_progress=lambda n: bar.update(task, completed=n), **wanted)
            needed = None
        except services.NeedsSecond as error:
            needed = error
    if needed:
        propose(needed)
    else:
        done(f"list {name}. It holds from the next screening on")


def propose(needed: NeedsSecond, *, file: BinaryIO | None = None) -> None:
    """Keep for a second person what this list does not do at the word of one, and say where it is approved."""
    from himaya.lists import proposals

    made = proposals.propose(needed, by=start.actor(), file=file)
    done(f"proposal {made.pk}: {needed.facts['name']} is a common list, so a second person has to approve")
    err.print(f"  A lead approves or refuses it in the console: /lists/proposals/{made.pk}", soft_wrap=True)


@command(lists, "proposals", example="himaya lists proposals")
def proposals_(
    state: Annotated[
        str, typer.Option(help="waiting, done, refused or failed; all of them where empty.", metavar="STATE")
    ] = "waiting",
) -> None:
    """Show what waits for a second person; leads approve or refuse it in the console."""
    start.database()
    from himaya.lists import proposals

    shown = table("proposal#", "list", "act", "by", "at", "state", "why")
    for one in proposals.proposals(state)[:200]:
        at = f"{one.at:%Y-%m-%d %H:%M}"
        shown.add_row(str(one.pk), one.list.name, one.act, escape(one.by), at, one.state, escape(one.why))
    out.print(shown if shown.row_count else "No proposal waits." if state == "waiting" else "No proposal is like that.")


class _Refusals:
    """Shows the first refused lines and writes all of them where asked."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[str] | None = None
        self._first: list[Refusal] = []
        self._number = 0
        if path is None:
            return
        import csv

        try:
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise NotWritten(path=path, why=error.strerror) from error
        self._writer: Any = csv.writer(self._file)
        self._writer.writerow(["line", "why", "excerpt"])

    def __enter__(self) -> _Refusals:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, refusal: Refusal) -> None:
        self._number += 1
        if self._file:
            self._writer.writerow([refusal.line, refusal.why, refusal.excerpt])
        if len(self._first) < SHOWN:
            self._first.append(refusal)

    def tell(self) -> None:
        for refusal in self._first:
            excerpt = f": [dim]{escape(ascii(refusal.excerpt)[1:-1])}[/]" if refusal.excerpt else ""
            err.print(f"[yellow]line {refusal.line:,}:[/] {escape(refusal.why)}{excerpt}", soft_wrap=True)
        if self._number > len(self._first):
            err.print(f"… and {self._number - len(self._first):,} more; --report FILE writes them all")


def opened(file: Path) -> BinaryIO:
    """A file, or standard input where it is ``-``."""
    try:
        return sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise NoFile(path=printable(str(file)), why=error.strerror) from error


def head_of(stream: BinaryIO) -> bytes:
    """How a stream begins: up to ``parsing.HEAD`` bytes, which are still there to be read afterwards."""
    from himaya.lists.parsing import HEAD

    if isinstance(stream, BufferedReader):
        return stream.peek(HEAD)[:HEAD]
    head = stream.read(HEAD)
    stream.seek(0)
    return head


@command(lists, "export", example="himaya lists export hotline hotline.csv")
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="Where to; - is standard output.", allow_dash=True)] = Path("-"),
    format_: Format = "",
) -> None:
    """Write the active items of a list; a file appears whole or not at all."""
    start.database()
    from himaya.core import files
    from himaya.lists import services

    to_stdout = str(file) == "-"
    kind = format_ or ("csv" if to_stdout else services.kind_of(file.name)[0])
    rendered = services.export_items(name, format_name=kind, by=start.actor())
    if to_stdout:
        for part in rendered:
            sys.stdout.buffer.write(part)
        return
    try:
        files.replace(file, rendered)
    except OSError as error:
        raise NotWritten(path=printable(str(file)), why=error.strerror) from error
    done(f"list {name} → {printable(str(file))}")


@command(lists, "show", example="himaya lists show hotline")
def show(
    name: Annotated[str, typer.Argument(help="A list; all of them where left out.", show_default=False)] = "",
) -> None:
    """Show all lists, or what one is made of."""
    start.database()
    out.print(_composition(name) if name else _all())


def _all() -> Any:
    from himaya.lists import queries

    standings, none = queries.standings(), queries.Standing()
    shown = table("list", "title", "active#", "disputed#", "proposed#", "expired#", "withdrawn#", "radius#", "on")
    for one in queries.lists():
        n = standings.get(one.pk, none)
        numbers = [f"{number:,}" for number in (n.active, n.disputed, n.proposed, n.expired, n.withdrawn)]
        shown.add_row(one.name, escape(one.title), *numbers, str(one.radius), "yes" if one.enabled else "no")
    return shown if shown.row_count else runnable("No list yet. Make one with: himaya lists create NAME")


def _rule(one: HashList) -> str:
    """What its items need, in a line."""
    places = counted(one.jurisdictions, "jurisdiction")
    said = f"needs {counted(one.organisations, 'organisation')} of {places}; disputed by {one.disputes}"
    return f"{said}; TLP:{one.tlp.upper()}{'; common' if one.common else ''}"


def _composition(name: str) -> Any:
    from himaya.lists import queries, services

    found = services.find_list(name)
    out.print(_rule(found))
    shown = table("signal", "class", "items#", "last change")
    for row in queries.composition(found):
        label = f"{row['scheme']} {row['code']}".strip() or "-"
        shown.add_row(str(row["signal"]), escape(label), f"{row['n']:,}", f"{row['changed']:%Y-%m-%d %H:%M}")
    if not shown.row_count:
        return runnable(f"{name} is empty. Fill it with: himaya lists import {name} FILE")
    return shown
