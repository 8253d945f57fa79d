"""``himaya reference …``: time limits, contact points, fields of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import done, out, table

if TYPE_CHECKING:
    from himaya.reference.rows import Row

reference = commands(
    "What one looks up: countries, whom to tell, time limits of law, contact points, fields of requests."
)
app.add_typer(reference, name="reference", rich_help_panel=KEEP)
Table = Annotated[str, typer.Argument(help="limits, contacts, languages or request-fields.", metavar="TABLE")]
RowKey = Annotated[str, typer.Argument(help="The row, as `reference list` names it.", metavar="KEY")]
Values = Annotated[list[str], typer.Option("--set", help="A field and its value; repeatable.", metavar="FIELD=VALUE")]
Reason = Annotated[str, typer.Option(help="Why: what you read or whom you asked.", metavar="TEXT")]


class BadSetting(HimayaError):
    """{given!r} sets no field."""

    remedy = "Write --set FIELD=VALUE, as in --set numbers=112; an empty value takes away what is there."


class OneThingOnly(HimayaError):
    """A row is changed, set aside, taken up again or left to the program: one of these at a time."""

    remedy = "Give --set, or one of --aside, --restore and --as-shipped."


@command(reference, "list", example="himaya reference list contacts --place LU --kind helpline")
def list_(
    name: Table,
    place: Annotated[str, typer.Option(help="Only of a country, jurisdiction or part: LU.", metavar="CODE")] = "",
    kind: Annotated[str, typer.Option(help="Only of a kind: helpline, preserve.", metavar="NAME")] = "",
    aside: Annotated[bool, typer.Option("--aside", help="Those that were set aside, instead.")] = False,
) -> None:
    """What is known, and how sure it is."""
    start.database()
    from himaya.reference import queries
    from himaya.reference.words import gist, sure

    found = queries.rows(name, place=place, kind=kind, aside=aside)
    shown = table("key", "place", "kind", "what", "in short", "how sure", "looked at")
    for row in found:
        marks = [sure(row.values)["word"], *(["written here"] if row.ours else []), *(["compare"] if row.moved else [])]
        values, of = row.values, row.table
        cells = (row.key, values[of.place], values.get(of.kind, ""), values[of.label], gist(row), ", ".join(marks))
        shown.add_row(*map(escape, cells), values["checked"])
    out.print(shown)


@command(reference, "show", example="himaya reference show limits us-2258a-h-preserve")
def show(name: Table, key: RowKey) -> None:
    """One row: what it says, how the program ships it, and what was changed here, by whom and why."""
    start.database()
    from himaya.reference import queries

    row = queries.row(name, key)
    _show(row)
    changes = list(queries.history(row))
    if changes:
        shown = table("change", "when", "who", "what", "why")
        every = {one.number: one for one in changes}
        from himaya.reference.words import happened

        for one in changes:
            what = happened(every.get(one.number - 1), one)
            cells = (str(one.number), f"{one.at:%Y-%m-%d %H:%M}", one.by, what, one.reason)
            shown.add_row(*map(escape, cells))
        out.print(shown)


def _show(row: Row) -> None:
    from himaya.reference.words import said, sure

    shown = table("field", "here", *(["as shipped"] if row.ours else []))
    for field in row.table.fields:
        value, shipped = said(row, field.name), (row.shipped or {}).get(field.name, "")
        if value or (row.ours and shipped):
            cells = [field.name, value, *([shipped if shipped != row.values[field.name] else ""] if row.ours else [])]
            shown.add_row(*map(escape, cells))
    out.print(shown)
    out.print(escape(f"{sure(row.values)['word']}: {sure(row.values)['basis']}"))
    if row.moved:
        out.print("The program ships it otherwise than when it was changed here: compare the two.")


@command(
    reference,
    "change",
    example="himaya reference change contacts lu-helpline-kanner-jugendtelefon --set basis=confirmed --reason rung",
)
def change(
    name: Table,
    key: RowKey,
    reason: Reason,
    values: Values = [],  # noqa: B006 - typer reads it, nobody writes it
    aside: Annotated[bool, typer.Option("--aside", help="Use the row no more.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Use it again.")] = False,
    as_shipped: Annotated[bool, typer.Option("--as-shipped", help="Let the program's words hold again.")] = False,
) -> None:
    """Change a row, or set it aside. An update of the program does not overwrite it; nothing is deleted."""
    if [bool(values), aside, restore, as_shipped].count(True) != 1:
        raise OneThingOnly
    given = _given(values)
    start.database()
    from himaya.reference import services

    act = services.set_row_aside if aside else services.restore_row if restore else services.take_shipped_row
    if given:
        row = services.change_row(name, key=key, values=given, reason=reason, by=start.actor())
    else:
        row = act(name, key=key, reason=reason, by=start.actor())
    done(f"{name} {row.key}: change {row.number}")


@command(
    reference,
    "add",
    example="himaya reference add request-fields --set part=facts --set field=Number --set source=us "
    "--set checked=2026-11-29 --set basis=confirmed --set confidence=high --reason needed",
)
def add(name: Table, reason: Reason, values: Values) -> None:
    """Add a row of this node's own."""
    given = _given(values)
    start.database()
    from himaya.reference import services

    row = services.add_row(name, values=given, reason=reason, by=start.actor())
    done(f"{name} {row.key}")


def _given(values: list[str]) -> dict[str, str]:
    given = {}
    for one in values:
        field, equals, value = one.partition("=")
        if not equals or not field.strip():
            raise BadSetting(given=one[:80])
        given[field.strip()] = value
    return given
