"""``himaya index …``"""

from __future__ import annotations

from himaya.core.errors import HimayaError
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import done, err, out, table

index = commands("The search index of this machine: files that make every process ready in milliseconds.")
app.add_typer(index, name="index", rich_help_panel=KEEP)


class Damaged(HimayaError):
    """Files of the search index that were damaged and have been put away: {number}. {why}"""

    remedy = "Nothing is lost: himaya index build writes them anew, and so does a worker."
    exit_code = 1


@command(index, "show", example="himaya index show")
def show() -> None:
    """What is in the index, and how far its files are behind the lists."""
    start.database()
    from himaya.screening import live, snapshots

    view = live.view()
    shown = table("signal", "hashes#", "file MiB#", "bytes a hash#", "changed since#")
    for signal, part in sorted(view.parts.items()):
        size = view.files[signal][1] if signal in view.files else 0
        each = f"{size / len(part):.0f}" if size and len(part) else ""
        shown.add_row(
            signal, f"{len(part):,}", f"{size / 2**20:,.1f}" if size else "", each, f"{view.beside[signal]:,}"
        )
    out.print(shown)
    err.print(f"files in {snapshots.directory()}", markup=False, soft_wrap=True)


@command(index, "build", example="himaya index build")
def build() -> None:
    """Write the files anew from the lists as they are now. Whoever is being answered is not held up."""
    start.database()
    from himaya.screening import keeping, live

    with err.status("reading the lists"), keeping.locked(wait=True):
        view = live.view()
        signals = [signal for signal, part in view.parts.items() if len(part)]
        for signal in signals:
            live.merge(signal)
    done(f"{len(signals)} files, revision {view.revision}" if signals else "nothing to write: the lists are empty")


@command(index, "verify", example="himaya index verify")
def verify() -> None:
    """Read every file whole and compare its checksum; a damaged one is put away."""
    start.database()
    from himaya.screening import keeping, snapshots

    number = len(snapshots.stamps())
    with err.status("reading"), keeping.locked(wait=True):
        bad = keeping.check()
    if bad:
        raise Damaged(number=len(bad), why=" ".join(map(str, bad)))
    done(f"{number} files are whole")
