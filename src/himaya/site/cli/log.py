"""``himaya log …``: the transparency log, as its operator and as whoever checks it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.core.words import printable
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import counted, done, out, progress, runnable, table

if TYPE_CHECKING:
    from himaya.core.notes import VerifierKey
    from himaya.core.proofs import Proved
    from himaya.log.models import Leaf
    from himaya.log.queries import Revealed

log = commands("The transparency log: what this node said, provably, and nothing else than it said to others.")
witness = commands("Who looks at this log and cosigns it.")
app.add_typer(log, name="log", rich_help_panel=KEEP)
log.add_typer(witness, name="witness")


class BrokenLog(HimayaError):
    """The log is broken: {why}. So far, {leaves} leaves are sound."""

    remedy = "Keep the database as it is, find out who could write to it, and restore a backup beside it to compare."
    exit_code = 1


class NotProved(HimayaError):
    """The file {path} proves nothing: {why}."""

    exit_code = 1


class NoPinnedKey(HimayaError):
    """No key is known here for the log {origin}, and a key that stands in the file itself proves nothing."""

    remedy = "Ask the operator of that log for its key, over another line, and give it with --key."
    exit_code = 1


class FewWitnesses(HimayaError):
    """The proof holds, and its checkpoint was cosigned by {found} of the {needed} witnesses that you ask for."""

    remedy = "Ask for a newer proof; give the keys of witnesses with --key; or ask for fewer with --witnesses."
    exit_code = 1


class UnreadableFile(HimayaError):
    """The file {path} cannot be read: {why}."""

    remedy = "Check the path, and that you may read it."


class UnwritableFile(HimayaError):
    """{path} cannot be written: {why}."""

    remedy = "Choose another place."
    exit_code = 3


class SeveralLeaves(HimayaError):
    """The log has {number} leaves about {about}: {indexes}."""

    remedy = "Name one of them by its number: himaya log prove NUMBER."


@command(log, "show", example="himaya log show")
def show() -> None:
    """The log's name and keys, its last checkpoint, and who has cosigned it."""
    start.database()
    from himaya.core.config import config
    from himaya.log import keys, queries, restored

    mine = keys.identity()
    if mine is None:
        keys.keys()
        mine = keys.identity()
    assert mine is not None
    newest = queries.latest()
    out.print(f"log         {mine.log_public}", markup=False, soft_wrap=True)
    out.print(f"as witness  {mine.witness_public}", markup=False, soft_wrap=True)
    out.print(f"leaves      {queries.size():,}", markup=False)
    if newest is None:
        out.print(runnable("checkpoint  none yet; run: himaya log publish"), markup=False)
    else:
        at, root = f"{newest.at:%Y-%m-%d %H:%M} UTC", newest.root.hex()
        out.print(f"checkpoint  {newest.size:,} leaves, {at}, root {root}", markup=False)
        said = "" if newest.is_enough else ": below the quorum"
        out.print(f"cosigned    by {len(newest.cosigned)}, of {config().log_quorum} needed{said}", markup=False)
        for name, seen in newest.cosigned.items():
            out.print(f"            {printable(name)}, {seen:%Y-%m-%d %H:%M} UTC", markup=False)
    for alarm in queries.alarms():
        out.print(f"alarm {alarm.pk}     {alarm.origin}: {restored.meaning(alarm)}", markup=False, soft_wrap=True)
        if remedy := restored.remedy(alarm):
            out.print(f"            {runnable(remedy)}", markup=False, soft_wrap=True)


@command(log, "publish", example="himaya log publish")
def publish() -> None:
    """Sign a checkpoint now and have the witnesses cosign it; the worker does so every hour."""
    start.database()
    from himaya.core.config import config
    from himaya.log import queries, rounds

    made, silent = rounds.publish_with_witnesses()
    cosigned = len(queries.standing(made).cosigned)
    said = "" if cosigned >= config().log_quorum else ": below the quorum"
    done(f"checkpoint of {made.size:,} leaves, cosigned by {cosigned}, of {config().log_quorum} needed{said}")
    for name, why in silent.items():
        out.print(f"{name}: {why}", markup=False, soft_wrap=True)


@command(log, "prove", example="himaya log prove item:12 --to proof.json")
def prove(
    what: Annotated[str, typer.Argument(help="The number of a leaf, or what it is about: item:12.", metavar="LEAF")],
    to: Annotated[Path | None, typer.Option(help="Write it here; to standard output where left out.")] = None,
) -> None:
    """Make a proof that something stands in the log: one file, which can be checked without this node.

    It shows what the leaf commits to, which may name a fingerprint: it is for those who may see that.
    """
    start.database()
    from himaya.log import queries

    proof = str(queries.prove(_leaf(what).index))
    if to is None:
        typer.echo(proof, nl=False)
        return
    _write(to, proof.encode())
    done(f"{to}")


