"""What the ledger knows of archives of keys: which keys are in each, and which of them open what was destroyed since.

An archive is a file that nobody can change from here. So whoever keeps it destroys it, every copy, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.vault.epochs import EpochKeys
from himaya.ledger import queries as ledger
from himaya.ledger.services import record
from himaya.site.backups.making import NODE

MADE, GONE = "backup.keys-made", "backup.keys-gone"


class UnknownArchive(HimayaError):
    """This node has written no archive of keys that is called {name!r}, or it is known to be destroyed."""

    remedy = "Name one as himaya doctor does; its directory does not matter."
    status = 404


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of older archives: removed, and left because keys are in them that are nowhere else, by name."""

    removed: list[str]
    left: list[str]


def standing() -> dict[str, frozenset[str]]:
    """Archives that are not known to be destroyed, the newest first → the epochs whose keys are in them."""
    gone = {entry.data["name"] for entry in ledger.entries(act=GONE)}
    made = {entry.data["name"]: frozenset(entry.data.get("epochs", ())) for entry in ledger.entries(act=MADE)}
    return {name: epochs for name, epochs in made.items() if name not in gone}


def opening_what_is_gone() -> dict[str, list[str]]:
    """Archives that hold keys which were destroyed since → the epochs."""
    gone = _gone()
    return {name: sorted(epochs & gone) for name, epochs in standing().items() if epochs & gone}


def note_made(path: Path, *, recipients: int, epochs: list[str], by: str, size: int = 0) -> None:
    """Note that an archive was written, for how many, and how many bytes it has."""
    with transaction.atomic():
        record(MADE, by=by, about=NODE, name=path.name, recipients=recipients, epochs=epochs, size=size)


def note_gone(name: str, *, by: str) -> None:
    """Note that an archive was destroyed, with every copy: a person says so.

    Raises:
        UnknownArchive: there is none of this name.
    """
    name = Path(name).name
    if name not in standing():
        raise UnknownArchive(name=name[:80])
    with transaction.atomic():
        record(GONE, by=by, about=NODE, name=name)


def remove_older(place: Path, *, keep: int, by: str) -> Removed:
    """Remove archives of this node beyond the newest ``keep`` from a directory, and note it.

    One with a key that is neither in the newest nor destroyed stays: it may be the last that has it.
    """
    known = standing()
    here = [name for name in known if (place / name).is_file()]
    safe = _gone().union(*list(known.values())[:1])
    found = Removed([], [])
    for name in here[keep:]:
        if known[name] - safe:
            found.left.append(name)
            continue
        (place / name).unlink()
        note_gone(name, by=by)
        found.removed.append(name)
    return found


def _gone() -> set[str]:
    directory = config().epoch_directory
    return set(EpochKeys(directory).destroyed()) if directory.is_dir() else set()
