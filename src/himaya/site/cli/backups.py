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
from himaya.site.cli.shown import counted, done, err, progress

if TYPE_CHECKING:
    from himaya.site.backups.copying import Steps
    from himaya.site.backups.drilling import Drilled
    from himaya.site.backups.keys import Archive
    from himaya.site.backups.making import Made

MB = 1_000_000


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


class NoDirectory(HimayaError):
    """It is not said where the backup goes; or it is said where nothing is written."""

    remedy = "Give one of both: --to DIRECTORY, or --keys-gone NAME."


@command(app, "backup", example="himaya backup --to /mnt/backups --keep 14", panel=KEEP)
def backup(
    to: Annotated[
        Path | None, typer.Option(help="Where backups go; each is a directory of its own.", metavar="DIRECTORY")
    ] = None,
    keep: Annotated[
        int,
        typer.Option(
            help="Complete backups, or archives of keys, of this node that stay there; 0: all.", min=0, metavar="NUMBER"
        ),
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
    keys_gone: Annotated[
        str, typer.Option(help="Note that an archive of keys was destroyed, with every copy.", metavar="NAME")
    ] = "",
) -> None:
    """Write a backup of the data, while the node works; or, apart, of its keys.

    The data: database, published lists, laid-down reports, open proposals, and sealed files out of whatever store, of
    which only new ones are copied. The keys: secrets.json, himaya.toml, and the keys of epochs, encrypted with age. One
    without the other is of no use, to whoever steals it and to you: keep both, apart.
    """
    if recipient and not keys:
        raise KeysApart(option="recipient", other="--keys")
    if (to is None) != bool(keys_gone):
        raise NoDirectory
    _node()
    if keys_gone:
        _note_gone(keys_gone)
    if to is None:
        return
    if keys:
        _write_keys(to, recipient or [], keep=keep)
        return
    from himaya.site.backups import making, places

    with steps_shown() as steps:
        made = making.make(to, by=start.actor(), keep=keep, with_sealed=not without_sealed, steps=steps)
    _tell_made(made, with_sealed=not without_sealed)
    if places.on_same_disk(to):
        err.print("[yellow]![/] it lies on the disk of the data directory, and would be lost with it")


def _tell_made(made: Made, *, with_sealed: bool) -> None:
    from himaya.site.backups import places

    told = made.backup.manifest
    size = (told.database.size + told.files.size) / MB
    done(f"{made.backup.place}")
    done(
        f"ledger entries: {told.ledger.entries:,}; files: {told.files.count:,}; {size:,.1f} MB in {made.seconds:.1f} s"
    )
    if not with_sealed:
        where = places.sealed_elsewhere() or places.SEALED
        err.print(f"[yellow]![/] sealed files lie in {escape(where)}, and are not in this backup")
    if made.linked:
        done(f"sealed files that the backup before has as well, and that were not copied: {made.linked:,}")
    if made.removed:
        done(f"{counted(made.removed, 'older backup')} removed")
    _say_what_is_wrong(made)


def _note_gone(name: str) -> None:
    from himaya.site.backups import archives

    archives.note_gone(name, by=start.actor())
    done("noted")


def _say_what_is_wrong(made: Made) -> None:
    """What somebody has to look at, of a backup that was made."""
    from himaya.site.backups import places

    if made.lacking:
        warn(f"sealed files that are neither here nor in an older backup, and not in this one: {made.lacking:,}")
    if made.rotten:
        warn(f"sealed files that were copied although they are not what was stored: {made.rotten:,}")
    if made.lacking or made.rotten:
        warn("look at the disk: himaya evidence scrub")
    if made.strange:
        warn("backups of this node that say that they were made later than now (a clock was wrong), or that are of a")
        warn(f"state from before another backup was put back: {', '.join(made.strange)}")
    if places.on_same_disk(made.backup.place):
        warn("it lies on the disk of the data directory, and would be lost with it")


def _write_keys(to: Path, recipients: list[str], *, keep: int) -> None:
    from himaya.site.backups import archives, keys

    path, epochs = keys.write(to, recipients=recipients)
    size = path.stat().st_size
    archives.note_made(path, recipients=len(recipients), epochs=epochs, by=start.actor(), size=size)
    done(f"{path}, for {counted(len(recipients), 'recipient')}")
    found = archives.remove_older(to, keep=keep, by=start.actor()) if keep else archives.Removed([], [])
    if found.removed:
        done(f"{counted(len(found.removed), 'older archive')} removed, and noted as destroyed")
    for name in found.left:
        warn(f"{name} stays: keys are in it that are neither in the new one nor destroyed")
    for name, gone in archives.opening_what_is_gone().items():
        warn(f"{name} holds keys that were destroyed since, and opens what was destroyed: {', '.join(gone)}")
        err.print(
            f"    destroy every copy of it, then run: himaya backup --keys-gone {name}", markup=False, soft_wrap=True
        )


def ready() -> None:
    """Bring the database that is connected to this version.

    Raises:
        TooNew: a newer version has prepared it.
    """
    from himaya.site.cli.trouble import TooNew

    if start.standing() == "newer":
        raise TooNew
    start.migrate()


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
    with steps_shown() as steps:
        found = drilling.drill(
            place, by=start.actor(), ready=ready, sample=sample, archive=archive, most=open_, steps=steps
        )
    done(f"{found.backup.name} can be put back: it took {found.seconds:.1f} s")
    leaves, sealed = found.restored.leaves, found.sealed
    done(f"ledger entries: {found.restored.entries:,}; leaves of the log: {leaves:,}; sealed files read: {sealed:,}")
    hours = found.age.total_seconds() / 3600
    done(f"lost would be what came in the last {hours:,.1f} hours; ledger entries: {found.missing:,}")
    say_lost(found.lost)
    _say_opened(found, archive)


def say_lost(n: int) -> None:
    """Say how many exhibits nothing opens, of a backup that is older than an end."""
    if n:
        warn(f"exhibits that are to be kept, as the backup has it, and whose keys were destroyed since: {n:,}")
        warn("nothing opens them, but a newer backup; or this one, with an archive of keys from after that end")


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
        if opened.lost:
            done(f"exhibits whose keys are lost, as two leads say: {opened.lost:,}")
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


def warn(said: str) -> None:
    """Say something that a person has to look at."""
    err.print(f"[yellow]![/] {escape(said)}", soft_wrap=True)


@contextmanager
def steps_shown() -> Iterator[Steps]:
    """A bar in megabytes, for what tells how far it is."""
    from himaya.site.backups.copying import Steps

    with progress("MB") as bar:
        task = bar.add_task("", total=None, note="")

        def begin(name: str, total: int) -> None:
            bar.reset(task, description=name, total=total / MB or None)

        def at(so_far: int, total: int) -> None:
            bar.update(task, completed=so_far / MB, total=total / MB)

        yield Steps(begin, lambda more: bar.advance(task, more / MB), at)
