"""How commands are declared: in the order of use, each with an example, each ending in a status with a meaning."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from himaya.core.errors import HimayaError

ORDER = (
    "demo", "init", "doctor", "serve", "worker", "scan", "screen", "fingerprint", "lists", "subscriptions", "partners",
    "exchange", "reference", "terms", "reports", "evidence", "desk", "index", "users", "keys", "ledger", "log",
    "backup", "restore", "drill",
)  # fmt: skip
BEGIN, LOOK, KEEP = "Begin and run", "Find", "Keep"
READER_LEFT = 128 + signal.SIGPIPE
F = TypeVar("F", bound=Callable[..., Any])


class Interrupted(HimayaError):
    """Interrupted."""

    remedy = "Nothing is half-done: what was not finished was undone."
    exit_code = 130


class NotShown(HimayaError):
    """Standard output cannot be written: {why}."""

    remedy = "Make room where it goes, and run the command again."
    exit_code = 3


class FileThere(HimayaError):
    """{path} is there already."""

    remedy = "Name another file: what was written once is not written over."


def _without_types(params: list[Any]) -> list[Any]:
    """A flag takes no value, so help shows none."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _without_types(super().get_params(ctx))


class Commands(TyperGroup):
    """Commands in the order of use, and what every one of them shares: how it ends."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _without_types(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of use; below a group, as declared."""
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def invoke(self, ctx: Any) -> Any:
        """Run the command. A reader that leaves (``| head``) ends it quietly, as with other programs.

        Raises:
            Interrupted: by Ctrl-C or SIGTERM.
            NotShown: the disk below standard output is full.
        """
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise Interrupted from None
        except BrokenPipeError:
            _drop_output()
            raise typer.Exit(READER_LEFT) from None
        except OSError as error:
            if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
                raise
            _drop_output()
            raise NotShown(why=os.strerror(error.errno)) from error
        return answer


def _drop_output() -> None:
    """What is still in the buffer goes nowhere, so that the interpreter does not complain about it at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def commands(help_: str, **more: Any) -> typer.Typer:
    """An empty group."""
    return typer.Typer(help=help_, cls=Commands, no_args_is_help=True, **more)


def command(app: typer.Typer, name: str, *, example: str, panel: str | None = None) -> Callable[[F], F]:
    """Declare a command of ``app``, with an example that its help ends with."""
    shown = f"[dim]Example:[/] {example.replace('[', chr(92) + '[')}"
    return app.command(name, cls=Command, epilog=shown, rich_help_panel=panel)
