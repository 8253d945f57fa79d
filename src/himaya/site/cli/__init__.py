"""The command line: parse, call a service or a query, show."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys

import typer

from himaya import __version__
from himaya.core.errors import HimayaError
from himaya.site.cli.grammar import Interrupted, commands

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "himaya.site.settings")

app = commands(
    "Find, report, remove and keep down known child sexual abuse material.\n\n"
    "Begin with: himaya demo. Settings come from HIMAYA_… in the environment and from himaya.toml; none is needed.",
    name="himaya",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 fine, 1 something was found or refused, 2 the call was wrong, 3 the machine is in trouble, "
    "130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"himaya {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """What every command has."""


def _load() -> None:
    from himaya.site.cli import (  # noqa: F401
        backups,
        countries,
        demo,
        desk,
        evidence,
        evidence_bundles,
        evidence_guarded,
        evidence_intake,
        evidence_returns,
        evidence_rules,
        evidence_stops,
        evidence_tags,
        exchange,
        fingerprinting,
        index,
        keys,
        ledger_stamps,
        lists,
        log,
        log_audits,
        looking_up,
        partners,
        people,
        reference,
        reports,
        requests,
        restoring,
        running,
        screening,
        sources,
        subscriptions,
        terms,
    )


_load()


def heed_interrupts() -> None:
    """Let Ctrl-C and SIGTERM both mean: stop, and leave nothing half-done; and let neither get lost.

    Python drops an exception that is raised in a finaliser or a callback of the garbage collector, and an interrupt
    that comes while a long collection runs is raised just there. Where that happens it is raised again a moment later.
    """
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.default_int_handler)
    sys.unraisablehook = _raise_again


def _raise_again(lost: sys.UnraisableHookArgs) -> None:
    if lost.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0.05)  # not now: this, too, is a place where it would be dropped
    else:
        sys.__unraisablehook__(lost)


def main() -> None:
    """Run a command. Errors that a person can act on end it with their message, remedy and exit status."""
    heed_interrupts()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a terminal that cannot show a character is no reason to stop
    try:
        app()
    except KeyboardInterrupt:  # before the command began, or after its end
        sys.exit(Interrupted.exit_code)
    except Exception as error:
        known = _known(error)
        if known is None:
            raise
        from himaya.site.cli.shown import complain

        complain(known)
        sys.exit(known.exit_code)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # what was to be raised again has no place left, and would kill
        gc.freeze()  # the interpreter's last collection would look at all that was loaded, for a fifth of a second


def _known(error: Exception) -> HimayaError | None:
    if isinstance(error, HimayaError):
        return error
    from himaya.site.cli.trouble import explained

    return explained(error)
