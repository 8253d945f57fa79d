"""``himaya exchange …``: our lists in Himaya's own form, served to partners or put on a stick; and sticks of others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.lists import NoFile, NotWritten
from himaya.site.cli.shown import counted, done, err, out, progress, runnable, table
from himaya.site.cli.subscriptions import subscriptions

if TYPE_CHECKING:
    from himaya.federation.models import Served, Signatory

exchange = commands("Our lists, signed, as other nodes follow them.")
app.add_typer(exchange, name="exchange", rich_help_panel=KEEP)
MOST = 8 * 1024**2


@command(exchange, "key", example="himaya exchange key --to node.key.pub")
def key(
    to: Annotated[Path | None, typer.Option(help="Write it here instead of showing it.", metavar="FILE")] = None,
    new: Annotated[bool, typer.Option("--new", help="Of a further key, to take the place of the one in use.")] = False,
) -> None:
    """Show the public half of this node's own key, made at the first time; the secret half never leaves the node.

    It goes into the proposal of a root, three times: himaya keys new-root … --targets node.key.pub --snapshot
    node.key.pub --timestamp node.key.pub

    A further key (--new) signs nothing until a root that names it is in force; then the old one is retired. One that
    waits for its root already is shown again.
    """
    start.database()
    from himaya.core import files
    from himaya.federation.native.keys import current, public_key

    public = public_key(by=start.actor(), new=new)
    if to is None:
        sys.stdout.write(public + "\n")
        return
    try:
        files.replace(to, [public.encode()])
    except OSError as error:
        raise NotWritten(path=to, why=error.strerror) from error
    what = "--previous root.json" if current() else "--key …"
    done(runnable(f"{to}. Next: himaya keys new-root {what} --targets {to} --snapshot {to} --timestamp {to} --to FILE"))


@command(exchange, "root", example="himaya exchange root root.json")
def root(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="The finished root, of himaya keys finish-root. Where keys of it are lost: that one, and the next one."
        ),
    ],
) -> None:
    """Put a root in force: the first one begins to publish, a later one exchanges keys."""
    start.database()
    from himaya.federation.native.publishing import install_root

    *between, last = (_content(file) for file in files)
    version = install_root(last, by=start.actor(), between=between)
    done(f"root {version} is in force")
    done(f"Next: give {files[-1]} to those who follow your lists, by another way than the lists.")


@command(exchange, "publish", example="himaya exchange publish hotline")
def publish(
    name: Annotated[str, typer.Argument(help="A list; all that are switched on where left out.")] = "",
) -> None:
    """Publish what is new, now, and pass on what others signed; a worker does so by itself every half minute."""
    start.database()
    from himaya.federation.native import hub, passing, publishing
    from himaya.lists import queries, services

    some = [services.find_list(name)] if name else list(queries.lists().filter(enabled=True))
    for one in some:
        done(f"{one.name}: {'published' if publishing.publish(one) else 'nothing is new'}")
        for other in hub.signatories(one):
            news = "passed on" if passing.pass_on(other, wait=True) else "nothing is new"
            done(f"{one.name}, {other.organisation}: {news}")


@command(exchange, "admit", example="himaya exchange admit hotline-a a.example")
def admit(
    subscription: Annotated[str, typer.Argument(help="The subscription, of a source that is another Himaya.")],
    organisation: Annotated[str, typer.Argument(help="Who signs there, as its statements name it.")],
    permission: Annotated[
        str,
        typer.Option(
            help="By what its publisher permits it, where its list is stricter than TLP:GREEN.", metavar="TEXT"
        ),
    ] = "",
) -> None:
    """Pass on what an organisation signs, unchanged, in the list that the subscription fills: this node is a hub then.

    Whoever follows our list gets the organisation's own signed statements beside ours. How far its list may be handed
    on is asked at its node, now and at every look: TLP:CLEAR and TLP:GREEN may be passed on; TLP:AMBER and
    TLP:AMBER+STRICT only with its publisher's permission; TLP:RED never. Our list must be at least as strict.
    """
    start.database()
    from himaya.federation.native import hub

    made = hub.admit(hub.examine(subscription, organisation=organisation, permission=permission), by=start.actor())
    done(f"{organisation} is passed on in the list {made.list.name}, TLP:{made.tlp.upper()}, signed with {made.key}")
    done(runnable("A worker takes it over in half a minute; now: himaya exchange publish " + made.list.name))


@command(exchange, "dismiss", example="himaya exchange dismiss network a.example")
def dismiss(
    name: Annotated[str, typer.Argument(help="The list.")],
    organisation: Annotated[str, typer.Argument(help="Who signs.")],
) -> None:
    """Pass on nothing of a signatory any more. Those who follow our list drop what it said at their next look."""
    start.database()
    from himaya.federation.native import hub

    hub.dismiss(name, organisation=organisation, by=start.actor())
    done(f"nothing of {organisation} is passed on in the list {name}")


@command(exchange, "show", example="himaya exchange show")
def show() -> None:
    """Show what is published, until when it is good, and what those who follow it need to know."""
    start.database()
    from himaya.federation.native import hub, overview, publishing
    from himaya.federation.native.keys import NoRoot
    from himaya.log import queries as log

    try:
        rows = publishing.standing()
    except NoRoot as error:
        out.print(runnable(f"{error} {error.remedy}"))
        return
    shown = table("list", "state", "published", "statements#", "good until", "trouble")
    for one in rows:
        shown.add_row(*_row(one))
    out.print(shown)
    if others := list(hub.signatories()):
        passed = table("list", "signatory", "label", "state", "statements#", "good until", "trouble")
        for other in others:
            passed.add_row(*_passed(other))
        out.print(passed)
    if root := overview.root():
        holders = f"{root.threshold} of {len(root.holders)} holders sign the next one"
        out.print(f"root {root.version}, good until {root.until:%Y-%m-%d}; {holders}", soft_wrap=True)
        out.print(f"sha256 of its root.json: {root.digest}", soft_wrap=True)
    for each in overview.node_keys():
        out.print(f"key {each.key.keyid[: overview.SHORT]}: {each.state}")
    for concern in overview.all_concerns():
        out.print(
            f"[yellow]![/] {escape(f'{concern.about}: {concern.said}')}\n    {escape(runnable(concern.remedy))}",
            soft_wrap=True,
        )
    for verifier in log.verifier_keys():
        out.print(f"log: [bold]{escape(str(verifier))}[/]", soft_wrap=True)


def _passed(one: Signatory) -> list[str]:
    return [
        one.list.name,
        one.organisation,
        one.tlp.upper(),
        "withheld" if one.withheld else str(one.sequence or "-"),
        f"{one.lines:,}",
        f"{one.until:%Y-%m-%d %H:%M}" if one.until else "-",
        escape(str(one.trouble.get("what", ""))),
    ]


def _row(one: Any) -> list[str]:
    served: Served = one.served
    return [
        served.list.name,
        str(served.sequence or "-"),
        f"{served.at:%Y-%m-%d %H:%M}" if served.at else "-",
        f"{one.lines:,}",
        f"{one.until:%Y-%m-%d %H:%M}" if one.until else "-",
        escape(str(served.trouble.get("what", ""))),
    ]


@command(exchange, "bundle", example="himaya exchange bundle hotline hotline.bundle --since 120")
def bundle(
    name: Annotated[str, typer.Argument(help="The list.")],
    file: Annotated[Path, typer.Argument(help="The file to write, for a stick.")],
    since: Annotated[
        int | None,
        typer.Option(help="The state that the other node has; without it everything goes in.", metavar="STATE"),
    ] = None,
) -> None:
    """Put a list into one signed file, for a node without a line. It is good for 30 days."""
    start.database()
    from himaya.federation.native import hub
    from himaya.federation.native.publishing import publish, write_bundle
    from himaya.lists import services

    found = services.find_list(name)
    hub.settle(found)
    try:
        publish(found)
        written = write_bundle(found, file, since=since, by=start.actor())
    except OSError as error:
        raise NotWritten(path=file, why=error.strerror) from error
    parts = counted(len(written.parts), "file")
    if written.unknown:
        said = f"no state {since} of {name} is published: the whole list is in the file"
        err.print(f"[yellow]![/] {said}", soft_wrap=True)
    done(f"{file}: {written.size:,} bytes, {parts}, good until {written.until:%Y-%m-%d}")
    done(runnable("Next, at the other node: himaya subscriptions read NAME FILE"))


@command(subscriptions, "read", example="himaya subscriptions read hotline /media/stick/hotline.bundle")
def read(
    name: Annotated[str, typer.Argument(help="The subscription, of a source that is another Himaya.")],
    file: Annotated[Path, typer.Argument(help="The bundle.")],
) -> None:
    """Read a source out of a file that somebody brought, instead of over the line. It counts as a round."""
    start.database()
    from himaya.lists import subscribing

    if not file.is_file():
        raise NoFile(path=file, why="it is no file")
    with progress("entries") as bar:
        task = bar.add_task("reading", total=None, note="")

        def advance(doing: str, n: int, total: int | None) -> None:
            bar.update(task, description=doing, completed=n, total=total)

        told = subscribing.run(subscribing.take(name), on_progress=advance, stick=file)
    if told is None:
        done("somebody else has read it meanwhile")
        return
    counts = f"{told.added:,} added, {told.changed:,} changed, {told.retracted:,} taken back, {told.refused:,} refused"
    behind = counted(subscribing.vouched(subscribing.find(name)), "item")
    done(f"{counts}; it stands behind {behind} now")


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MOST)
    except OSError as error:
        raise NoFile(path=file, why=error.strerror) from error
