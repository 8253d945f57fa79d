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
    from himaya.site.backups.making import Made
    from himaya.site.backups.manifest import Backup
    from himaya.site.backups.restoring import PutBack

MB = 1_000_000


class NodeRuns(HimayaError):
    """The node in {data} is running, or another command works with it."""

    remedy = "Stop it on every machine (himaya serve, himaya worker, and whatever else); then run the command again."
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
        made = making.make(to, by=start.actor(), keep=keep, with_sealed=not without_sealed, steps=steps)
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
    _say_what_is_wrong(made)
    if places.on_same_disk(to):
        err.print("[yellow]![/] it lies on the disk of the data directory, and would be lost with it")


def _say_what_is_wrong(made: Made) -> None:
    """What somebody has to look at, of a backup that was made."""
    if made.lacking:
        _warn(f"sealed files that are neither here nor in an older backup, and not in this one: {made.lacking:,}")
    if made.rotten:
        _warn(f"sealed files that were copied although they are not what was stored: {made.rotten:,}")
    if made.lacking or made.rotten:
        _warn("look at the disk: himaya evidence scrub")
    if made.strange:
        _warn("backups of this node that say that they were made later than now (a clock was wrong), or that are of a")
        _warn(f"state from before another backup was put back: {', '.join(made.strange)}")


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
        bool, typer.Option("--over", help="Replace what is there; it is set aside. You are asked to confirm.")
    ] = False,
    become: Annotated[
        bool, typer.Option("--become", help="The backup is one of another node: let this machine become that node.")
    ] = False,
) -> None:
    """Put a backup back, into an empty data directory and database.

    Every digest is verified first, then ledger and log in a place of their own; only then they take their place. What
    was queued when the backup was made may have left since: it is not sent again, and waits for a person. The log signs
    nothing until its witnesses have been asked.
    """
    from himaya.core.config import config
    from himaya.site.backups import checking, preparing
    from himaya.site.backups import keys as archives

    if (keys is None) != (identity is None):
        raise KeysApart(option="keys", other="--identity, and the other way round")
    if become and keys is None:
        raise KeysApart(option="become", other="--keys: another node has other keys")
    found = _chosen(source, mine=not become)
    archive = archives.read(keys, identities=identity) if keys and identity else None
    config().data.mkdir(mode=0o700, parents=True, exist_ok=True)
    preparing.check_secrets(archive)
    with start.nobody_running(config().data) as still, _steps() as steps, _brought(archive):
        if not still:
            raise NodeRuns(data=config().data)
        size = found.manifest.database.size + found.manifest.files.size
        steps.task("digests", size)
        checking.verify(found, heard=steps.done)
        preparing.check_database(found)
        if not become:
            preparing.check_origin(found)
        _put_back(found, archive, become=become, replace=_may_replace(found, archive, over=over), steps=steps)
    _look_ahead()


def _chosen(source: Path, *, mine: bool) -> Backup:
    """The backup that is meant: of several the newest, of this node where there is one here."""
    from himaya.site.backups import manifest, preparing

    first = preparing.first_entry() if mine else ""
    found = manifest.newest(source, fits=lambda ledger: bool(first) and ledger.first == first)
    for one in manifest.found(source):
        if one.made_at > found.made_at and one.manifest.ledger.first == found.manifest.ledger.first:
            _warn(
                f"{one.name} says that it was made later than {found.name}, whose ledger is longer: a clock was wrong,"
            )
            _warn("or it was made after another backup had been put back. Where that one is meant, name it")
    return found


@contextmanager
def _brought(archive: Archive | None) -> Iterator[None]:
    """Settings and secrets where there are none: all that follows needs them. Where it fails, they go again."""
    from himaya.core.config import config
    from himaya.site.backups import keys, preparing
    from himaya.site.secrets import NAME

    new: list[Path] = []
    try:
        if archive is not None:
            new += [path for path in (keys.put_back_settings(archive),) if path is not None]
            new += [config().data / NAME] if keys.put_back_secrets(archive, over=False) else []
        yield
    except BaseException:
        if preparing.half_done() is None:
            for path in new:
                path.unlink(missing_ok=True)
        raise


def _may_replace(found: Backup, archive: Archive | None, *, over: bool) -> bool:
    """Whether something is in the way, which a person lets be replaced.

    Raises:
        NotEmpty: that is not asked for.
        NotConfirmed: the person was asked, and does not.
    """
    from himaya.core.config import config
    from himaya.site.backups import preparing

    there = preparing.in_the_way(found, archive)
    if not there:
        return False
    if not over:
        raise preparing.NotEmpty(what=", ".join(there))
    name = config().node_name
    said = f"set aside, and replaced by the backup of {found.made_at:%Y-%m-%d %H:%M} UTC: {', '.join(there)}"
    out.print(said, markup=False, soft_wrap=True)
    if typer.prompt(f"Type the name of this node ({name}) to go on", err=True).strip() != name:
        raise NotConfirmed
    return True


def _put_back(found: Backup, archive: Archive | None, *, become: bool, replace: bool, steps: Steps) -> None:
    start.django()
    from django.conf import settings

    from himaya.site.backups import restoring

    if archive is not None:
        settings.SECRET_KEY = archive.secret  # what is here stands until the backup is proved, and was read just now
    made = restoring.put_back(
        found, archive=archive, replace=replace, become=become, by=start.actor(), ready=_ready, steps=steps
    )
    done(f"{found.name}, of {found.made_at:%Y-%m-%d %H:%M} UTC")
    done(f"ledger entries: {made.found.entries:,}; leaves of the log: {made.found.leaves:,}; files: {made.files:,}")
    if made.keys.again:
        done(f"keys of epochs that had been destroyed were destroyed again: {', '.join(made.keys.again)}")
    if made.found.jobs:
        done(f"deliveries that may have left since, and wait for a person in the console: {made.found.jobs:,}")
    if made.aside is not None:
        done(f"what was there before is in {made.aside}")
    _say_what_is_open(made)


def _say_what_is_open(made: PutBack) -> None:
    """What somebody has to look at, once it was put back."""
    if made.strangers:
        _warn(f"sealed files that came after the backup are set aside with the rest: {made.strangers:,}")
    if made.misfits:
        _warn(
            f"sealed files that the database knows, and that neither the backup has nor this machine: {made.misfits:,}"
        )
    for path in made.keys.apart:
        _warn(f"{path}: the ledger says that this key was destroyed, and no mark here does. Find out whose it is, and")
        _warn("destroy it where it is of this node: until then it opens what was destroyed")


def _warn(said: str) -> None:
    err.print(f"[yellow]![/] {escape(said)}", soft_wrap=True)


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