def _leaf(what: str) -> Leaf:
    from himaya.log import queries

    if what.isascii() and what.isdecimal():
        return queries.leaf(int(what[:20]))
    found = list(queries.leaves_about(what[:100])[:20])
    if not found:
        raise queries.NotLogged(what=what[:100])
    if len(found) > 1:
        told = "; ".join(f"{one.index} ({_what(one)})" for one in queries.reveal(found))
        raise SeveralLeaves(number=len(found), about=what[:100], indexes=told)
    return found[0]


def _what(one: Revealed) -> str:
    """What a leaf commits to, in few words: the act, and whose it is."""
    try:
        event = json.loads(one.event)
        facts = [event.get(name) for name in ("act", "organisation", "by", "at")]
        return printable(", ".join(str(fact)[:40] for fact in facts if fact)) or one.kind
    except (ValueError, AttributeError):
        return one.kind


@command(log, "verify", example="himaya log verify proof.json --key KEY")
def verify(
    file: Annotated[Path | None, typer.Argument(help="A proof; this node's own log where left out.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="A key that you trust, of the log or a witness; repeatable.", metavar="KEY"),
    ] = None,
    witnesses: Annotated[int, typer.Option(help="Cosignatures that you ask for.", min=0, max=20)] = 0,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Own log: also compare every event that is kept here with its leaf.")
    ] = False,
) -> None:
    """Check a proof, or walk this node's own log.

    With --key a proof is checked without a database and without the network, by these keys alone; else by the keys
    that this node knows: its own, those of its witnesses, and of the logs that it witnesses.
    """
    if file is not None:
        _verify_file(file, key or [], witnesses)
        return
    start.database()
    from himaya.log import checking, queries

    with progress("leaves") as bar:
        task = bar.add_task("walking", total=queries.size(), note="")
        found = checking.check(reveal=reveal, on_progress=lambda n: bar.update(task, completed=n))
    if not found.whole:
        raise BrokenLog(why=found.why, leaves=f"{found.leaves:,}")
    shown = f", {counted(found.shown, 'event')} compared" if reveal else ""
    done(f"{found.leaves:,} leaves, {counted(found.checkpoints, 'checkpoint')}{shown}. Root: {found.root.hex()}")


def _verify_file(file: Path, given: list[str], needed: int) -> None:
    from himaya.core.notes import BadNote
    from himaya.core.proofs import BadProof, Proof, named

    try:
        proof = Proof.read(_read(file))
        keys = named(given)
    except (BadProof, BadNote) as error:
        raise NotProved(path=file, why=error) from None
    if not keys:
        keys = _pinned(proof.checkpoint.partition("\n")[0])
    try:
        proved = proof.check(keys)
    except BadProof as error:
        raise NotProved(path=file, why=error) from None
    _say_proved(proved)
    if len(proved.cosigned) < needed:
        raise FewWitnesses(found=len(proved.cosigned), needed=needed)


def _pinned(origin: str) -> list[VerifierKey]:
    start.database()
    from himaya.log import queries

    keys = queries.pinned_keys()
    if not any(key.name == origin for key in keys):
        raise NoPinnedKey(origin=printable(origin)[:200])
    return keys


def _say_proved(proved: Proved) -> None:
    at = proved.checkpoint
    done(f"it is leaf {proved.index:,} of the {at.size:,} of {at.origin}")
    for name, when in sorted(proved.cosigned.items()):
        done(f"cosigned by {name}, {datetime.fromtimestamp(min(when, 2**33), UTC):%Y-%m-%d %H:%M} UTC")
    out.print(printable(proved.event.decode("utf-8", "replace")), markup=False, soft_wrap=True)


@command(log, "tiles", example="himaya log tiles /srv/log")
def tiles(directory: Annotated[Path, typer.Argument(help="Where to; what is there already stays.")]) -> None:
    """Write what is public of the log as static files, for a server of your own; the checkpoint comes last."""
    start.database()
    from himaya.core.tiles import tile_path, tiles_of
    from himaya.log import queries

    newest = queries.latest()
    if newest is None:
        raise queries.NoCheckpoint(size=0)
    written = 0
    for level, number, width in tiles_of(newest.size):
        place = directory / "tile" / tile_path(level, number, width)
        if not place.exists():
            held = queries.published_tile(level, number, width)
            assert held is not None
            _write(place, held)
            written += 1
    _write(directory / "checkpoint", newest.note.encode())
    done(f"{directory}: {counted(written, 'new tile')}, and a checkpoint of {newest.size:,} leaves")


@command(log, "watch", example="himaya log watch KEY")
def watch(key: Annotated[str, typer.Argument(help="The verifier key of a log.")]) -> None:
    """Witness another log: cosign its checkpoints from now on, as long as it only grows."""
    start.database()
    from himaya.core.config import config
    from himaya.log import keys, services

    made = services.add_watched(key, by=start.actor())
    host = config().hosts[0].lstrip("*.")
    done(f"{made.origin} is witnessed from now on")
    where = f"https://{host}/log/v1 (by the setting hosts; with :PORT where this node is reached at another than 443)"
    done(f"Its operator needs our address, {where}, and our key:")
    out.print(str(keys.keys().witness.verifier), markup=False, soft_wrap=True)


