"""Reads commands as JSON and runs each in a fork of this process; answers status, output and errors of each."""

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable

from himaya.site.cli import main, start

start.django()
# Loaded once for all of them.
import typer.rich_utils  # noqa: E402, F401
from django.db.migrations.loader import MigrationLoader  # noqa: E402

from himaya.screening import scanning  # noqa: E402, F401
from himaya.site.cli import trouble  # noqa: E402, F401

MigrationLoader(None)


def _exit_with(command: Callable[[], None]) -> None:
    """End as a command does, without the time that it takes to take a whole interpreter apart."""
    status: object = 0
    try:
        command()
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - the parent looks for the traceback
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(str(status or 0)))


def run(command: list[str]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = ["himaya", *command]
            _exit_with(main)
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode()


print(json.dumps([run(command) for command in json.load(sys.stdin)]))
