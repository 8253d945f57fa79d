"""``himaya subscriptions …``"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.core.words import printable, unpacked
from himaya.site.cli import app, start
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.shown import counted, done, out, progress, runnable, table

if TYPE_CHECKING:
    from himaya.core.exchange import Exchange
    from himaya.lists.models import Subscription

subscriptions = commands("Sources of lists elsewhere, read again and again.")
app.add_typer(subscriptions, name="subscriptions", rich_help_panel=KEEP)
LONGEST = 64 * 1024
"""Bytes of a file with a secret."""
REFUSED = 5
LONG = 200
"""Characters of a value that are shown."""


class BadOption(HimayaError):
    """The option {name!r} cannot be set so: {why}."""

    remedy = "What a source needs is told by: himaya subscriptions sources NAME"


class NoSecret(HimayaError):
    """The secret {name!r} cannot be read: {why}."""

    remedy = "Give it by --secret-file OPTION=FILE, in the variable {variable}, or at the prompt of a terminal."


Name = Annotated[str, typer.Argument(help="The subscription.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="An option of the source, not a secret; repeatable.", metavar="NAME=VALUE"),
]
SecretFile = Annotated[
    list[str] | None, typer.Option(help="Read a secret of the source from a file; repeatable.", metavar="NAME=FILE")
]
Every = Annotated[int | None, typer.Option(help="From one round to the next.", metavar="SECONDS")]
Basis = Annotated[
    str, typer.Option(help="Legal basis: baseline, national, harmful, person-shown or unstated.", metavar="BASIS")
]


@command(
    subscriptions,
    "add",
    example="himaya subscriptions add partner --list hotline --source file --set address=https://partner.example/list.csv",
)
def add(
    name: Annotated[str, typer.Argument(help="Small letters, digits, dashes; it never changes.")],
    list_: Annotated[str, typer.Option("--list", help="The list that it fills.", metavar="LIST")],
    source: Annotated[str, typer.Option(help="What kind; see: himaya subscriptions sources", metavar="SOURCE")],
    set_: Set = None,
    secret_file: SecretFile = None,
    new_list: Annotated[bool, typer.Option("--new-list", help="Make the list.")] = False,
    organisation: Annotated[str, typer.Option(help="Who speaks where the source names nobody.", metavar="NAME")] = "",
    jurisdiction: Annotated[str, typer.Option(help="Under whose law: NL.", metavar="COUNTRY")] = "",
    basis: Basis = "unstated",
    members: Annotated[
        bool | None,
        typer.Option("--members/--no-members", help="Believe it about its members; else only where each signs."),
    ] = None,
    every: Every = None,
    private: Annotated[
        bool, typer.Option("--private", help="It may lie in a private network or on this machine.")
    ] = False,
    paused: Annotated[
        bool, typer.Option("--paused", help="It is not read over the line: it comes by stick, or is resumed later.")
    ] = False,
) -> None:
    """Follow a source. Its secrets are asked for, or read from files or from SOURCE_SECRET_<OPTION> in the environment.

    They are never given on the command line: other users of the machine and the shell's history could see them.
    """
    start.database()
    from himaya.core import registry
    from himaya.lists.following import follow
    from himaya.lists.seconding import NeedsSecond
    from himaya.site.cli.lists import propose

    plugin = registry.exchange(source)
    options = {**_options(plugin, set_), **_secrets(plugin, secret_file, asks=True)}
    try:
        made = follow(
            name, list_name=list_, by=start.actor(), new_list=new_list, exchange=source, options=options,
            organisation=organisation, jurisdiction=jurisdiction, basis=basis, members=members, interval=every,
            private=private, enabled=not paused,
        )  # fmt: skip
    except NeedsSecond as needed:
        propose(needed)
        return
    if not plugin.pulls:
        done(runnable(f"{made.name} brings no list. Let it be asked: himaya subscriptions set {name} --questions"))
        return
    if paused:
        done(runnable(f"{made.name} fills {made.list.name}, by stick: himaya subscriptions read {name} FILE"))
        return
    done(runnable(f"{made.name} fills {made.list.name}. The worker reads it; at once: himaya subscriptions run {name}"))


@command(subscriptions, "show", example="himaya subscriptions show partner")
def show(
    name: Annotated[str, typer.Argument(help="A subscription; all of them where left out.", show_default=False)] = "",
) -> None:
    """Show how all subscriptions are, or one of them with what failed and what its last round brought."""
    start.database()
    from himaya.lists import subscribing

    out.print(_one(subscribing.find(name)) if name else _all())


@command(subscriptions, "run", example="himaya subscriptions run partner")
def run(name: Name) -> None:
    """Read a source now, here. Ctrl-C keeps what was read: the next round goes on behind it."""
    start.database()
    from himaya.lists import subscribing

    one = subscribing.take(name)
    with progress("entries") as bar:
        task = bar.add_task("reading", total=None, note="")

        def advance(doing: str, read: int, total: int | None) -> None:
            if bar.tasks[task].description != doing:
                bar.reset(task, description=doing, total=total, note="")
            bar.update(task, completed=read, total=total)

        found = subscribing.run(one, on_progress=advance)
    if found is None:
        done("another process has read it meanwhile")
        return
    for kind, n in found.unread.most_common(REFUSED):
        out.print(f"not read here: {n:,} of the kind {printable(kind)}", markup=False)
    for refusal in found.first[:REFUSED]:
        where = f"line {refusal['line']:,}" if refusal["line"] else ""
        why = printable(str(unpacked(refusal["why"]))).rstrip(".")
        parts = ("refused", where, why, printable(refusal["excerpt"]))
        out.print(": ".join(filter(None, parts)), markup=False, soft_wrap=True)
    done(f"{_counts(found.told())}; it stands behind {counted(subscribing.vouched(one), 'item')} now")


@command(subscriptions, "check", example="himaya subscriptions check partner")
def check(name: Name) -> None:
    """Ask the source as little as shows that address and secrets are right."""
    start.database()
    from himaya.lists import subscribing

    done(subscribing.check(subscribing.find(name)) or "the source cannot be asked without reading it")


@command(subscriptions, "pause", example="himaya subscriptions pause partner")
def pause(name: Name) -> None:
    """Read it no more until it is resumed. What it brought stays."""
    _change(name, enabled=False)


@command(subscriptions, "resume", example="himaya subscriptions resume partner")
def resume(name: Name) -> None:
    """Go on; it is read at once."""
    _change(name, enabled=True)


@command(subscriptions, "set", example="himaya subscriptions set partner --every 7200")
def set_(
    name: Name,
    set_: Set = None,
    secret_file: SecretFile = None,
    ask: Annotated[
        list[str] | None, typer.Option(help="Ask for a new value of a secret; repeatable.", metavar="NAME")
    ] = None,
    clear: Annotated[
        list[str] | None, typer.Option(help="Take an option or a secret away; repeatable.", metavar="NAME")
    ] = None,
    every: Every = None,
    basis: Basis = "",
    members: Annotated[
        bool | None, typer.Option("--members/--no-members", help="Believe it about its members.")
    ] = None,
    private: Annotated[
        bool | None, typer.Option("--private/--no-private", help="It may lie in a private network or on this machine.")
    ] = None,
    questions: Annotated[
        bool | None,
        typer.Option("--questions/--no-questions", help="It may be asked about hashes, and learns each of them."),
    ] = None,
    daily: Annotated[int | None, typer.Option(help="About how many a day.", metavar="HASHES")] = None,
) -> None:
    """Change what is named here; everything else stays. Where an address changes, its secrets are given again."""
    start.database()
    from himaya.core import registry
    from himaya.lists import subscribing

    plugin = registry.exchange(subscribing.find(name).exchange)
    options: dict[str, Any] = {**_options(plugin, set_), **_secrets(plugin, secret_file, asks=False)}
    options |= {one: _asked(plugin, _known(plugin, one)) for one in ask or ()}
    options |= dict.fromkeys((_known(plugin, one) for one in clear or ()), None)
    _change(
        name, options=options, interval=every, basis=basis, members=members, private=private, asking=questions,
        daily=daily,
    )  # fmt: skip


def _change(name: str, **what: Any) -> None:
    start.database()
    from himaya.lists import subscribing

    subscribing.change(name, by=start.actor(), **what)
    done(name)


# --- options ---------------------------------------------------------------------------------------------------------


def _known(plugin: Exchange, name: str) -> str:
    if name not in plugin.Config.model_fields:
        raise BadOption(name=printable(name)[:80], why=f"{plugin.name} has {', '.join(plugin.Config.model_fields)}")
    return name


def _pairs(plugin: Exchange, given: list[str] | None) -> dict[str, str]:
    found = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals:
            raise BadOption(name=printable(one)[:80], why="write NAME=VALUE")
        found[_known(plugin, name)] = value
    return found


def _options(plugin: Exchange, given: list[str] | None) -> dict[str, Any]:
    from himaya.lists.subscribing import secret_fields

    found: dict[str, Any] = _pairs(plugin, given)
    if shown := sorted(secret_fields(plugin) & found.keys()):
        raise BadOption(
            name=shown[0], why="it is a secret, which nobody writes on a command line; give it by --secret-file"
        )
    fields = plugin.Config.model_fields
    return {name: value.split(",") if _is_list(fields[name].annotation) else value for name, value in found.items()}


def _is_list(annotation: Any) -> bool:
    return (
        re.match(r"(typing\.)?(list|tuple|frozenset|set)\b", str(annotation).removeprefix("<class '"), re.I) is not None
    )


def _secrets(plugin: Exchange, given: list[str] | None, *, asks: bool) -> dict[str, str]:
    from himaya.lists.subscribing import secret_fields

    secret, files = secret_fields(plugin), _pairs(plugin, given)
    if plain := sorted(files.keys() - secret):
        raise BadOption(name=plain[0], why="it is no secret; give it by --set")
    found = {name: _read(name, Path(path)) for name, path in files.items()}
    for name in sorted(secret - found.keys()):
        if value := os.environ.get(_variable(name)):
            found[name] = value
        elif asks and plugin.Config.model_fields[name].is_required():
            found[name] = _asked(plugin, name)
    return found


def _variable(name: str) -> str:
    return f"SOURCE_SECRET_{name.upper()}"


def _read(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise NoSecret(name=name, why=f"{printable(str(path))} is larger than 64 KiB", variable=_variable(name))
        return content.decode().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise NoSecret(name=name, why=f"{printable(str(path))}: {why}", variable=_variable(name)) from error


def _asked(plugin: Exchange, name: str) -> str:
    if not sys.stdin.isatty():
        raise NoSecret(name=name, why="there is no terminal to ask at", variable=_variable(name))
    field = plugin.Config.model_fields[name]
    return str(typer.prompt(f"{field.title or name} ({name})", hide_input=True))


# --- showing ---------------------------------------------------------------------------------------------------------


def _all() -> Any:
    from himaya.lists import subscribing

    shown = table("subscription", "list", "source", "state", "last success", "next round", "lag", "last round")
    for one in subscribing.subscriptions():
        how = subscribing.health(one)
        shown.add_row(
            one.name, one.list.name, one.exchange, _state(how.state, reading=how.reading), _at(one.ended_at),
            _next(one), _lag(how.lag), _counts(one.told) if one.told else "-",
        )  # fmt: skip
    return shown if shown.row_count else runnable("No subscription yet. See: himaya subscriptions sources")


def _one(one: Subscription) -> Any:
    from himaya.lists import subscribing

    how, shown = subscribing.health(one), table("subscription", escape(one.name))
    rows = {
        "state": _state(how.state, reading=how.reading),
        "list": one.list.name,
        "source": one.exchange,
        "speaks for": f"{one.organisation.name} ({one.organisation.jurisdiction or 'no jurisdiction'}), {one.basis}",
        "members": "believed" if one.members else "not believed",
        "set by": "two people" if one.seconded else "one person alone: beside other organisations it does not count",
        "may be near": "yes" if one.private else "no",
        **{f"  {name}": escape(_shown(value)) for name, value in one.options.items() if value not in ("", None)},
        **dict.fromkeys((f"  {name}" for name in subscribing.secrets_set(one)), "set, not shown"),
        "every": counted(one.interval, "second") if subscribing.brings_list(one) else "-",
        "last success": _at(one.ended_at),
        "next round": _next(one),
        "questions": f"up to {one.daily:,} hashes a day" if one.asking else "it may not be asked",
        "lag": _lag(how.lag),
        "last round": _counts(one.told) if one.told else "none yet",
        "stands behind": counted(subscribing.vouched(one), "item"),
    }
    rows |= {"on its way": f"{counted(how.waiting, 'page')} of a round"} if how.waiting else {}
    rows |= {f"not read: {printable(kind)}": f"{n:,}" for kind, n in one.told.get("unread", {}).items()}
    if one.trouble:
        tried = f"{counted(one.failures, 'time')} since {_at(one.failed_at)}"
        rows |= {"failed": escape(f"{one.trouble['what']} ({tried})"), "remedy": escape(one.trouble["remedy"])}
    for name, value in rows.items():
        shown.add_row(name, value)
    return shown


def _shown(value: Any) -> str:
    """An option as one line: of one that is a file, how large it is and its digest, as it is read out elsewhere."""
    text = str(value)
    if len(text) <= LONG:
        return text
    return f"{len(text):,} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()}"


def _next(one: Subscription) -> str:
    from himaya.lists.subscribing import brings_list

    return _at(one.due_at) if one.enabled and brings_list(one) else "never"


def _state(state: str, *, reading: bool) -> str:
    colour = {"fine": "green", "answering": "green", "failing": "red", "late": "yellow"}.get(state)
    words = f"{state}, being read" if reading else state
    return f"[{colour}]{words}[/]" if colour else words


def _at(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


def _lag(lag: Any) -> str:
    if lag is None:
        return "-"
    minutes = int(lag.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _counts(told: dict[str, Any]) -> str:
    if "asked" in told:
        return f"{told['known']:,} known of {told['asked'] + told['answered']:,} asked about"
    words = {"added": "added", "changed": "changed", "retracted": "taken back", "kept_withdrawn": "stay withdrawn",
             "refused": "refused", "caught": "LIKE A CANARY"}  # fmt: skip
    parts = [
        f"{told.get(name, 0):,} {word}"
        for name, word in words.items()
        if told.get(name) or name in ("added", "changed")
    ]
    return ", ".join(parts)
