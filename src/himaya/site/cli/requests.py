"""``himaya desk request …``: what we ask of others, at the console, with the acts of its page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.site.cli import start
from himaya.site.cli.desk import desk
from himaya.site.cli.desk_acting import (
    As,
    Channel,
    Json,
    NotAtDesk,
    Why,
    act_on,
    at_console,
    clock_told,
    next_of,
    number_of,
    person_at_desk,
    print_clocks,
    tell,
    valid,
)
from himaya.site.cli.grammar import command, commands
from himaya.site.cli.shown import out, runnable, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.accounts.models import Person
    from himaya.evidence.demands.models import Request

request = commands("What we ask of others: to preserve, or legal assistance.")
desk.add_typer(request, name="request")
Number = Annotated[str, typer.Argument(help="The request, as R-2026-000003 or 3.", metavar="REQUEST")]


@command(
    request, "begin",
    example="himaya desk request begin --as lead1 --kind preservation --case 12 --to LU "
    "--recipient 'The contact point'",
)  # fmt: skip
def begin(
    as_: As,
    kind: Annotated[str, typer.Option(help="preservation, or assistance.", metavar="NAME")],
    to: Annotated[str, typer.Option(help="Country that is asked: LU.", metavar="CODE")],
    case: Annotated[str, typer.Option(help="From which: 12, case:12 or H-2026-000012.", metavar="CASE")] = "",
    exhibits: Annotated[str, typer.Option(help="Only these of the case: E-2026-000012, …", metavar="NUMBERS")] = "",
    contact: Annotated[str, typer.Option(help="Contact point of the reference.", metavar="KEY")] = "",
    recipient: Annotated[str, typer.Option(help="Who is asked, without such a point.", metavar="TEXT")] = "",
    limit: Annotated[str, typer.Option(help="Time limit of the reference that counts.", metavar="KEY")] = "",
    follows: Annotated[str, typer.Option(help="The request to preserve that it follows.", metavar="REQUEST")] = "",
    json_: Json = False,
) -> None:
    """Begin a request, filled in with what is known of its case. Nothing goes out by that."""
    who = person_at_desk(as_)
    from himaya.evidence.demands import requesting
    from himaya.evidence.demands.pages.forms import RequestForm

    typed = {
        "kind": kind, "country": to, "case": case, "exhibits": exhibits, "contact": contact, "recipient": recipient,
        "limit": limit, "follows": str(number_of(follows, "R")) if follows else "",
    }  # fmt: skip
    given = valid(RequestForm(typed, country=to))
    at_console(who, "begin a request")
    _print(requesting.make_request(given.pop("kind"), person=who, **given), who, "begun", as_json=json_)


@command(request, "list", example="himaya desk request list --case 12")
def list_(
    case: Annotated[str, typer.Option(help="Of this case only: 12, case:12 or H-2026-000012.", metavar="CASE")] = "",
    json_: Json = False,
) -> None:
    """Requests, the last one first. At most 1,000."""
    start.database()
    from himaya.evidence.demands import queries
    from himaya.evidence.naming import case_names, case_of

    found = queries.requests(case=case_of(case)).order_by("-pk")[:1000]
    if json_:
        typer.echo(json.dumps([_told(one) for one in found]))
        return
    shown = table("request", "what", "case", "to", "country", "state", keep=("request",))
    named = case_names(one.case for one in found)
    for one in found:
        shown.add_row(*map(escape, (one.reference, one.kind, named[one.case], one.recipient, one.country, one.state)))
    out.print(shown)


@command(request, "show", example="himaya desk request show R-2026-000003")
def show(number: Number, json_: Json = False) -> None:
    """One request as it would be sent, or as it was: what is missing, what was filled in, its clocks."""
    start.database()
    from himaya.evidence.demands import queries

    one = queries.request(number_of(number, "R"))
    told = _whole(one)
    if json_:
        typer.echo(json.dumps(told))
        return
    typer.echo(told["text"])
    for what, names in (("missing", told["missing"]), ("filled in for you", told["filled_in"])):
        if names:
            shown = table(what)
            for name in names:
                shown.add_row(escape(name))
            out.print(shown)
    print_clocks(list(queries.clocks_of(one)))
    out.print(f"{one.reference} is {one.state}")
    if following := next_of(one, "LEAD"):
        out.print(escape(runnable(f"Next: {following}")), soft_wrap=True)


@command(request, "fill", example="himaya desk request fill 3 --as lead1 handling-urgency-and-reason='it ends soon'")
def fill(
    number: Number,
    fields: Annotated[
        list[str], typer.Argument(help="Fields that the reference names; empty: taken out.", metavar="FIELD=VALUE …")
    ],
    as_: As,
    json_: Json = False,
) -> None:
    """State something, or state it otherwise, before it is sent."""
    who = person_at_desk(as_)
    from himaya.evidence.demands import queries, requesting

    one = queries.request(number_of(number, "R"))
    if wrong := [part for part in fields if "=" not in part]:
        raise NotAtDesk(why=f"{wrong[0][:40]!r} is no FIELD=VALUE")
    at_console(who, "fill", about=one.about)
    given = dict(part.partition("=")[::2] for part in fields)
    _print(requesting.fill_request(one.pk, fields=given, person=who), who, "filled in", as_json=json_)


@command(request, "send", example="himaya desk request send 3 --as lead1 --channel network-24-7")
def send(
    number: Number,
    as_: As,
    channel: Channel,
    json_: Json = False,
) -> None:
    """Note that you sent it: the text stands as it is, and clocks run."""
    _act(number, as_, "send", {"channel": channel}, as_json=json_)


@command(request, "receipt", example="himaya desk request receipt 3 --as lead1 --reference 'FR 7' --why 'by e-mail'")
def receipt(
    number: Number,
    as_: As,
    why: Why,
    reference: Annotated[str, typer.Option(help="Theirs.", metavar="TEXT")],
    json_: Json = False,
) -> None:
    """Note that they have it."""
    _act(number, as_, "receipt", {"reference": reference, "why": why}, as_json=json_)


@command(request, "remind", example="himaya desk request remind 3 --as lead1 --why 'called them'")
def remind(number: Number, as_: As, why: Why, json_: Json = False) -> None:
    """Note that they were reminded."""
    _act(number, as_, "remind", {"why": why}, as_json=json_)


@command(request, "renew", example="himaya desk request renew 3 --as lead1 --why 'asked anew by e-mail'")
def renew(
    number: Number,
    as_: As,
    why: Why,
    until: Annotated[str, typer.Option(help="Until when, in UTC; else the law's term.", metavar="TIME")] = "",
    json_: Json = False,
) -> None:
    """Note that they were asked anew to preserve: their clock runs on."""
    _act(number, as_, "renew", {"why": why, "until": until}, as_json=json_)


@command(request, "reply", example="himaya desk request reply 3 --as lead1 --why 'they preserve'")
def reply(
    number: Number,
    as_: As,
    why: Why,
    refused: Annotated[bool, typer.Option("--refused", help="They do not do it.")] = False,
    json_: Json = False,
) -> None:
    """Note their reply."""
    _act(number, as_, "reply", {"why": why, "refused": refused}, as_json=json_)


@command(request, "end", example="himaya desk request end 3 --as lead1 --why 'done'")
def end(number: Number, as_: As, why: Why, json_: Json = False) -> None:
    """Withdraw it, or close it where there was a reply: its clocks stand."""
    _act(number, as_, "close", {"why": why}, as_json=json_)


def _act(number: str, as_: str, act: str, given: Mapping[str, Any], *, as_json: bool) -> None:
    who = person_at_desk(as_)
    from himaya.evidence.demands import queries
    from himaya.evidence.demands.pages.acts import REQUEST_ACTS

    one = act_on(queries.request, REQUEST_ACTS, number=number_of(number, "R"), who=who, act=act, given=given)
    _print(one, who, act, as_json=as_json)


def _print(one: Request, who: Person, act: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_whole(one)))
    else:
        tell(one, who, act=act)


def _told(one: Request) -> dict[str, Any]:
    same = (
        "reference", "kind", "case", "country", "contact", "recipient", "limit", "state", "channel", "reference_theirs",
    )  # fmt: skip
    sent = one.sent_at.isoformat() if one.sent_at else None
    return {"id": one.pk, **{name: getattr(one, name) for name in same}, "sent_at": sent}


def _whole(one: Request) -> dict[str, Any]:
    from himaya.evidence.demands import queries, requesting
    from himaya.evidence.demands.states import DRAFT

    is_draft = one.state == DRAFT
    missing = requesting.lacking(one) if is_draft else []
    return {
        **_told(one), "fields": one.fields, "text": requesting.rendered(one) if is_draft else one.text,
        "missing": [" / ".join(field.key for field in each.fields) for each in missing],
        "filled_in": sorted(requesting.filled_in(one)),
        "clocks": [clock_told(each) for each in queries.clocks_of(one)],
    }  # fmt: skip
