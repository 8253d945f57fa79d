"""``himaya evidence return, acknowledge, hand-overs``: what goes back, who signs for it, and what became of it all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from himaya.site.cli import start
from himaya.site.cli.evidence import Json, evidence
from himaya.site.cli.evidence_bundles import As, Granted, ZipFile, identity_of, key_of, write_new, write_out
from himaya.site.cli.grammar import command
from himaya.site.cli.shown import counted, done, out, table

MOST = 200


@command(evidence, "return", example="himaya evidence return 12 --as anna --to bundle.zip")
def return_(
    access: Granted,
    who: As,
    to: ZipFile,
    to_node: Annotated[
        str,
        typer.Option(
            help="Of what somebody brought: their key, or a file that holds it. A node that handed it over is known.",
            metavar="KEY",
        ),
    ] = "",
    json_: Json = False,
) -> None:
    """Give back what another node handed over, or somebody brought, by a grant with the purpose return."""
    write_out(access, who, to=to, public=key_of(to_node), json_=json_, purpose="return")


@command(
    evidence,
    "acknowledge",
    example="himaya evidence acknowledge bundle.zip --key KEY.pem --identity age.txt --receipt r",
)
def acknowledge(
    bundle: Annotated[Path, typer.Argument(help="What was given back to you: a folder or a ZIP.")],
    key: Annotated[Path, typer.Option(help="Your key of Ed25519, as PEM: it signs that you have it.", metavar="FILE")],
    identity: Annotated[Path, typer.Option(help="Your age key, which opens it.", metavar="FILE")],
    receipt: Annotated[Path, typer.Option(help="Where the receipt for who gave it goes.", metavar="FILE")],
    trust: Annotated[
        list[str] | None, typer.Option(help="A custody key of that node that you trust; repeatable.", metavar="KEY")
    ] = None,
    json_: Json = False,
) -> None:
    """Sign, without a node, that you have what was given to you: it is opened and compared. Needs no database."""
    from himaya.core.bundles import acknowledging
    from himaya.site.cli.evidence_intake import readable

    with readable(key):
        mine = acknowledging.signing_key(key)
    with readable(identity):
        opens = identity_of(identity)
    with readable(bundle):
        found = acknowledging.acknowledge(bundle, key=mine, identity=opens, trusted=trust or ())
    with readable(receipt):
        write_new(receipt, b"".join(line + b"\n" for line in found.values()))
    if json_:
        typer.echo(json.dumps({"exhibits": [*found], "receipt": str(receipt)}))
        return
    done(f"{counted(len(found), 'exhibit')} opened, the same in every digest: {', '.join(list(found)[:20])}")
    done(f"The receipt is in {receipt}: send it back, their chain of custody closes with it")


@command(evidence, "hand-overs", example="himaya evidence hand-overs")
def hand_overs(json_: Json = False) -> None:
    """What was given to other nodes and taken from them, and what became of it: at most 200, the newest first."""
    start.database()
    print_handovers(json_=json_)


def print_handovers(*, json_: bool = False) -> None:
    """The same, where the database is ready."""
    from himaya.evidence import handing, words

    found = list(handing.handovers()[:MOST])
    if json_:
        typer.echo(json.dumps(handing.told(found)))
        return
    shown = table("bundle", "exhibit", "there", "with whom", "at", "what became of it", keep=("bundle", "exhibit"))
    whom = handing.with_whom(found)
    for one in found:
        cells = (one.bundle, one.exhibit.reference, one.theirs, whom[one.pk], f"{one.at:%Y-%m-%d}")
        shown.add_row(*map(escape, cells), words.word(words.HANDS, handing.state_of(one))["word"])
    if found:
        out.print(shown)
    else:
        done("Nothing was handed over as yet, in either direction")
