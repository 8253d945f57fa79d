"""How the command line shows things."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from himaya.site.cli.grammar import ORDER

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from himaya.core.errors import HimayaError

UNBOUNDED = 10_000
FLAWS = 20
"""Things that are wrong that are named."""
_COMMAND = re.compile(rf"(?<![\w/.-])himaya (?=(?:{'|'.join(ORDER)})\b)")


class _Console(Console):
    """Where the reader of a pipe has left, the command ends; and a row that goes into one is never broken."""

    def on_broken_pipe(self) -> None:
        """Called while the exception is handled."""
        raise


def _console(*, stderr: bool = False) -> Console:
    made = _Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = UNBOUNDED
    return made


out = _console()
err = _console(stderr=True)


def complain(error: HimayaError) -> None:
    """The message and the remedy, on the error stream."""
    err.print(f"[bold red]✗[/] {escape(str(error))}", soft_wrap=True)
    for flaw in getattr(error, "errors", ())[:FLAWS]:
        err.print(f"  {escape(flaw['where'] or 'as a whole')}: {escape(str(flaw['why']))}", soft_wrap=True)
    if error.remedy:
        err.print(f"  {escape(runnable(error.remedy.format(**error.facts)))}", soft_wrap=True)


def runnable(text: str) -> str:
    """``text`` with the commands in it written so that they run as they stand: ``himaya …`` may not be on the PATH."""
    return _COMMAND.sub(lambda _: f"{_program()} ", text)


def _program() -> str:
    """The program that runs, as its user can call it from the working directory."""
    mine = Path(sys.argv[0])
    if mine.name != "himaya" or not mine.is_file():  # not the command: a test, or a process of our own
        return "himaya"
    found = shutil.which("himaya")
    if found and Path(found).samefile(mine):
        return "himaya"
    path = mine.absolute()
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def done(text: str) -> None:
    """Something was done. ``text`` is shown as it is."""
    err.print(f"[green]✓[/] {escape(text)}", soft_wrap=True)


def table(*columns: str, title: str = "", keep: tuple[str, ...] = ()) -> Table:
    """An empty table in the house style; a column named ``…#`` holds numbers, those of ``keep`` never wrap."""
    from rich.table import Table

    made = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        name, number = column.rstrip("#"), column.endswith("#")
        made.add_column(name, justify="right" if number else "left", overflow="fold", no_wrap=number or name in keep)
    return made


def counted(number: int, noun: str) -> str:
    """``1 file``, ``1,000 files``"""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def middle(value: str, *, width: int = 18) -> str:
    """A long digest, shortened in the middle."""
    return value if len(value) <= width else f"{value[: width - 7]}…{value[-6:]}"


def folded(path: str, *, width: int) -> str:
    """A path over several lines, broken after slashes where it has them."""
    lines = [""]
    for number, part in enumerate(path.split("/")):
        piece = part if number == 0 else f"/{part}"
        if lines[-1] and len(lines[-1]) + len(piece) >= width:  # a line ends with a slash
            lines[-1] += "/"
            lines.append(part)
        else:
            lines[-1] += piece
    return "\n".join(lines)


def progress(unit: str = "files") -> Progress:
    """A bar that shows how far, how fast and how long still; on the error stream, and only on a terminal.

    Tasks have the field ``note``, which follows the figures.
    """
    from rich import progress as parts

    class Rate(parts.ProgressColumn):
        """How many a second."""

        def render(self, task: Any) -> str:
            """Blank until it is known."""
            speed = task.finished_speed or task.speed or (task.completed / task.elapsed if task.elapsed else 0)
            return f"{speed:,.0f} {unit}/s" if speed else ""

    return parts.Progress(
        parts.SpinnerColumn(),
        parts.TextColumn("[bold]{task.description}"),
        parts.BarColumn(bar_width=None),
        parts.MofNCompleteColumn(),
        Rate(),
        parts.TimeRemainingColumn(elapsed_when_finished=True),
        parts.TextColumn("{task.fields[note]}"),
        console=err,
        disable=not err.is_terminal,
    )
