"""``himaya evidence …``: what is kept as evidence, and bundles of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.log import UnreadableFile
from himaya.site.cli.shown import counted, done, err, out, runnable, table

if TYPE_CHECKING:
    from collections.abc import Container

    from himaya.core.vault.stores.scrub import Outcome
    from himaya.evidence.models import Binding, Exhibit

evidence = commands("Evidence: sealed, countable, provable.")
app.add_typer(evidence, name="evidence", rich_help_panel=KEEP)
Json = Annotated[bool, typer.Option("--json", help="Tell it to a machine.")]
Number = Annotated[str, typer.Argument(help="The exhibit, as E-2026-000042 or 42.", metavar="EXHIBIT")]
MOST = 1000
A_CASE = "12, case:12 or H-2026-000012"
"""Exhibits that one list shows."""


class RottenFiles(HimayaError):
    """{n} sealed files are not what was sealed, and no second store has repaired them."""

    remedy = "Look at the disk or the bucket, and put back what a copy of the store has."
    exit_code = 1


class UnreadStore(HimayaError):
    """{n} sealed files could not be read: the store does not answer, which says nothing of them."""

    remedy = "See that the disk is mounted, or that the bucket can be reached; then read them again."
    exit_code = 3


class UnknownState(HimayaError):
    """Nothing kept is ever {given!r}."""

    remedy = "Write kept, ending, destroyed, held, rotten or lost."


class CaseAmbiguous(HimayaError):
    """{given!r} names no case that is here."""

    remedy = "Write the number of one: --case H-2026-000012."


@command(evidence, "list", example="himaya evidence list --case 12 --state kept")
def list_(
    case: Annotated[str, typer.Option(help=f"Only of a case: {A_CASE}.", metavar="NUMBER")] = "",
    state: Annotated[str, typer.Option(help="kept, ending, destroyed, held, rotten or lost.", metavar="STATE")] = "",
    label: Annotated[
        str, typer.Option(help="Of which others say so: a value, or series:NAME, tag:NAME.", metavar="TEXT")
    ] = "",
    json_: Json = False,
) -> None:
    """What is kept, and what was: at most 1,000, the newest first."""
    start.database()
    from himaya.evidence import queries

    if state and state not in ("kept", "ending", "destroyed", "held", "rotten", "lost"):
        raise UnknownState(given=state[:40])
    found = queries.find(case=case_of(case), state=state, label=label).order_by("-pk")[:MOST]
    _print([*found], as_json=json_)
    if not found and not json_:
        _say_what_comes_first(narrowed=bool(case or state or label))


def _say_what_comes_first(*, narrowed: bool) -> None:
    """Why there is nothing, and what to do."""
    from himaya.evidence import queries

    if narrowed and queries.find().exists():
        said = "Nothing that is kept is like that."
    elif queries.rules_that_hold().exists():
        said = "Nothing is kept yet: what a rule names arrives by itself, or by himaya evidence add FILE --label TEXT."
    else:
        said = (
            "Nothing is kept, for there is no rule by which it would be: himaya evidence rule set NAME --limit KEY; "
            "the keys are in himaya reference list limits."
        )
    err.print(escape(runnable(said)), soft_wrap=True)


@command(evidence, "ends", example="himaya evidence ends --days 90")
def ends(
    days: Annotated[int, typer.Option(help="Within so many days.", min=1, max=36500)] = 90, json_: Json = False
) -> None:
    """What ends next, the first one first: what a hold keeps and what waits for a person is told."""
    start.database()
    from datetime import timedelta

    from himaya.core import clock
    from himaya.evidence import queries

    found = queries.ends_next(before=clock.now() + timedelta(days=days)).select_related("blob")[:MOST]
    _print([*found], as_json=json_)


def case_of(text: str) -> str:
    """What somebody wrote for a case as the ledger names it; the settings are ready then.

    Raises:
        BadCaseName: it is no number of a case.
    """
    start.django()
    from himaya.evidence.naming import case_of as named

    return named(text)


def check_case(case: str) -> None:
    """See that a case is here; nothing where none is named.

    Raises:
        CaseAmbiguous: it is not.
    """
    from himaya.cases import queries

    if case and queries.case(int(case.removeprefix("case:"))) is None:
        raise CaseAmbiguous(given=case)


def _print(found: list[Exhibit], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_told(one) for one in found]))
        return
    from himaya.evidence.losing import lost_generations
    from himaya.evidence.naming import case_names

    shown = table("exhibit", "what", "case", "kept because", "bytes#", "until", "state", keep=("exhibit", "until"))
    named, lost = case_names(one.case for one in found), lost_generations()
    for one in found:
        cells = (one.reference, one.label, named[one.case], one.occasion, f"{one.blob.size:,}", f"{one.until:%Y-%m-%d}")
        shown.add_row(*map(escape, cells), ", ".join(_marks(one, lost)))
    out.print(shown)


def _marks(one: Exhibit, lost: Container[tuple[int, int]] = ()) -> list[str]:
    held, stands = getattr(one, "is_held", False), one.state != "destroyed"
    rotten = one.blob.state == "rotten"
    told = {
        "lost": (one.epoch_id, one.generation) in lost and stands,
        "guarded": one.kept_class == "guarded" and stands,
        "held": held and stands,
        "review": one.review and stands,
        "rotten": rotten,
    }
    return [one.state, *(word for word, is_so in told.items() if is_so)]


def _told(one: Exhibit) -> dict[str, Any]:
    same = ("reference", "label", "case", "occasion", "state", "kept_class", "media_type", "digests", "acquired_by")
    return {
        "id": one.pk, "uuid": str(one.uuid), **{name: getattr(one, name) for name in same}, "how": one.how,
        "tool": one.tool, "origin": one.origin, "acquired_at": one.acquired_at.isoformat(), "size": one.blob.size,
        "until": one.until.isoformat(), "held": bool(getattr(one, "is_held", False)), "review": one.review,
        "file": one.blob.state, "read_at": one.blob.read_at.isoformat(),
    }  # fmt: skip


@command(evidence, "show", example="himaya evidence show E-2026-000042")
def show(number: Number, json_: Json = False) -> None:
    """One exhibit: how it came, what binds it and until when, its holds, its custody and whether that is proved."""
    start.database()
    from himaya.core.vault.verifier import NotProved
    from himaya.evidence import anchoring, custody, queries
    from himaya.evidence.stamping import stamped

    one = queries.by_reference(number)
    found, bound = queries.bindings(one)
    why = ""
    try:
        custody.check(one)
    except NotProved as error:
        why = str(error)
    if json_:
        lines = [line.decode("utf-8", "replace") for line in custody.lines(one)]
        rules = [_binding(each, counts=each.pk == bound.by.pk) for each in found]
        from himaya.evidence.labelling import labels_of

        labels = [{"kind": row.kind, "value": row.value, "said_by": row.said_by} for row in labels_of([one])[one.pk]]
        stamps = [{"at": each.at.isoformat(), "by": each.by, "until": each.until.isoformat()} for each in stamped(one)]
        more = {
            "rules": rules, "labels": labels, "custody": lines, "proved": not why, "why": why, "stamps": stamps,
        }  # fmt: skip
        typer.echo(json.dumps({**_told(one), **more}))
        return
    _show_facts(one)
    _show_rules(found, bound.by)
    _show_custody(one)
    for each in stamped(one):
        out.print(escape(f"Its first step was there at {each.at:%Y-%m-%d %H:%M:%S} UTC, as {each.by} stamped."))
    _show_labels(one)
    n, logged = len(custody.lines(one)), anchoring.logged(one)
    if why:
        out.print(escape(f"The chain of custody does not hold: {why}"))
    else:
        out.print(f"Its custody is proved: {counted(n, 'step')}, linked and signed.")
    rest = "." if logged == n else "; the next checkpoint takes in the rest."
    out.print(f"In the log: {logged} of {counted(n, 'step')}{rest}")


def _show_facts(one: Exhibit) -> None:
    """An exhibit in the words of its page."""
    from django.utils.translation import gettext

    from himaya.evidence import words
    from himaya.evidence.losing import lost_generations

    marks = [words.state_of(one, lost_generations())["word"], *(_marks(one)[1:])]
    facts = {
        "what": one.label, "state": ", ".join(marks), "kept because": words.occasion(one.occasion),
        "case": words.case_word(one.case), "until": f"{one.until:%Y-%m-%d}",
        "acquired": f"{one.acquired_at:%Y-%m-%d %H:%M:%S} UTC", "by": one.acquired_by,
        "how": gettext(words.HOW.get(one.how, one.how)), "with": one.tool, "from where": one.origin,
        "clock": ", ".join(f"{name} {value}" for name, value in sorted(one.clock.items())), "type": one.media_type,
        "size": f"{one.blob.size:,} bytes", "class": gettext(words.CLASSES.get(one.kept_class, one.kept_class)),
        "sealed file": words.word(words.FILES, one.blob.state)["word"],
        "read whole last": f"{one.blob.read_at:%Y-%m-%d %H:%M} UTC", "number": str(one.uuid),
        **dict(words.digests(one)),
    }  # fmt: skip
    shown = table("exhibit", one.reference)
    for name, value in facts.items():
        if value:
            shown.add_row(name, escape(value))
    out.print(shown)


def _binding(one: Binding, *, counts: bool) -> dict[str, Any]:
    ends_ = {name: end.isoformat() if (end := getattr(one, name)) else None for name in ("at_least", "at_most")}
    return {"rule": one.rule.name, "version": one.rule.version, **ends_, "renewed": one.renewed, "counts": counts}


def _show_rules(found: list[Binding], counts: Binding) -> None:
    shown = table("rule", "law", "at the least", "at the most", "")
    for one in found:
        days = [f"{end:%Y-%m-%d}" if end else "" for end in (one.at_least, one.at_most)]
        shown.add_row(escape(str(one.rule)), escape(one.rule.instrument), *days, "counts" if one == counts else "")
    out.print(shown)


def _show_custody(one: Exhibit) -> None:
    from himaya.evidence import queries, words

    held = table("hold#", "authority", "review", "state")
    for hold in queries.holds_of(one):
        state = "lifted" if hold.lifted_at else "stands"
        held.add_row(str(hold.pk), escape(hold.authority), f"{hold.review_on}", state)
    if held.row_count:
        out.print(held)
    steps = table("step#", "when", "act", "by")
    for step in queries.steps(one):
        act, by = words.act(step.act), queries.told(step)[0]
        steps.add_row(str(step.number), f"{step.at:%Y-%m-%d %H:%M:%S}", escape(act), escape(by))
    out.print(steps)


def _show_labels(one: Exhibit) -> None:
    from himaya.evidence import labelling

    rows = labelling.labels_of([one])[one.pk]
    said = table("what others say", "", "who says so")
    for row in rows:
        said.add_row(row.kind, escape(row.value), escape(row.said_by))
    if rows:
        out.print(said)
    for kind in sorted(labelling.contradictions(rows)):
        out.print(f"They contradict one another: {kind}. Both stand as they were said.")


@command(evidence, "add", example="himaya evidence add received.bin --label 'file of a report' --case 12")
def add(
    file: Annotated[Path, typer.Argument(help="What is kept; it stays where it is.", metavar="FILE")],
    label: Annotated[str, typer.Option(help="What it is, in neutral words, not the file's name.", metavar="TEXT")],
    case: Annotated[str, typer.Option(help=f"The case it belongs to: {A_CASE}.", metavar="NUMBER")] = "",
    occasion: Annotated[
        str,
        typer.Option(
            help="received: another body sent it; tip: somebody brought it; demand: one that was accepted asks for it.",
            metavar="NAME",
        ),
    ] = "received",
    origin: Annotated[str, typer.Option(help="From where: an address, a platform, a sender.", metavar="TEXT")] = "",
    media_type: Annotated[str, typer.Option(help="As image/jpeg.", metavar="TYPE")] = "",
    account: Annotated[str, typer.Option(help="Whose account it is from, where known.", metavar="NAME")] = "",
    json_: Json = False,
) -> None:
    """Seal a file and keep it, where a rule says that it is kept on this occasion."""
    start.database()
    named = case_of(case)
    from uuid import uuid4

    import himaya
    from himaya.evidence import queries, services
    from himaya.evidence.demands import arriving

    check_case(named)
    if occasion == "demand":
        arriving.require_demanded(arriving.Offered(case=named, account=account, origin=origin, media_type=media_type))
    how = {"received": "received", "demand": "collected"}.get(occasion, "uploaded")
    acquired = services.Acquired(
        label=label, occasion=occasion, once=f"cli:{uuid4()}", how=how, tool=f"himaya {himaya.__version__}",
        by=start.actor(), case=named, origin=origin, media_type=media_type, account=account,
    )  # fmt: skip
    try:
        with file.open("rb") as content:
            one = services.preserve(content, acquired=acquired)
    except OSError as error:
        raise UnreadableFile(path=file, why=os.strerror(error.errno or 0)) from error
    if json_:
        typer.echo(json.dumps(_told(queries.exhibit(one.pk))))
    else:
        done(f"{one.reference}: {one.blob.size:,} bytes, kept until {one.until:%Y-%m-%d}")
        done(f"SHA-256 {one.digests['sha256']}")


@command(evidence, "scrub", example="himaya evidence scrub")
def scrub(json_: Json = False) -> None:
    """Read every sealed file now, repair what a second store has, and name what is rotten. Needs no key."""
    start.database()
    from himaya.evidence.scrubbing import scrub_all

    counts: dict[str, int] = {}
    bad: list[Outcome] = []
    for outcome in scrub_all():
        counts[outcome.found] = counts.get(outcome.found, 0) + 1
        bad += [outcome] if outcome.found not in ("whole", "repaired") else []
    if json_:
        rotten = [{"file": str(one.name), "found": one.found, "copies": dict(one.copies)} for one in bad]
        typer.echo(json.dumps({"read": sum(counts.values()), "found": counts, "rotten": rotten}))
    else:
        for one in bad:
            out.print(escape(f"{one.name}: {', '.join(f'{place} {was}' for place, was in one.copies)}"))
        told = ", ".join(f"{n:,} {word}" for word, n in sorted(counts.items()))
        done(f"{counted(sum(counts.values()), 'file')} read" + (f": {told}" if told else ""))
    if unread := counts.get("unread", 0):
        raise UnreadStore(n=unread)
    if bad:
        raise RottenFiles(n=len(bad))


@command(evidence, "verify", example="himaya evidence verify bundle.zip")
def verify(
    bundle: Annotated[Path, typer.Argument(help="A folder or a ZIP; it is not unpacked.")],
    key: Annotated[
        list[str] | None,
        typer.Option(help="A key that you trust, by its name; repeatable. Else those in the bundle.", metavar="KEY"),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Tell it to a machine.")] = False,
) -> None:
    """Prove a bundle as experts do, with the program that lies in it. Needs no database and no network."""
    from himaya.core.bundles.alone import program

    try:
        outcome = program.verify_bundle(str(bundle), key or [])
    except OSError as error:
        raise UnreadableFile(path=bundle, why=os.strerror(error.errno or 0)) from error
    typer.echo(program.as_json(outcome) if json_ else program.report(outcome, str(bundle)), nl=False)
    if outcome.problems:
        raise typer.Exit(1)
