"""``himaya backup``, ``restore``, ``drill``"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command
from himaya.site.cli.shown import counted, done, err, out, progress, runnable

if TYPE_CHECKING:
    from himaya.site.backups.copying import Steps
    from himaya.site.backups.drilling import Drilled
    from himaya.site.backups.keys import Archive
    from himaya.site.backups.manifest import Backup

MB = 1_000_000


class NodeRuns(HimayaError):
    """The node in {data} is running."""

    remedy = "Stop it on every machine (himaya serve, himaya worker); then run the command again."
    status = 409


class NotConfirmed(HimayaError):
    """Nothing was replaced: that is not the name of this node."""

    remedy = "Type it as it was asked for: the setting node_name."
    exit_code = 1


class NoNodeHere(HimayaError):
    """There is no node in {data}."""

    remedy = "Name its data directory: HIMAYA_DATA. A new node is begun with: himaya init"
    exit_code = 3


class NotAllOpened(HimayaError):
    """{n} exhibits of the backup do not open with this archive of keys."""

    remedy = (
        "Where the archive is the older one, write another: himaya backup --keys. Else look at the disk of the backup, "
        "and make a new one."
    )
    exit_code = 1


class KeysApart(HimayaError):
    """--{option} belongs to {other}."""

    remedy = "Data and keys are written by two commands, into two places: himaya backup --help"


@command(app, "backup", example="himaya backup --to /mnt/backups --keep 14", panel=KEEP)
def backup(
    to: Annotated[Path, typer.Option(help="Where backups go; each is a directory of its own.", metavar="DIRECTORY")],
    keep: Annotated[
        int, typer.Option(help="Complete backups of this node that stay there; 0: all.", min=0, metavar="NUMBER")
    ] = 0,
    without_sealed: Annotated[
        bool, typer.Option("--without-sealed", help="Leave out sealed files: their store is kept safe by itself.")
    ] = False,
    keys: Annotated[
        bool, typer.Option("--keys", help="Write the keys instead of the data; never into the same place.")
    ] = False,
    recipient: Annotated[
        list[str] | None, typer.Option(help="With --keys: to whom they are encrypted; repeatable.", metavar="age1…")
    ] = None,
) -> None:
    """Write a backup of the data, while the node works; or, apart, of its keys.

    The data: database, published lists, laid-down reports, open proposals, and sealed files out of whatever store, of
    which only new ones are copied. The keys: secrets.json, himaya.toml, and the keys of epochs, encrypted with age. One
    without the other is of no use, to whoever steals it and to you: keep both, apart.
    """
    if keys and keep:
        raise KeysApart(option="keep", other="backups of the data")
    if recipient and not keys:
        raise KeysApart(option="recipient", other="--keys")
    _node()
    if keys:
        _write_keys(to, recipient or [])
        return
    from himaya.site.backups import making, places

    with _steps() as steps:
        made = making.make(to, by=start.actor(), keep=keep, sealed=not without_sealed, steps=steps)
    told = made.backup.manifest
    size = (told.database.size + told.files.size) / MB
    done(f"{made.backup.place}")
    done(
        f"ledger entries: {told.ledger.entries:,}; files: {told.files.count:,}; {size:,.1f} MB in {made.seconds:.1f} s"
    )
    if without_sealed:
        where = places.sealed_elsewhere() or places.SEALED
        err.print(f"[yellow]![/] sealed files lie in {escape(where)}, and are not in this backup")
    if made.linked:
        done(f"sealed files that the backup before has as well, and that were not copied: {made.linked:,}")
    if made.removed:
        done(f"{counted(made.removed, 'older backup')} removed")
    if places.on_same_disk(to):
        err.print("[yellow]![/] it lies on the disk of the data directory, and would be lost with it")


def _write_keys(to: Path, recipients: list[str]) -> None:
    from django.db import transaction

    from himaya.ledger.services import record
    from himaya.site.backups import keys

    path, epochs = keys.write(to, recipients=recipients)
    facts = {"name": path.name, "recipients": len(recipients), "epochs": epochs}
    with transaction.atomic():
        record("backup.keys-made", by=start.actor(), about="node", **facts)
    done(f"{path}, for {counted(len(recipients), 'recipient')}")


@command(
    app, "restore", example="himaya restore /mnt/backups --keys /mnt/stick/himaya-keys-….age --identity me", panel=KEEP
)
def restore(
    source: Annotated[
        Path, typer.Argument(help="A backup, or a directory of them: then the newest.", metavar="BACKUP")
    ],
    keys: Annotated[Path | None, typer.Option(help="The archive of keys, where they are not here.")] = None,
    identity: Annotated[Path | None, typer.Option(help="The file of age that opens it.")] = None,
    over: Annotated[
        bool, typer.Option("--over", help="Replace what is there; it is set aside first. You are asked to confirm.")
    ] = False,
) -> None:
    """Put a backup back, into an empty data directory and database.

    Every digest is verified first; ledger and log are verified last. What was queued when the backup was made may have
    left since: it is not sent again, and waits for a person. The log signs nothing until its witnesses have been asked.
    """
    from himaya.core.config import config
    from himaya.site.backups import checking, manifest, preparing
    from himaya.site.backups import keys as archives

    if (keys is None) != (identity is None):
        raise KeysApart(option="keys", other="--identity, and the other way round")
    found = manifest.newest(source)
    archive = archives.read(keys, identities=identity) if keys and identity else None
    config().data.mkdir(mode=0o700, parents=True, exist_ok=True)
    preparing.check_secrets(archive)
    with start.nobody_running(config().data) as still, _steps() as steps:
        if not still:
            raise NodeRuns(data=config().data)
        size = found.manifest.database.size + found.manifest.files.size
        steps.task("digests", size)
        checking.verify(found, heard=steps.done)
        if archive is not None:
            archives.put_back_settings(archive)
        preparing.check_database(found)
        aside = _make_way(found, archive, over=over)
        _put_back(found, archive, steps)
    if aside is not None:
        done(f"what was there before is in {aside}")
    _look_ahead()


def _make_way(found: Backup, archive: Archive | None, *, over: bool) -> Path | None:
    """See that nothing is in the way, or have it set aside; where it is then."""
    from himaya.core.config import config
    from himaya.site.backups import preparing

    there, half = preparing.in_the_way(found, archive), preparing.half_done()
    if not there:
        aside = Path(half.aside) if half and half.aside else None
        preparing.mark(found, ours=True, aside=aside)
        return aside
    if not over:
        raise preparing.NotEmpty(what=", ".join(there))
    name = config().node_name
    said = f"set aside, and replaced by the backup of {found.made_at:%Y-%m-%d %H:%M} UTC: {', '.join(there)}"
    out.print(said, markup=False, soft_wrap=True)
    if typer.prompt(f"Type the name of this node ({name}) to go on", err=True).strip() != name:
        raise NotConfirmed
    return preparing.set_aside(found, archive)


def _put_back(found: Backup, archive: Archive | None, steps: Steps) -> None:
    from himaya.site.backups import keys

    again = keys.put_back(archive, destroyed=found.manifest.destroyed)
    if archive is not None:
        keys.put_back_secrets(archive)
    start.django()
    from himaya.site.backups import restoring

    made = restoring.put_back(found, by=start.actor(), ready=_ready, steps=steps)
    done(f"{found.name}, of {found.made_at:%Y-%m-%d %H:%M} UTC")
    done(f"ledger entries: {made.entries:,}; leaves of the log: {made.leaves:,}; files: {made.files:,}")
    if again:
        done(f"keys of epochs that had been destroyed were destroyed again: {', '.join(again)}")
    if made.jobs:
        done(f"deliveries that may have left since, and wait for a person in the console: {made.jobs:,}")


def _ready() -> None:
    """Bring the database that is connected to this version.

    Raises:
        TooNew: a newer version has prepared it.
    """
    from himaya.site.cli.trouble import TooNew

    if start.standing() == "newer":
        raise TooNew
    start.migrate()


def _look_ahead() -> None:
    """Lead followers of lists on, ask the witnesses at once what they have seen, and say what stands open."""
    from himaya.federation.native import ahead
    from himaya.log import queries, restored, rounds

    lists, failed = ahead.bring_all()
    if lists:
        done(f"published lists that were signed anew, ahead of all that followers have seen: {lists:,}")
    for why in failed:
        err.print(f"[yellow]![/] {escape(why)}", soft_wrap=True)
    rounds.look_ahead()
    for alarm in queries.alarms().filter(kind__in=queries.OURS):
        err.print(f"[yellow]![/] {restored.meaning(alarm)}", soft_wrap=True)
        err.print(f"    {runnable(restored.remedy(alarm))}", markup=False, soft_wrap=True)


@command(app, "drill", example="himaya drill /mnt/backups", panel=KEEP)
def drill(
    place: Annotated[Path, typer.Argument(help="Where the backups are; the newest is taken.", metavar="DIRECTORY")],
    sample: Annotated[int, typer.Option(help="Sealed files that are read.", min=0, metavar="NUMBER")] = 100,
    keys: Annotated[Path | None, typer.Option(help="The archive of keys: exhibits are opened with it.")] = None,
    identity: Annotated[Path | None, typer.Option(help="The file of age that opens it.")] = None,
    open_: Annotated[
        int, typer.Option("--open", help="With --keys: exhibits that are opened; 0: all.", min=0, metavar="NUMBER")
    ] = 100,
) -> None:
    """Put the newest backup back into a temporary place, verify it, and say how long it took and what would be lost.

    With the archive of keys it opens exhibits of the standard class, too, in memory alone: nobody is shown them.
    """
    if (keys is None) != (identity is None):
        raise KeysApart(option="keys", other="--identity, and the other way round")
    _node()
    from himaya.site.backups import drilling
    from himaya.site.backups import keys as archives

    archive = archives.read(keys, identities=identity) if keys and identity else None
    with _steps() as steps:
        found = drilling.drill(
            place, by=start.actor(), ready=_ready, sample=sample, archive=archive, most=open_, steps=steps
        )
    done(f"{found.backup.name} can be put back: it took {found.seconds:.1f} s")
    leaves, sealed = found.restored.leaves, found.sealed
    done(f"ledger entries: {found.restored.entries:,}; leaves of the log: {leaves:,}; sealed files read: {sealed:,}")
    hours = found.age.total_seconds() / 3600
    done(f"lost would be what came in the last {hours:,.1f} hours; ledger entries: {found.missing:,}")
    _say_opened(found, archive)


def _say_opened(found: Drilled, archive: Archive | None) -> None:
    """How many exhibits opened; or that it could not be tried, and why."""
    opened = found.opened
    if not found.backup.manifest.sealed:
        err.print("[yellow]![/] no exhibit was opened: the sealed files are not in this backup")
    elif archive is None:
        said = "no exhibit was opened, for want of keys: give the archive of keys with --keys and --identity"
        err.print(f"[yellow]![/] {said}", soft_wrap=True)
    elif opened is not None:
        done(f"exhibits opened: {opened.opened:,} of {opened.of:,}")
        for reference, why in opened.failed:
            err.print(f"  {reference}: {why}", markup=False, soft_wrap=True)
        if opened.opened < opened.of:
            raise NotAllOpened(n=opened.of - opened.opened)


def _node() -> None:
    """Get the database ready, where there is a node: a wrong directory is none, and none is made of it.

    Raises:
        NoNodeHere: there is none.
    """
    from himaya.core.config import config
    from himaya.site.secrets import NAME

    if not (config().data / NAME).exists():
        raise NoNodeHere(data=config().data)
    start.database()


@contextmanager
def _steps() -> Iterator[Steps]:
    """A bar in megabytes, for what tells how far it is."""
    from himaya.site.backups.copying import Steps

    with progress("MB") as bar:
        task = bar.add_task("", total=None, note="")

        def begin(name: str, total: int) -> None:
            bar.reset(task, description=name, total=total / MB or None)

        def at(so_far: int, total: int) -> None:
            bar.update(task, completed=so_far / MB, total=total / MB)

        yield Steps(begin, lambda more: bar.advance(task, more / MB), at)
