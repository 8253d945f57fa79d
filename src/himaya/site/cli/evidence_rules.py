"""``himaya evidence rules …, hold, lift, holds``: by which law things are kept, and for whom beyond that."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import start
from himaya.site.cli.evidence import A_CASE, Json, Number, evidence
from himaya.site.cli.grammar import command, commands
from himaya.site.cli.shown import counted, done, out, table

if TYPE_CHECKING:
    from himaya.evidence.models import Hold, Rule
    from himaya.evidence.ruling import RuleTerms

rule = commands("Rules: list them, set one, end one.")
evidence.add_typer(rule, name="rule")
Reason = Annotated[str, typer.Option(help="Why.", metavar="TEXT")]
BASES = "legal-obligation, public-task, consent, contract, vital-interests, legitimate-interests"
Name = Annotated[str, typer.Argument(help="The rule: small letters, digits and dashes.", metavar="NAME")]


class BadDate(HimayaError):
    """{given!r} is no day."""

    remedy = "Write it as 2026-11-24."


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadDate(given=text[:20]) from None


@command(evidence, "rules", example="himaya evidence rules")
def rules(json_: Json = False) -> None:
    """The same as ``himaya evidence rule list``."""
    list_(json_=json_)


@command(rule, "list", example="himaya evidence rule list --all")
def list_(
    all_: Annotated[bool, typer.Option("--all", help="Every version, and those that were ended.")] = False,
    json_: Json = False,
) -> None:
    """By which law things are kept, and for how long; nothing is kept without one."""
    start.database()
    from himaya.evidence import queries
    from himaya.evidence.rules import standing

    found = [each for one in queries.latest_rules() for each in (queries.versions(one.name) if all_ else [one])]
    if json_:
        typer.echo(json.dumps([_told(one) for one in found], default=str))
        return
    shown = table("rule", "version#", "law", "of", "keeps for", "at the least", "at the most", "state", keep=("rule",))
    for one in found:
        state = standing(one)
        cells = (one.name, str(one.version), one.instrument, one.jurisdiction, ", ".join(one.occasions))
        shown.add_row(*map(escape, cells), one.minimum, one.maximum, state)
    out.print(shown)


def _told(one: Rule) -> dict[str, Any]:
    names = (
        "name", "version", "instrument", "jurisdiction", "basis", "occasions", "begins", "minimum", "maximum",
        "renewals", "renewal", "after", "kept_class", "valid_from", "valid_to", "note", "set_by", "set_at", "ended_at",
    )  # fmt: skip
    return {name: getattr(one, name) for name in names}


@command(
    rule,
    "set",
    example="himaya evidence rule set us-reports --limit us-2258a-h-preserve --for report --begins reported",
)
def set_(
    name: Name,
    occasions: Annotated[
        list[str],
        typer.Option("--for", help="match, verdict, report, demand, tip, received; repeatable.", metavar="NAME"),
    ],
    limit: Annotated[
        str,
        typer.Option(
            help="Begin with a row of `himaya reference list limits`; what else you say counts.", metavar="KEY"
        ),
    ] = "",
    instrument: Annotated[
        str, typer.Option(help="The law or order, with its article, as the reference has it.", metavar="TEXT")
    ] = "",
    jurisdiction: Annotated[str, typer.Option(help="Code of the country, or EU.", metavar="CODE")] = "",
    basis: Annotated[str, typer.Option(help=f"Why it may be kept: {BASES}, or another word.", metavar="WORD")] = "",
    minimum: Annotated[str, typer.Option(help="At the least: '90 days', '1 year'.", metavar="TIME")] = "",
    maximum: Annotated[str, typer.Option(help="At the most.", metavar="TIME")] = "",
    begins: Annotated[
        str, typer.Option(help="From when: acquired, decided, reported, demanded.", metavar="EVENT")
    ] = "acquired",
    renewals: Annotated[int, typer.Option(help="How often it can be renewed.", min=0, max=100)] = 0,
    renewal: Annotated[str, typer.Option(help="Each time for so long.", metavar="TIME")] = "",
    after: Annotated[str, typer.Option(help="delete, or review: a person looks first.", metavar="WORD")] = "delete",
    kept_class: Annotated[str, typer.Option("--class", help="standard or guarded.", metavar="WORD")] = "standard",
    valid_from: Annotated[str, typer.Option("--from", help="Holds from: 2026-11-24.", metavar="DAY")] = "",
    valid_to: Annotated[str, typer.Option("--to", help="Holds until.", metavar="DAY")] = "",
    note: Annotated[str, typer.Option(help="Where you read it, and when.", metavar="TEXT")] = "",
    unlisted: Annotated[
        bool, typer.Option("--unlisted", help="The reference does not have this law or order; you answer for it.")
    ] = False,
) -> None:
    """Set a rule, or a new version of it; what is kept by the old one stays bound by that."""
    first, last = _day(valid_from), _day(valid_to)
    start.database()
    from himaya.evidence.instruments import require_known
    from himaya.evidence.ruling import set_rule

    said = {
        "instrument": instrument, "jurisdiction": jurisdiction, "basis": basis, "minimum": minimum, "maximum": maximum,
        "valid_from": first, "valid_to": last, "note": note,
    }  # fmt: skip
    terms = _terms(
        limit, said, occasions=occasions, begins=begins, renewals=renewals, renewal=renewal, after=after,
        kept_class=kept_class,
    )  # fmt: skip
    if not unlisted:
        require_known(terms)
    made = set_rule(name, terms=terms, by=start.actor())
    done(f"rule {made.name}, version {made.version}")


def _terms(limit: str, said: dict[str, Any], **more: Any) -> RuleTerms:
    """What is said, and of what is not, what a row of the reference says."""
    from himaya.evidence.forms import from_limit
    from himaya.evidence.instruments import keeping_limit
    from himaya.evidence.ruling import RuleTerms

    begun = from_limit(keeping_limit(limit)) if limit else {}
    if said["minimum"] or said["maximum"]:  # one of the two is said: the row's other one does not come with it
        begun |= {"minimum": "", "maximum": ""}
    return RuleTerms(**{name: value or begun.get(name, value) for name, value in said.items()}, **more)


@command(rule, "end", example="himaya evidence rule end us-reports --reason 'the law lapsed'")
def end(name: Name, reason: Reason) -> None:
    """Keep nothing new by a rule; what is kept by it stays until its time is over."""
    start.database()
    from himaya.evidence.ruling import end_rule

    made = end_rule(name, by=start.actor(), reason=reason)
    done(f"rule {made.name} is ended")


@command(evidence, "renew", example="himaya evidence renew E-2026-000042 --rule us-keep --reason 'letter 19'")
def renew(
    number: Number,
    name: Annotated[str, typer.Option("--rule", help="The rule that allows it.", metavar="NAME")],
    reason: Reason,
) -> None:
    """Keep an exhibit for one more of the periods that a rule allows."""
    start.database()
    from himaya.evidence import queries, retention

    made = retention.renew(queries.by_reference(number).pk, rule=name, reason=reason, by=start.actor())
    done(f"{made.reference} is kept until {made.until:%Y-%m-%d}")


@command(evidence, "let-end", example="himaya evidence let-end E-2026-000042 --reason 'nobody needs it any more'")
def let_end(number: Number, reason: Reason) -> None:
    """You have looked: it may end when its time is over, as any other, although a rule asked for a look."""
    start.database()
    from himaya.evidence import queries, retention

    made = retention.end_reviewed(queries.by_reference(number).pk, reason=reason, by=start.actor())
    done(f"{made.reference} may end from {made.until:%Y-%m-%d}")


@command(
    evidence,
    "hold",
    example="himaya evidence hold case:12 --authority 'District court' --review 2027-05-01 --reason 'letter 17'",
)
def hold(
    about: Annotated[str, typer.Argument(help=f"E-2026-000042 or exhibit:42; or a case: {A_CASE}.", metavar="WHAT")],
    authority: Annotated[str, typer.Option(help="Who wants it.", metavar="TEXT")],
    review: Annotated[str, typer.Option(help="When somebody asks whether it is still wanted.", metavar="DAY")],
    reason: Reason,
) -> None:
    """Keep an exhibit, or all that a case has and gets, beyond its time."""
    on = _day(review)
    if on is None:
        raise BadDate(given=review)
    start.database()
    from himaya.evidence.holding import came_late, place_hold
    from himaya.evidence.queries import about_of

    made = place_hold(about_of(about), reason=reason, authority=authority, review_on=on, by=start.actor())
    done(f"hold {made.pk} on {_what([made])[made.pk]}, to be reviewed on {made.review_on}")
    if late := came_late(made):
        done(f"It came too late for {counted(len(late), 'exhibit')}: {', '.join(one.reference for one in late[:10])}")


@command(evidence, "lift", example="himaya evidence lift 3 --reason 'letter 18'")
def lift(
    number: Annotated[int, typer.Argument(help="The hold, as `evidence holds` lists it.", min=1, max=2**63 - 1)],
    reason: Reason,
) -> None:
    """Hold something no longer: whether and when it ends, its rules say again, a day later at the earliest."""
    start.database()
    from himaya.evidence.holding import lift_hold

    made = lift_hold(number, reason=reason, by=start.actor())
    done(f"hold {made.pk} on {_what([made])[made.pk]} is lifted")


@command(evidence, "holds", example="himaya evidence holds")
def holds(
    all_: Annotated[bool, typer.Option("--all", help="Those that were lifted as well.")] = False, json_: Json = False
) -> None:
    """What authorities want kept, that first which is to be reviewed first."""
    start.database()
    from himaya.core import clock
    from himaya.evidence import queries

    found, today = list(queries.holds(lifted=all_)), clock.now().date()
    if json_:
        typer.echo(json.dumps([_hold(one) for one in found]))
        return
    shown = table("hold#", "what", "authority", "review", "state", "reason")
    named = _what(found)
    for one in found:
        state = "lifted" if one.lifted_at else "to be reviewed" if one.review_on < today else "stands"
        shown.add_row(str(one.pk), *map(escape, (named[one.pk], one.authority, f"{one.review_on}", state, one.reason)))
    out.print(shown)


def _what(found: list[Hold]) -> dict[int, str]:
    """Number of a hold → what it is on, as people call it."""
    from himaya.evidence.naming import case_names

    cases = case_names(one.case for one in found)
    return {one.pk: one.exhibit.reference if one.exhibit else cases[one.case] for one in found}


def _hold(one: Hold) -> dict[str, Any]:
    lifted = one.lifted_at.isoformat() if one.lifted_at else None
    return {
        "id": one.pk, "about": one.about, "authority": one.authority, "reason": one.reason,
        "review_on": f"{one.review_on}", "placed_by": one.placed_by, "placed_at": one.placed_at.isoformat(),
        "lifted_at": lifted,
    }  # fmt: skip
