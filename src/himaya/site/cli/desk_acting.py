"""What the commands of demands and of requests share: for whom one acts, doing an act, telling what comes next."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.evidence.demands.lists import CHANNELS, GROUNDS
from himaya.site.cli import start
from himaya.site.cli.shown import done, err, out, runnable, table

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.evidence.demands.models import Clock, Demand, Request
    from himaya.evidence.demands.pages.acts import Act

D = TypeVar("D", "Demand", "Request")
Json = Annotated[bool, typer.Option("--json", help="Tell it to a machine.")]
As = Annotated[
    str, typer.Option("--as", help="The lead for whom you act; both of you are on record.", metavar="PERSON")
]
Why = Annotated[str, typer.Option(help="Why, in a sentence.", metavar="TEXT")]
Channel = Annotated[str, typer.Option(help=f"By which way: {', '.join(CHANNELS)}.", metavar="NAME")]
Ground = Annotated[str, typer.Option(help=f"One of: {', '.join(GROUNDS)}.", metavar="NAME")]
CHOICES = 30
"""Choices of a field that are named; of more, none is."""
DEMAND_NEXT: Mapping[str, str] = {
    "received": "himaya desk do {n} verify --as {who}",
    "verified": "himaya desk accept {n} --as {who} --why '…' (or refuse; or accept --part SCOPE --ground NAME)",
    "challenged": "himaya desk do {n} settle --as {who} --set outcome=… --set why=…",
    "refused": "himaya desk do {n} close --as {who} --set why=…",
    "withdrawn": "himaya desk do {n} close --as {who} --set why=…",
}
"""State of a demand → the command that comes next; where that depends on more, :func:`_next` says."""
REQUEST_NEXT: Mapping[str, str] = {
    "sent": "himaya desk request receipt {n} --as {who} --reference '…' --why '…' (or remind, or reply)",
    "acknowledged": "himaya desk request reply {n} --as {who} --why '…' (or remind)",
    "answered": "himaya desk request end {n} --as {who} --why '…'",
    "refused": "himaya desk request end {n} --as {who} --why '…'",
    "withdrawn": "himaya desk request end {n} --as {who} --why '…'",
}


class NoNumberAtDesk(HimayaError):
    """{given} is no {what}."""

    remedy = "Write its number: {example}."


class UnknownPersonAtDesk(HimayaError):
    """There is nobody of the name {name!r} who may sign in."""

    remedy = "himaya users list names everybody."


class NotAtDesk(HimayaError):
    """This cannot be taken: {why}."""

    remedy = "himaya desk show DEMAND names what can be done, and what each act needs."


def number_of(text: str, letter: str) -> int:
    """``12`` and ``D-2026-000012``, or ``R-2026-000012``, by its letter.

    Raises:
        NoNumberAtDesk: it is neither.
        OtherYear: the one of this number is of another year.
    """
    found = re.fullmatch(rf"(?:{letter}-([0-9]{{4}})-)?([0-9]{{1,18}})", text.strip(), re.ASCII)
    if found is None:
        what = {"D": "demand", "R": "request"}[letter]
        raise NoNumberAtDesk(given=repr(text[:40]), what=what, example=f"12, or {letter}-2026-000012")
    number = int(found[2])
    if found[1]:
        from himaya.evidence.demands import queries
        from himaya.evidence.naming import check_year

        one = queries.demand(number) if letter == "D" else queries.request(number)
        check_year(found[1], one.reference)
    return number


def person_at_desk(username: str) -> Person:
    """The person for whom somebody acts at the console; the database is ready then."""
    start.database()
    from himaya.accounts.queries import person

    found = person(username)
    if found is None or not found.is_active:
        raise UnknownPersonAtDesk(name=username[:60])
    return found


def at_console(who: Person, act: str, *, about: str = "desk", permission: str = "demands.work") -> None:
    """Put on record who is at the console, before what they do there in the name of a lead."""
    from himaya.evidence.demands.acting import note_console

    note_console(who, by=start.actor(), act=act, about=about, permission=permission)


def valid(form: Any) -> dict[str, Any]:
    """What a form of the page takes.

    Raises:
        NotAtDesk: names what is missing or cannot be, field by field, and what can be chosen.
    """
    if not form.is_valid():
        flaws = []
        for name, errors in form.errors.items():
            choices = choices_of(form.fields[name]) if name in form.fields else []
            flaws.append(f"{name}: {' '.join(errors)}" + (f" (one of: {', '.join(choices)})" if choices else ""))
        raise NotAtDesk(why="; ".join(flaws))
    return dict(form.cleaned_data)


def choices_of(field: Any) -> list[str]:
    """What can be chosen for a field of a form, where that is not too much."""
    found = [str(key) for key, _ in getattr(field, "choices", ()) if key != ""]
    return found if len(found) <= CHOICES else []


def act_on(
    find: Callable[[int], D], acts: Mapping[str, Act], *, number: int, who: Person, act: str, given: Mapping[str, Any]
) -> D:
    """Do an act of the page of a demand or a request, for a person, and give how it stands then.

    Raises:
        NotAtDesk: there is no such act, or it needs something else.
    """
    from himaya.evidence.demands.pages.acts import ActForm

    one = find(number)
    if act not in acts:
        raise NotAtDesk(why=f"there is no act {act[:40]!r}")
    chosen = acts[act]
    if strange := sorted(set(given) - set(chosen.fields())):
        raise NotAtDesk(why=f"{act} needs no {strange[0][:40]!r}")
    cleaned = valid(ActForm(act, chosen, given))
    at_console(who, act, about=one.about)
    chosen.run(one.pk, cleaned, who)
    return find(number)


def tell(one: Demand | Request, who: Person | None = None, *, act: str = "") -> None:
    """What was done to which of them, how it stands, and what comes next."""
    done(f"{one.reference}: {act + '; ' if act else ''}it is {one.state}")
    if following := next_of(one, who.username if who else "LEAD"):
        err.print(escape(runnable(f"Next: {following}")), soft_wrap=True)


def next_of(one: Demand | Request, who: str) -> str:
    """The next step, as a command or in words; empty: nothing is left to do."""
    if one.about.startswith("demand:"):
        return (_next(cast("Demand", one), who) or DEMAND_NEXT.get(one.state, "")).format(n=one.pk, who=who)
    return (_next_of_draft(cast("Request", one)) or REQUEST_NEXT.get(one.state, "")).format(n=one.pk, who=who)


def _next(one: Demand, who: str) -> str:
    from himaya.evidence.demands import queries
    from himaya.evidence.demands.lists import DISCLOSING, OPEN_ANSWERS, PREPARED
    from himaya.evidence.demands.releasing import open_release
    from himaya.evidence.demands.states import ANSWERED, RECEIVED, TAKEN

    if one.state == RECEIVED and (missing := queries.missing(one)):
        return f"himaya desk do {{n}} check --as {{who}} --set item={missing[0]} --set said='…'"
    if one.state == RECEIVED and not one.scope:
        return "himaya desk do {n} scope --as {who} --set scope='…' --set why='…'"
    answer = queries.answers(one).filter(state__in=OPEN_ANSWERS).first()
    if answer is not None and answer.state == PREPARED:
        return f"another lead than {answer.prepared_by.username} lets answer {answer.pk} leave, at /desk/demands/{{n}}/"
    if answer is not None:
        return f"himaya desk give {answer.pk} answer.zip --as {who}"
    release = open_release(one)
    if release is not None and release.at is None:
        return f"another lead than {release.asked_by.username} confirms that it is released, at /desk/demands/{{n}}/"
    if one.state in TAKEN:
        given = "--to '…' --key age1…" if one.kind in DISCLOSING else "--why '…'"
        return f"himaya desk answer {{n}} --as {{who}} {given}"
    if one.state == ANSWERED and one.kind not in DISCLOSING:
        return "himaya desk do {n} renew --as {who} --set why=… (or release, and close once its time is over)"
    return "himaya desk do {n} close --as {who} --set why=…" if one.state == ANSWERED else ""


def _next_of_draft(one: Request) -> str:
    from himaya.evidence.demands import requesting
    from himaya.evidence.demands.states import DRAFT

    if one.state != DRAFT:
        return ""
    if missing := requesting.lacking(one):
        return f"himaya desk request fill {{n}} --as {{who}} {missing[0].fields[0].key}='…'"
    return "himaya desk request send {n} --as {who} --channel NAME"


def print_clocks(found: list[Clock]) -> None:
    """What is due, as a table."""
    from himaya.evidence.demands.words import clock_row

    shown = table("about", "what", "due", "", keep=("about", "due"))
    for one in found:
        row = clock_row(one)
        shown.add_row(row["about"].reference, escape(row["what"]), f"{one.due:%Y-%m-%d %H:%M}", escape(row["word"]))
    out.print(shown)


def clock_told(one: Clock) -> dict[str, Any]:
    """What is due, for a machine."""
    from himaya.evidence.demands.clocks import is_late

    about = one.demand or one.request
    return {
        "about": about.reference if about else "", "what": one.what, "limit": one.limit, "due": one.due.isoformat(),
        "runs": one.met_at is None and one.ended_at is None, "late": is_late(one),
    }  # fmt: skip
