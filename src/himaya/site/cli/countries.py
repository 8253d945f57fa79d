"""``himaya reference country …`` and ``… route``: what is known of a country, and whom to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from himaya.site.cli import start
from himaya.site.cli.grammar import command
from himaya.site.cli.reference import reference
from himaya.site.cli.shown import out, table

if TYPE_CHECKING:
    from himaya.core.reference.routing import Route
    from himaya.reference.directory import Fact

Code = Annotated[str, typer.Argument(help="ISO 3166-1 alpha-2: DE.", metavar="COUNTRY")]


@command(reference, "country", example="himaya reference country DE")
def country(code: Code) -> None:
    """What is known of a country: who takes reports, duties, keeping, who helps children; and what is not known."""
    start.database()
    from himaya.reference import queries
    from himaya.reference.directory import COULD_SAY, PARTS
    from himaya.reference.words import place

    found = queries.country(code)
    unions = ", ".join(map(place, found.unions))
    out.print(escape(f"{place(code)} ({code})" + (f", {unions}" if unions else "")))
    for name, title in PARTS.items():
        out.print(f"\n{escape(title)}")
        if rows := found.part(name):
            shown = table("key", "what", "in short", "how sure", "looked at")
            for one in rows:
                shown.add_row(*map(escape, _cells(one)))
            out.print(shown)
        else:
            out.print(escape(f"Nothing is known. {COULD_SAY[name]}"))


def _cells(one: Fact) -> tuple[str, ...]:
    from himaya.core.languages import LANGUAGES
    from himaya.core.reference import Contact, TimeLimit
    from himaya.core.reference.laws import EFFECTS, Law
    from himaya.core.reference.limits import STANDINGS
    from himaya.reference.words import called, lasting, sureness

    if isinstance(one, Contact):
        what = called(one) + (f" ({one.area})" if one.area else "")
        short = ", ".join((*one.numbers, *filter(None, (one.email, one.report_url or one.website)))) or one.note
    elif isinstance(one, TimeLimit):
        standing = "" if one.standing == "in-force" else f" ({STANDINGS[one.standing]})"
        what, short = f"{one.bearer}: {one.task}{standing}", f"{lasting(one)}; {one.instrument}"
    elif isinstance(one, Law):
        what, short = one.instrument, EFFECTS[one.effect] + (f" ({' '.join(one.parts)})" if one.parts else "")
    else:
        what, short = ", ".join(LANGUAGES[code] for code in one.official), ", ".join(LANGUAGES[c] for c in one.used)
    return one.key, what, short, sureness(one.mark)["word"], one.mark.checked


@command(reference, "route", example="himaya reference route --host DE --user FR --ours NL --bearer hosting --danger")
def route(
    bearer: Annotated[
        str | None,
        typer.Option(help="Who asks: hotline, provider, hosting, …; else as `acts_as` is set.", metavar="NAME"),
    ] = None,
    host: Annotated[str, typer.Option(help="Country of the host.", metavar="CODE")] = "",
    user: Annotated[str, typer.Option(help="Country of the user.", metavar="CODE")] = "",
    ours: Annotated[
        str | None, typer.Option(help="Own country; else as `jurisdiction` is set.", metavar="CODE")
    ] = None,
    legality: Annotated[str, typer.Option(help="illegal or harmful.", metavar="NAME")] = "illegal",
    danger: Annotated[bool, typer.Option("--danger", help="Life or safety of a person is threatened.")] = False,
) -> None:
    """Who should be told, by which law, and by when; what is not known; which rows were left out, and why."""
    start.database()
    from himaya.reference import queries

    _print(queries.suggest(bearer=bearer, host=host, user=user, ours=ours, legality=legality, danger=danger))


def _print(found: Route) -> None:
    from himaya.reference.routes import FORCES, by_when, could_say, reason, why
    from himaya.reference.words import called

    if found.suggestions:
        shown = table("whom", "where", "why", "by when", "how sure")
        for one in found.suggestions:
            clocks = "; ".join(map(by_when, one.clocks))
            because = f"{FORCES[one.force]}: {reason(one)}" if one.limit else reason(one)
            sure = one.limit.mark.confidence if one.limit else one.contact.mark.confidence
            shown.add_row(*map(escape, (called(one.contact), one.contact.country, because, clocks, sure)))
        out.print(shown)
    else:
        out.print("Nobody is known who should be told.")
    for told in found.unknown:
        out.print(escape(f"Not known: {why(told, found)} {could_say(told)}".rstrip()))
    for told in found.left:
        row = told.limit.key if told.limit else told.contact.key if told.contact else ""
        out.print(escape(f"Left out: {row}: {why(told, found)}"))
