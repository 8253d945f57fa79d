"""``himaya restore``"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.backups import KeysApart, ready, say_lost, steps_shown, warn
from himaya.site.cli.grammar import KEEP, command
from himaya.site.cli.shown import done, err, out, runnable

if TYPE_CHECKING:
    from himaya.site.backups.copying import Steps
    from himaya.site.backups.keys import Archive
    from himaya.site.backups.manifest import Backup
    from himaya.site.backups.restoring import PutBack


SHOWN = 20
"""Names that are told."""


class NodeRuns(HimayaError):
    """The node in {data} is running, or another command works with it."""

    remedy = "Stop it on every machine (himaya serve, himaya worker, and whatever else); then run the command again."
    status = 409


class NotConfirmed(HimayaError):
    """Nothing was replaced: that is not the name of this node."""

    remedy = "Type it as it was asked for: the setting node_name."
    exit_code = 1


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
    with start.nobody_running(config().data) as still, steps_shown() as steps, _brought(archive):
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
            warn(
                f"{one.name} says that it was made later than {found.name}, whose ledger is longer: a clock was wrong,"
            )
            warn("or it was made after another backup had been put back. Where that one is meant, name it")
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
        found, archive=archive, replace=replace, become=become, by=start.actor(), ready=ready, steps=steps
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
    _say_who_is_back(found)


def _say_what_is_open(made: PutBack) -> None:
    """What somebody has to look at, once it was put back."""
    if made.strangers:
        warn(f"sealed files that came after the backup are set aside with the rest: {made.strangers:,}")
    if made.misfits:
        warn(
            f"sealed files that the database knows, and that neither the backup has nor this machine: {made.misfits:,}"
        )
    say_lost(made.lost)
    for path in made.keys.apart:
        warn(f"{path}: the ledger says that this key was destroyed, and no mark here does. Find out whose it is, and")
        warn("destroy it where it is of this node: until then it opens what was destroyed")


def _say_who_is_back(found: Backup) -> None:
    """Who may do something here as at the time of the backup, whatever was decided since."""
    from himaya.accounts import queries
    from himaya.core import clock

    people = [one.username for one in queries.people().filter(is_active=True)]
    valid = queries.keys().filter(revoked_at=None, expires_at__gt=clock.now())
    for what, names, look in (
        ("people who may sign in", people, "himaya users list"),
        ("API keys that are valid", [one.prefix for one in valid], "himaya keys list"),
    ):
        if names:
            shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
            warn(f"{what} as on {found.made_at:%Y-%m-%d}, whatever was taken from them since: {shown}")
            err.print(f"    look at them: {look}", markup=False, soft_wrap=True)


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
