"""``himaya subscriptions look-up``"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.core.words import printable
from himaya.site.cli import start
from himaya.site.cli.grammar import command
from himaya.site.cli.lists import NotWritten, head_of, opened
from himaya.site.cli.shown import done, err, out, progress
from himaya.site.cli.subscriptions import Name, subscriptions

if TYPE_CHECKING:
    from himaya.core.ports import ItemRow, Refusal
    from himaya.lists.models import Answer, Subscription
    from himaya.lists.subscribing.asking import OnAnswers

SHOWN = 50
"""Answers, and refused lines, that are shown; a report has all of them."""
COLUMNS = ("signal", "value", "known", "scheme", "code", "note", "at", "organisation")


class NothingAsked(HimayaError):
    """Nothing is asked about."""

    remedy = "Name hashes, or a file of them: himaya subscriptions look-up NAME HASH, or --file FILE"
    exit_code = 2


@command(subscriptions, "look-up", example="himaya subscriptions look-up centre --file hashes.txt --report answers.csv")
def look_up(
    name: Name,
    hashes: Annotated[list[str] | None, typer.Argument(help="What is asked about.", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="A list of hashes, of any format that is imported here; - is standard input.", allow_dash=True
        ),
    ] = None,
    signal: Annotated[str, typer.Option(help="What they are, where the source takes several.", metavar="SIGNAL")] = "",
    report: Annotated[Path | None, typer.Option(help="Write every answer here, as CSV.", metavar="FILE")] = None,
    take: Annotated[
        bool, typer.Option("--take", help="Let what the source knows come onto the list of the subscription.")
    ] = False,
    near: Annotated[
        bool, typer.Option("--near", help="With --take: also what only resembles something that the source knows.")
    ] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Ask again what was answered within a week.")] = False,
) -> None:
    """Ask a source what it knows of hashes. It learns each of them, and that this node holds it; nothing else goes out.

    Every question is put on record, and each day has a limit. Whatever cuts it off, the same command goes on where it
    was: what is answered already is not asked again. With --take, what the source knows is imported as its statement,
    and what it knew once and does not know any more is taken back. What only resembles something that it knows is not
    known itself, and is refused unless --near says otherwise.
    """
    start.database()
    from himaya.lists import subscribing

    one = subscribing.find(name)
    about, refused = subscribing.signal_of(one, signal), _Refused()
    if not hashes and not file:
        raise NothingAsked
    with _report(report, one) as written, _rows(hashes, file) as rows, progress("hashes") as bar:
        task, shown = bar.add_task("asking", total=None, note=""), _Shown()

        def tell(answers: list[Answer]) -> None:
            written(answers)
            shown.add(answers)
            bar.advance(task, len(answers))

        try:
            values = refused.without(subscribing.read_hashes(rows, signal=about))
            told = subscribing.ask(one, signal=about, values=values, by=start.actor(), anew=anew, on_answers=tell)
        finally:
            shown.tell(one)
            refused.tell()
    kept = f", {told.kept:,} of them answered before" if told.kept else ""
    done(f"{told.known:,} known to {one.organisation.title} of {told.asked + told.kept:,} asked about{kept}")
    if take:
        brought = subscribing.take_answers(one, answers=told.answers, by=start.actor(), near=near)
        done(
            f"{one.list.name}: {brought.added:,} added, {brought.changed:,} changed, {brought.retracted:,} taken back, "
            f"{brought.kept_withdrawn:,} stay withdrawn, {brought.refused:,} refused"
        )
        if shown.near and not near:
            err.print(f"{shown.near:,} only resemble what the source knows, and are not taken; --near takes them, too")


@contextmanager
def _rows(hashes: list[str] | None, file: Path | None) -> Iterator[Iterator[ItemRow | Refusal]]:
    """What is asked about: the hashes that were named, then those of a file."""
    from himaya.core import registry
    from himaya.core.ports import ItemRow
    from himaya.lists import services

    named = [ItemRow(0, "", value) for value in hashes or ()]

    def both(stream: BinaryIO | None, format_name: str) -> Iterator[ItemRow | Refusal]:
        yield from named
        if stream:
            yield from registry.format_(format_name).read(stream)

    if file is None:
        yield both(None, "")
        return
    with opened(file) as stream:
        yield both(stream, services.recognise(file.name, head_of(stream))[0])


class _Shown:
    """The first that are known."""

    def __init__(self) -> None:
        self._first: list[Answer] = []
        self._known = self.near = 0

    def add(self, answers: list[Answer]) -> None:
        known = [one for one in answers if one.known]
        self._known += len(known)
        from himaya.core.exchange import NEAR  # here: it loads pydantic, which help has no need of

        self.near += sum(one.note == NEAR for one in known)
        self._first += known[: SHOWN - len(self._first)]

    def tell(self, one: Subscription) -> None:
        for answer in self._first:
            words = " ".join(filter(None, (answer.scheme, answer.code, f"({answer.note})" if answer.note else "")))
            who = f"{one.organisation.title}, {answer.at:%Y-%m-%d %H:%M}"
            out.print(f"{answer.value}  {printable(words)}  {printable(who)}", markup=False, soft_wrap=True)
        if self._known > len(self._first):
            err.print(f"… and {self._known - len(self._first):,} more; --report FILE writes them all")


class _Refused:
    """Lines that are no hash of the signal: they never go out."""

    def __init__(self) -> None:
        self._first: list[Refusal] = []
        self._number = 0

    def without(self, values: Iterator[str | Refusal]) -> Iterator[str]:
        from himaya.core.ports import (
            Refusal,
        )

        for value in values:
            if isinstance(value, Refusal):
                self._number += 1
                self._first += [value] if len(self._first) < SHOWN else []
            else:
                yield value

    def tell(self) -> None:
        for one in self._first:
            place = f"line {one.line:,}" if one.line else "not asked"
            err.print(
                f"[yellow]{place}:[/] {escape(str(one.why))}: [dim]{escape(printable(one.excerpt))}[/]", soft_wrap=True
            )
        if self._number > len(self._first):
            err.print(f"… and {self._number - len(self._first):,} more were not asked about")


@contextmanager
def _report(path: Path | None, one: Subscription) -> Iterator[OnAnswers]:
    """Writes answers as they come."""
    if path is None:
        yield lambda _: None
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise NotWritten(path=path, why=error.strerror) from error
    with file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)

        def write(answers: list[Answer]) -> None:
            for row in answers:
                plain = [getattr(row, name) for name in ("signal", "value", "known", "scheme", "code", "note")]
                writer.writerow([*plain, row.at.isoformat(), one.organisation.name])
            file.flush()

        yield write
