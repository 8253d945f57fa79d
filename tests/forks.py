"""Runs commands, each in a fork of this process, which has loaded what they need.

Orders come on a socket, whose number is the first argument: JSON with ``words``, ``main``, ``cwd`` and ``env``, and
four descriptors, three for the streams of the command and one for the answers: its process, then its status. Words that
are not for ``main`` are Python. Whoever closes the socket ends this process. A command that a fork runs reads its
arguments and its settings, asks the database, and comes to its end as any other does; only the code is there already.
"""

import array
import gc
import json
import os
import selectors
import socket
import sys
import tempfile
from contextlib import suppress
from typing import Any

UMASK = os.umask(0o077)
os.umask(UMASK)

# Loaded once for all of them, with the settings of a node that is nobody's.
import typer.rich_utils  # noqa: E402, F401

from himaya.core import faults  # noqa: E402
from himaya.core.config import config  # noqa: E402
from himaya.site import database  # noqa: E402
from himaya.site.cli import main, start  # noqa: E402

database.SQLITE_START += "; PRAGMA synchronous=OFF"  # what is committed outlives the process, not the machine
with tempfile.TemporaryDirectory() as nobody:
    os.environ["HIMAYA_DATA"] = nobody
    start.django()
    import django.db.backends.postgresql.base
    import django.test  # noqa: F401
    from django.conf import LazySettings, settings
    from django.contrib.auth.hashers import Argon2PasswordHasher
    from django.core.cache import caches
    from django.db import connections
    from django.db.migrations.loader import MigrationLoader
    from django.utils.functional import empty

    from himaya.screening import scanning  # noqa: F401
    from himaya.site.cli import trouble  # noqa: F401

    MigrationLoader(None)
for cost, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):  # as in tests/hashers.py
    setattr(Argon2PasswordHasher, cost, least)
OURS = vars(sys.modules["himaya.site.settings"])
DEFAULTS = {name: value for name, value in vars(settings._wrapped).items() if name.isupper() and name not in OURS}
LONGEST = 2**20
STREAMS = 3


def orders(control: socket.socket) -> Any:
    """Fork for each order, tell of each end. Returns the order in the forks; ends when nobody orders any more."""
    waiting = selectors.DefaultSelector()
    waiting.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is not control:
                waiting.unregister(key.fileobj)
                _told(key.fd, *key.data)
                continue
            message, passed, _, _ = control.recvmsg(LONGEST, socket.CMSG_SPACE(4 * array.array("i").itemsize))
            if not message:
                sys.exit()
            descriptors = array.array("i", passed[0][2])
            child = os.fork()
            if not child:
                waiting.close()
                control.close()
                return _become(json.loads(message), list(descriptors))
            for stream in descriptors[:STREAMS]:
                os.close(stream)
            answers = socket.socket(fileno=descriptors[STREAMS])
            answers.send(str(child).encode())
            waiting.register(os.pidfd_open(child), selectors.EVENT_READ, (child, answers))


def _told(descriptor: int, child: int, answers: socket.socket) -> None:
    os.close(descriptor)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with answers, suppress(BrokenPipeError):  # of those whom it took too long
        answers.send(str(status).encode())


def _become(order: dict[str, Any], descriptors: list[int]) -> Any:
    for number, stream in enumerate(descriptors[:STREAMS]):
        os.dup2(stream, number)
    for descriptor in descriptors:
        os.close(descriptor)
    # As this process has it, Python remembers of it whether it can be read again.
    sys.stdin = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors, closefd=False)  # noqa: SIM115
    os.chdir(order["cwd"])
    os.umask(UMASK)
    module = {name: os.environ[name] for name in ("DJANGO_SETTINGS_MODULE",)}  # said by the command line as it loads
    os.environ.clear()
    os.environ.update(module | order["env"])
    sys.argv = order["words"]
    sys.path[0] = os.path.dirname(sys.argv[0]) if order["main"] else ""
    _forget()
    return order


def _forget() -> None:
    """Have the settings found anew by whoever asks for them first."""
    config.cache_clear()
    faults.arm(os.environ.get("HIMAYA_FAULT", ""))
    del sys.modules["himaya.site.settings"]
    settings._wrapped = empty
    for handler in (connections, caches):
        vars(handler).clear()
        handler.__init__()


_find = LazySettings._setup


def _found(lazy: Any, name: str | None = None) -> None:
    """Find them, and add the defaults that packages added as they were loaded."""
    _find(lazy, name)
    for default in DEFAULTS.keys() - vars(lazy._wrapped).keys():
        setattr(lazy._wrapped, default, DEFAULTS[default])


LazySettings._setup = _found

gc.collect()
gc.freeze()  # what is loaded stays, and is not copied because a fork looks at it
with socket.socket(fileno=int(sys.argv[1])) as told:
    told.send(b"ready")
    wanted = orders(told)
if wanted["main"]:
    main()
else:
    exec(wanted["words"][0], {"__name__": "__main__"})