@command(log, "watched", example="himaya log watched")
def watched() -> None:
    """Logs that this node witnesses, and how much it has seen of each."""
    start.database()
    from himaya.log import queries

    shown = table("log", "leaves#", "last seen")
    for one in queries.seen():
        shown.add_row(escape(one.origin), f"{one.size:,}", f"{one.at:%Y-%m-%d %H:%M}" if one.at else "not yet")
    out.print(shown)


@command(witness, "add", example="himaya log witness add hotline --key KEY --address https://node.example/log/v1")
def add(
    name: Annotated[str, typer.Argument(help="How you call it.")],
    key: Annotated[str, typer.Option(help="Its verifier key, as `himaya log show` says there.", metavar="KEY")],
    address: Annotated[str, typer.Option(help="Where it takes checkpoints.", metavar="URL")],
    private: Annotated[
        bool, typer.Option("--private", help="It is in a private network; plain http is taken, too.")
    ] = False,
) -> None:
    """Have another node look at this log from the next checkpoint on."""
    start.database()
    from himaya.log import rounds, services

    made = services.add_witness(name, key=key, address=address, private=private, by=start.actor())
    if said := rounds.try_out(made):
        out.print(f"[yellow]![/] nobody takes checkpoints at {escape(made.address)}: {escape(said)}", soft_wrap=True)
    done(runnable(f"{name}. That node needs our key, once: himaya log watch KEY. Then: himaya log publish"))


@command(witness, "list", example="himaya log witness list")
def list_() -> None:
    """Who looks at this log, and what they said last."""
    start.database()
    from himaya.log import queries

    last = queries.last_cosigned()
    shown = table("witness", "address", "last cosigned", "trouble")
    for one in queries.witnesses():
        at = last.get(one.pk)
        shown.add_row(
            escape(one.name),
            escape(one.address),
            f"{at:%Y-%m-%d %H:%M}" if at else "never",
            escape(str(queries.trouble_of(one))),
        )
    out.print(shown)


@command(witness, "remove", example="himaya log witness remove hotline")
def remove(name: Annotated[str, typer.Argument(help="The witness.")]) -> None:
    """Ask a witness no more."""
    start.database()
    from himaya.log import services

    services.remove_witness(name, by=start.actor())
    done(f"{name} is not asked any more")


@command(log, "alarms", example="himaya log alarms --settle 3 --reason TEXT")
def alarms(
    settle: Annotated[int | None, typer.Option(help="Close this one.", metavar="NUMBER")] = None,
    reason: Annotated[str, typer.Option(help="Why it can be closed.", metavar="TEXT")] = "",
    json_: Annotated[bool, typer.Option("--json", help="All of it, with the evidence, as JSON.")] = False,
) -> None:
    """What must not be: forks, and signs that this node was set back. With the evidence."""
    start.database()
    from himaya.log import queries, restored, services

    if settle is not None:
        services.settle_alarm(settle, reason=reason, by=start.actor())
        done(f"alarm {settle} is settled")
        return
    if not json_ and not queries.alarms().exists():
        done("no alarm is open")
    for one in queries.alarms():
        told = {"alarm": one.pk, "kind": one.kind, "log": one.origin, "size": one.size, "at": one.at.isoformat()}
        if json_:
            typer.echo(json.dumps({**told, "evidence": one.evidence}))
        else:
            out.print(f"alarm {one.pk}, {one.at:%Y-%m-%d %H:%M} UTC, {one.origin}, {one.size:,} leaves", markup=False)
            out.print(f"  {restored.meaning(one)}", markup=False, soft_wrap=True)
            if remedy := restored.remedy(one):
                out.print(f"  {runnable(remedy)}", markup=False, soft_wrap=True)
            out.print(f"{one.evidence}", markup=False, soft_wrap=True)


@command(log, "begin-again", example="himaya log begin-again --reason stolen")
def begin_again(
    reason: Annotated[str, typer.Option(help="Why the old name cannot go on.", metavar="TEXT")],
    origin: Annotated[str, typer.Option(help="The new name; one is drawn where left out.", metavar="NAME")] = "",
) -> None:
    """Go on under a new name, with new keys: where the log was set back for good, or its key is lost or stolen.

    Partners and witnesses must be given the new key; what was signed under the old name is kept as it was.
    """
    start.database()
    from himaya.log import services

    done(f"the log goes on as {services.begin_again(reason=reason, by=start.actor(), origin=origin)}")


def _read(file: Path) -> bytes:
    from himaya.core.proofs import LONGEST

    try:
        with file.open("rb") as stream:
            return stream.read(LONGEST + 1)
    except OSError as error:
        raise UnreadableFile(path=file, why=os.strerror(error.errno or 0)) from error


def _write(place: Path, content: bytes) -> None:
    """Whole or not at all: a server may be reading there."""
    beside = place.with_name(f".{place.name}.new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(place)
    except OSError as error:
        raise UnwritableFile(path=place, why=os.strerror(error.errno or 0)) from error
