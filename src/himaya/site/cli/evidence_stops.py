"""``himaya evidence stops, go-on``: what stops the end of exhibits, and the word of who has looked."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape

from himaya.site.cli import start
from himaya.site.cli.desk_acting import at_console, person_at_desk
from himaya.site.cli.evidence import Json, evidence
from himaya.site.cli.evidence_rules import Reason
from himaya.site.cli.grammar import command
from himaya.site.cli.shown import done, out, table


@command(evidence, "stops", example="himaya evidence stops")
def stops(json_: Json = False) -> None:
    """What stops the end of exhibits: a backup that was put back, a clock that leapt, an epoch that does not open; and
    keys of epochs that leads call lost.
    """
    start.database()
    from himaya.evidence import stopping
    from himaya.evidence.losing import losses

    found = [*stopping.stops(), *stopping.stuck(), *losses()]
    if json_:
        told = [
            {"id": one.pk, "kind": one.kind, "epoch": one.about, "since": one.since.isoformat(), "facts": one.facts}
            for one in found
        ]
        typer.echo(json.dumps(told))
        return
    shown = table("stop#", "since", "what", "what to do")
    for one in found:
        words = (stopping.meaning(one), stopping.remedy(one))
        shown.add_row(str(one.pk), f"{one.since:%Y-%m-%d %H:%M}", *(escape(str(word)) for word in words))
    out.print(shown)


@command(evidence, "go-on", example="himaya evidence go-on 1 --reason 'holds of the last two days are entered again'")
def go_on(
    number: Annotated[int, typer.Argument(help="The stop, as `evidence stops` lists it.", min=1, max=2**63 - 1)],
    reason: Reason,
    as_: Annotated[
        str,
        typer.Option("--as", help="The lead who has looked, for whom you act; both are on record.", metavar="PERSON"),
    ] = "",
) -> None:
    """Let exhibits end again: holds and demands since the backup are entered again, or the clock is right. Of an epoch,
    what does not open with its key is given up: it ends with the rest, where no hold keeps it.
    """
    start.database()
    from himaya.evidence.stopping import EPOCH, settle_stop

    if as_:
        who = person_at_desk(as_)
        at_console(who, "go-on", about="evidence", permission="evidence.hold")
    made = settle_stop(number, reason=reason, by=who.actor if as_ else start.actor())
    if made.kind == EPOCH:
        done(f"given up: what does not open of {made.about} ends with the rest")
    else:
        done(f"stop {made.pk} is settled: what is over ends again")
