"""``himaya desk …``: the legal desk at the console, with the acts of its pages.

Whoever is at the console acts for a lead, whom they name: the record tells both. What needs a security key, that an
answer may leave, is done on the page alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.evidence.demands.lists import KINDS
from himaya.site.cli import app, start
from himaya.site.cli.desk_acting import (
    As,
    Channel,
    Ground,
    Json,
    Why,
    act_on,
    at_console,
    choices_of,
    clock_told,
    next_of,
    number_of,
    person_at_desk,
    print_clocks,
    tell,
    valid,
)
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import done, err, out, runnable, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.evidence.demands.models import Demand

desk = commands("The legal desk: what authorities demand, and what is due.")
app.add_typer(desk, name="desk", rich_help_panel=KEEP)
Number = Annotated[str, typer.Argument(help="The demand, as D-2026-000012 or 12.", metavar="DEMAND")]
Kind = Annotated[str, typer.Option(help=f"One of: {', '.join(KINDS)}.", metavar="NAME")]
SCOPE = (
    "What exactly it asks for: accounts: a, b; case H-2026-000012; exhibits E-2026-000012-E-2026-000020; "
    "from 2026-01-01T00:00Z to 2026-02-01; kinds pictures."
)
ACTS = (
    "verify", "accept", "part", "scope", "preserved", "prepare", "renew", "release", "challenge", "settle", "notice",
    "gag", "refuse", "revoke", "withdraw", "close", "check", "uncheck",
)  # fmt: skip
"""What `desk do` does: every act of the page of a demand."""
MOST = 1000


@command(desk, "list", example="himaya desk list --all")
def list_(
    all_: Annotated[bool, typer.Option("--all", help="Those that are over as well.")] = False,
    kind: Kind = "",
    json_: Json = False,
) -> None:
    """Demands, that first of which something is due first: what is late is marked. At most 1,000."""
    start.database()
    from himaya.evidence.demands import queries

    found = queries.by_due(queries.demands(kind=kind, open_only=not all_))[:MOST]
    if json_:
        typer.echo(json.dumps([_told(one) for one in found]))
        return
    shown = table("demand", "what", "authority", "country", "state", "due", keep=("demand", "due"))
    for one in found:
        cells = (one.reference, one.kind, one.authority, one.country, one.state)
        shown.add_row(*map(escape, cells), _due(one))
    out.print(shown)


@command(desk, "due", example="himaya desk due")
def due(json_: Json = False) -> None:
    """What is due next, of demands and of requests, what is late first."""
    start.database()
    from himaya.evidence.demands import queries

    found = list(queries.due_next()[:MOST])
    if json_:
        typer.echo(json.dumps([clock_told(one) for one in found]))
        return
    print_clocks(found)


@command(desk, "show", example="himaya desk show D-2026-000012")
def show(number: Number, json_: Json = False) -> None:
    """One demand: what it says, what is not confirmed yet, its clocks, what is held by it, and what can be done now."""
    start.database()
    from himaya.evidence.demands import queries

    one = queries.demand(number_of(number, "D"))
    told = _whole(one)
    if json_:
        typer.echo(json.dumps(told))
        return
    facts = table("demand", one.reference)
    for name, value in told.items():
        if name not in ("id", "reference", "clocks", "acts", "answers") and value not in ("", None, []):
            facts.add_row(name.replace("_", " "), escape(_shown(value)))
    out.print(facts)
    print_clocks(list(queries.clocks_of(one)))
    answers = table("answer#", "for whom", "state", keep=("answer",))
    for answer in told["answers"]:
        answers.add_row(str(answer["id"]), escape(answer["recipient"]), answer["state"])
    if answers.row_count:
        out.print(answers)
    acts = table("can be done", "with --set …=…", keep=("can be done",))
    for name in told["acts"]:
        acts.add_row(name, escape("; ".join(_needs(name))))
    out.print(acts)
    if following := next_of(one, "LEAD"):
        out.print(escape(runnable(f"Next: {following}")), soft_wrap=True)


@command(
    desk,
    "receive",
    example="himaya desk receive --as lead1 --kind preservation --authority 'District court' --country LU "
    "--channel letter --instrument '18 USC 2703(f)' --limit us-2703-f-preserve --scope 'case H-2026-000012'",
)
def receive(
    as_: As,
    kind: Kind,
    authority: Annotated[str, typer.Option(help="Who demands.", metavar="TEXT")],
    country: Annotated[str, typer.Option(help="Of the authority: LU.", metavar="CODE")],
    channel: Channel,
    instrument: Annotated[str, typer.Option(help="Law or order, as it names it.", metavar="TEXT")],
    limit: Annotated[str, typer.Option(help="Time limit of the reference that counts.", metavar="KEY")] = "",
    received: Annotated[str, typer.Option(help="When it came, in UTC; now if left out.", metavar="TIME")] = "",
    person: Annotated[str, typer.Option(help="Who signed it.", metavar="TEXT")] = "",
    address: Annotated[str, typer.Option(help="Where that person is reached.", metavar="TEXT")] = "",
    reference: Annotated[str, typer.Option(help="Theirs.", metavar="TEXT")] = "",
    asked: Annotated[str, typer.Option(help="What it asks, in its own words.", metavar="TEXT")] = "",
    scope: Annotated[str, typer.Option(help=SCOPE, metavar="SCOPE")] = "",
    answer_by: Annotated[str, typer.Option(help="Answer due, where it says so.", metavar="TIME")] = "",
    preserve_until: Annotated[str, typer.Option(help="Preserve until, where it says so.", metavar="TIME")] = "",
    follows: Annotated[str, typer.Option(help="The demand to preserve that it follows.", metavar="DEMAND")] = "",
    gag: Annotated[bool, typer.Option("--gag", help="The person concerned may not be told.")] = False,
    gag_until: Annotated[str, typer.Option(help="Until when.", metavar="TIME")] = "",
    json_: Json = False,
) -> None:
    """Put a demand on record as it came: its clock runs from then."""
    who = person_at_desk(as_)
    from django.utils.timezone import now

    from himaya.evidence.demands import services
    from himaya.evidence.demands.pages.forms import DemandForm

    form = DemandForm(
        {
            "kind": kind, "authority": authority, "country": country, "channel": channel, "instrument": instrument,
            "limit": limit, "received_at": received or f"{now():%Y-%m-%d %H:%M:%S}", "person": person, "asked": asked,
            "address": address, "reference": reference, "scope": scope, "answer_by": answer_by, "gag": gag,
            "preserve_until": preserve_until, "follows": str(number_of(follows, "D")) if follows else "",
            "gag_until": gag_until,
        }
    )  # fmt: skip
    from himaya.evidence.demands.terms import Terms

    given = valid(form)
    at_console(who, "receive")
    terms = Terms(**{**given, "follows": int(given["follows"] or 0) or None})
    made = services.record_demand(terms, person=who)
    if json_:
        typer.echo(json.dumps(_whole(made)))
    else:
        tell(made, who, act="recorded as it came")


@command(desk, "accept", example="himaya desk accept D-2026-000012 --as lead1 --why 'it is as it must be'")
def accept(
    number: Number,
    as_: As,
    why: Why,
    part: Annotated[str, typer.Option(help="Only this of it: a scope, with the ground.", metavar="SCOPE")] = "",
    ground: Ground = "",
    json_: Json = False,
) -> None:
    """Do what it demands, or a part: what is in its scope is held from now on, and what arrives in it later."""
    given = {"scope": part, "ground": ground, "why": why} if part or ground else {"why": why}
    _act(number, as_, "part" if part or ground else "accept", given, as_json=json_)


@command(desk, "refuse", example="himaya desk refuse 12 --as lead1 --ground not-competent --why 'the court of …'")
def refuse(number: Number, as_: As, ground: Ground, why: Why, json_: Json = False) -> None:
    """Do not do it, on a ground of the closed list and in words."""
    _act(number, as_, "refuse", {"ground": ground, "why": why}, as_json=json_)


@command(desk, "answer", example="himaya desk answer 12 --as lead1 --to 'District court' --key age1…")
def answer(
    number: Number,
    as_: As,
    why: Annotated[str, typer.Option(help="Of a demand to preserve: what was told, and how.", metavar="TEXT")] = "",
    to: Annotated[str, typer.Option(help="Of another one: who gets what is in scope.", metavar="TEXT")] = "",
    key: Annotated[str, typer.Option(help="Their key: age1…, or an SSH key.", metavar="KEY")] = "",
    json_: Json = False,
) -> None:
    """Note that the authority was told what is preserved; or prepare an answer, which another lead lets leave."""
    given = {"recipient_name": to, "recipient": key} if to or key else {"why": why}
    _act(number, as_, "prepare" if to or key else "preserved", given, as_json=json_)


@command(desk, "do", example="himaya desk do 12 check --as lead1 --set item=channel --set 'said=seen on the portal'")
def do(
    number: Number,
    act: Annotated[str, typer.Argument(help=f"One of: {', '.join(ACTS)}.", metavar="ACT")],
    as_: As,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="What it needs: see `desk show`; repeatable.", metavar="FIELD=TEXT"),
    ] = None,
    json_: Json = False,
) -> None:
    """Any act of the page of a demand: `desk show DEMAND` names those that can be done now, and what each needs."""
    given = dict(part.partition("=")[::2] for part in set_ or ())
    _act(number, as_, act, given, as_json=json_)


@command(desk, "give", example="himaya desk give 3 answer.zip --as lead1")
def give(
    number: Annotated[int, typer.Argument(help="The answer, that another lead let leave.", min=1, max=2**63 - 1)],
    file: Annotated[Path, typer.Argument(help="Where the bundle is written; it must not be there.", metavar="FILE")],
    as_: As,
) -> None:
    """Write an approved answer as a bundle, encrypted to the authority. It is on record before the first byte."""
    who = person_at_desk(as_)
    from himaya.evidence.demands import answering
    from himaya.evidence.pages.accesses import languages
    from himaya.site.cli.evidence_intake import new_file

    at_console(who, "give")
    with new_file(file) as to:
        packed = answering.write_answer(number, to, person=who, languages=languages())
    done(f"answer {number}, {file}: {packed.size:,} bytes, {packed.files:,} files")
    err.print("Next: hand it over to the authority", soft_wrap=True)


@command(desk, "numbers", example="himaya desk numbers")
def numbers(json_: Json = False) -> None:
    """The desk in numbers that can be published: none from 1 to 4 is shown, nor one that would tell it."""
    start.database()
    from dataclasses import asdict

    from himaya.evidence.demands.numbers import tallied

    found = asdict(tallied())
    if json_:
        typer.echo(json.dumps(found))
        return
    for name, counts in found.items():
        shown = table(name.replace("_", " "), "number")
        for key, value in counts.items():
            text = ", ".join(f"{n} {column}" for column, n in value.items()) if isinstance(value, dict) else str(value)
            shown.add_row(escape(key), text)
        if shown.row_count:
            out.print(shown)


# --- acting and telling ----------------------------------------------------------------------------------------------


def _act(number: str, as_: str, act: str, given: Mapping[str, Any], *, as_json: bool) -> None:
    who = person_at_desk(as_)
    from himaya.evidence.demands import queries
    from himaya.evidence.demands.pages.acts import DEMAND_ACTS

    one = act_on(queries.demand, DEMAND_ACTS, number=number_of(number, "D"), who=who, act=act, given=given)
    if as_json:
        typer.echo(json.dumps(_whole(one)))
    else:
        tell(one, who, act=act)


def _needs(act: str) -> list[str]:
    """What an act needs, field by field, with what can be chosen."""
    from himaya.evidence.demands.pages.acts import DEMAND_ACTS

    chosen = {name: choices_of(field) for name, field in DEMAND_ACTS[act].fields().items()}
    return [f"{name} ({', '.join(choices)})" if choices else name for name, choices in chosen.items()]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _due(one: Any) -> str:
    from himaya.core import clock

    if one.next_due is None:
        return ""
    return f"{one.next_due:%Y-%m-%d %H:%M}" + (" late" if one.next_due < clock.now() else "")


def _told(one: Any) -> dict[str, Any]:
    same = (
        "reference", "kind", "authority", "country", "channel", "instrument", "limit", "reference_theirs", "state",
        "ground", "outcome", "gag", "notice",
    )  # fmt: skip
    following = getattr(one, "next_due", None)
    return {
        "id": one.pk, **{name: getattr(one, name) for name in same}, "received_at": one.received_at.isoformat(),
        "next_due": following.isoformat() if following else None,
    }  # fmt: skip


def _release(one: Demand) -> str:
    """How far it is that it is released before its time is over; empty: nobody says so."""
    from himaya.evidence.demands.releasing import open_release

    found = open_release(one)
    if found is None:
        return ""
    said = f"{found.ground}, says {found.asked_by.username}"
    return f"{said}; {found.by.username} confirmed it" if found.by else f"{said}; waits for another lead"


def _whole(one: Demand) -> dict[str, Any]:
    from himaya.evidence.demands import queries
    from himaya.evidence.demands.pages.acts import DEMAND_ACTS

    acts = {
        name: list(act.fields())
        for name, act in DEMAND_ACTS.items()
        if one.state in act.states and (not act.kinds or one.kind in act.kinds)
    }
    return {
        **_told(one), "asked": one.asked, "scope": one.scope, "granted_scope": one.granted_scope,
        "not_confirmed": queries.missing(one), "release": _release(one),
        "holds": [each.exhibit.reference for each in queries.held_by(one)],
        "clocks": [clock_told(each) for each in queries.clocks_of(one)],
        "answers": [
            {"id": each.pk, "recipient": each.recipient_name, "state": each.state} for each in queries.answers(one)
        ],
        "acts": acts,
    }  # fmt: skip
