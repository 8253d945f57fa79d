"""``himaya reports …``: reports in forms of others, from draft to receipt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import done, out, table

if TYPE_CHECKING:
    from himaya.reporting.models import Filing
    from himaya.reporting.showing import Line

reports = commands("Reports in a form of the body that takes them: drafts, what is missing, filing, what became of it.")
app.add_typer(reports, name="reports", rich_help_panel=KEEP)
Number = Annotated[str, typer.Argument(help="The report: 12, or R-2026-000012.", metavar="REPORT")]
Case = Annotated[str, typer.Argument(help="Its number: 12, or H-2026-000012.", metavar="CASE")]


class SetsNothing(HimayaError):
    """{given!r} sets no place of a report."""

    remedy = "Write PLACE=VALUE, as in summary=text or accounts/0/id=u-17; an empty value takes away what is there."


class OneAnswer(HimayaError):
    """Either it is there and has a number, or it is not."""

    remedy = "Give --receipt NUMBER, or --not-there."


class NotReadAsJson(HimayaError):
    """{path} cannot be read: {why}."""


@command(reports, "list", example="himaya reports list --state open")
def list_(
    state: Annotated[str, typer.Option(help="Only in a state: open, draft, unknown, filed, ….", metavar="STATE")] = "",
    case: Annotated[str, typer.Option(help="Only of a case.", metavar="CASE")] = "",
) -> None:
    """Reports, oldest first: where they go, how they stand, until when they must be filed."""
    start.database()
    from himaya.evidence.naming import case_of
    from himaya.reporting import queries

    about = case_of(case)
    shown = table("report", "case", "route", "state", "due", "number there")
    for one in queries.filings(state=state, case=int(about.removeprefix("case:") or 0)).iterator():
        due = f"{one.due:%Y-%m-%d %H:%M}" if one.due else ""
        cells = (one.reference, one.case.reference, one.route, one.state, due, one.receipt)
        shown.add_row(*map(escape, cells))
    out.print(shown)


@command(reports, "show", example="himaya reports show 12 --all")
def show(
    number: Number,
    every: Annotated[bool, typer.Option("--all", help="Places that are empty, too: the whole form.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What it states, as JSON.")] = False,
) -> None:
    """One report: what is missing first, then place by place what it states, its files, its steps."""
    one = _one(number)
    if as_json:
        out.print_json(json.dumps({"values": one.values, "files": one.files}))
        return
    from himaya.reporting.showing import whole

    _head(one)
    told = whole(one)
    gaps = table("missing or wrong", "place", "why")
    for gap in told.gaps:
        gaps.add_row("it would be refused" if gap.blocks else "worth a look", escape(gap.path), escape(gap.why))
    if told.gaps:
        out.print(gaps)
    _lines(told.lines, every=every)
    for file, lines in told.files:
        goes = "goes with it" if file["sent"] else "is told of, and does not go with it"
        out.print(escape(f"file:{file['key']}: {file['size']:,} bytes of {file['media_type'] or '?'}; it {goes}"))
        _lines(lines, every=every)
    _steps(one)


def _head(one: Filing) -> None:
    out.print(escape(f"{one.reference}, case {one.case.reference}, route {one.route}: {one.state}"))
    for what, said in (
        ("due", one.due and f"{one.due:%Y-%m-%d %H:%M} UTC"), ("number there", one.receipt),
        ("to look for", one.trouble), ("key", one.key),
    ):  # fmt: skip
        if said:
            out.print(escape(f"{what}: {said}"))


def _lines(lines: tuple[Line, ...], *, every: bool) -> None:
    from himaya.reporting.words import shown_value

    shown = table("place", "what", "value")
    for line in lines:
        if line.value is not None or (every and line.field.kind != "group"):
            value = "" if line.value is None else shown_value(line.field, line.value)
            shown.add_row(*map(escape, (line.path, str(line.field.label), value)))
    if shown.row_count:
        out.print(shown)


def _steps(one: Filing) -> None:
    from himaya.reporting import queries

    shown = table("step", "round#", "begun", "answered", "answer")
    for row in queries.steps(one):
        answer = "" if row.answer is None else json.dumps(row.answer)
        ended = f"{row.ended_at:%Y-%m-%d %H:%M:%S}" if row.ended_at else ""
        cells = (row.step, str(row.round), f"{row.began_at:%Y-%m-%d %H:%M:%S}", ended, answer or row.trouble)
        shown.add_row(*map(escape, cells))
    if shown.row_count:
        out.print(shown)


@command(reports, "set", example="himaya reports set 12 place=WEB accounts/0/id=u-17 file:exhibit-3/note=")
def set_(
    number: Number,
    places: Annotated[list[str], typer.Argument(help="Places and what is to stand there.", metavar="PLACE=VALUE...")],
    send: Annotated[list[str], typer.Option(help="A file that goes with it; repeatable.", metavar="KEY")] = [],  # noqa: B006
    tell: Annotated[list[str], typer.Option(help="A file that is only told of.", metavar="KEY")] = [],  # noqa: B006
) -> None:
    """Complete a draft, place by place; all that is given, or nothing."""
    values = dict(_given(one) for one in places)
    one = _one(number)
    from himaya.reporting import drafting

    sent = dict.fromkeys(send, True) | dict.fromkeys(tell, False)
    changed = drafting.change_draft(one.pk, values=values, sent=sent, by=start.actor())
    _told(changed)


def _given(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SetsNothing(given=text[:80])
    return path.strip(), value


def _told(one: Filing) -> None:
    from himaya.reporting.drafting import gaps_of

    blocking = sum(gap.blocks for gap in gaps_of(one))
    done(f"{one.reference}: {one.state}, {f'{blocking} things are missing' if blocking else 'complete'}")


@command(reports, "particulars", example="himaya reports particulars H-2026-000012 incident.json")
def particulars(
    case: Case,
    file: Annotated[Path, typer.Argument(help="What the service knows of the incident, as JSON.", metavar="FILE")],
) -> None:
    """Keep what a service knows of an incident; drafts of the case that nobody changed are filled with it."""
    try:
        content: Any = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise NotReadAsJson(path=file, why=getattr(error, "strerror", None) or error) from error
    start.database()
    from himaya.evidence.naming import case_of
    from himaya.reporting import drafting

    about = case_of(case)
    kept = drafting.keep_particulars(int(about.removeprefix("case:") or 0), content=content, by=start.actor())
    done(f"{about}: particulars, version {kept}")


@command(reports, "file", example="himaya reports file 12")
def file_(number: Number) -> None:
    """Let a complete draft be filed. The worker takes its steps; `reports show` says how far it is."""
    one = _one(number)
    from himaya.reporting import filing

    filing.queue_filing(one.pk, by=start.actor())
    sent = sum(file["sent"] for file in one.files)
    done(f"{one.reference} waits to leave over {one.route}; files that go with it: {sent}")


@command(reports, "retract", example="himaya reports retract 12")
def retract(number: Number) -> None:
    """Take back what is not filed: a draft is given up, what is begun there is retracted as far as that can be."""
    one = _one(number)
    from himaya.reporting import filing

    done(f"{one.reference}: {filing.retract_filing(one.pk, by=start.actor()).state}")


@command(reports, "settle", example="himaya reports settle 12 --receipt 4401234")
def settle(
    number: Number,
    receipt: Annotated[str, typer.Option(help="It is there, under this number.", metavar="NUMBER")] = "",
    not_there: Annotated[bool, typer.Option("--not-there", help="It is not there: file it anew.")] = False,
) -> None:
    """Say what became of a report of which nobody knows, as the other side told you."""
    if bool(receipt) == not_there:
        raise OneAnswer
    one = _one(number)
    from himaya.reporting import filing

    if receipt:
        settled = filing.settle_filing(one.pk, receipt=receipt, by=start.actor())
    else:
        settled = filing.begin_again(one.pk, by=start.actor())
    done(f"{one.reference}: {settled.state}")


@command(reports, "follow", example="himaya reports follow 12")
def follow(number: Number) -> None:
    """Draft a report that follows up a filed one, or corrects it; it names the number of the earlier one."""
    one = _one(number)
    from himaya.reporting import filing

    _told(filing.follow_up(one.pk, by=start.actor()))


def _one(number: str) -> Filing:
    start.database()
    from himaya.reporting import queries

    return queries.by_reference(number)
