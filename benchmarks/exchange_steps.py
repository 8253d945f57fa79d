"""What :mod:`benchmarks.exchange` lets nodes do, each step in a process of its own: ``STEP ARGUMENT…``.

It prints a JSON object: seconds by name, and ``peak``, the most memory that the process held, in MiB.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

Told = dict[str, float]


def bring(name: str, path: str) -> Told:
    """Import a CSV into a list, which is made where there is none."""
    from himaya.lists.models import HashList  # Django has to be started first
    from himaya.lists.services import create_list, find_list, import_items

    if not HashList.objects.filter(name=name).exists():
        create_list(name, by="bench")
    with Path(path).open("rb") as stream:
        began = time.perf_counter()
        done = import_items(find_list(name), stream=stream, format_name="csv", by="bench")
        took = time.perf_counter() - began
    assert (done.imported, done.refused) == (True, 0), done
    return {"seconds": took, "rows": done.rows}


def publish(name: str) -> Told:
    """Publish what is new of a list: write the files, log them, sign them."""
    from himaya.federation.models import Publication
    from himaya.federation.native import publishing
    from himaya.lists.services import find_list

    began = time.perf_counter()
    assert publishing.publish(find_list(name))
    took = time.perf_counter() - began
    last = Publication.objects.order_by("pk").last()
    assert last
    return {"seconds": took, "bytes": last.length, "lines": last.lines}


def commit() -> Told:
    """Log what was said, as the worker does."""
    from himaya.lists.committing import commit as some

    began = time.perf_counter()
    while some():
        pass
    return {"seconds": time.perf_counter() - began}


def follow(name: str) -> Told:
    """Read a round of a subscription and apply it, as the worker does; where the time goes."""
    from himaya.core.repository.following import Follower
    from himaya.lists import subscribing
    from himaya.lists.subscribing import rounds
    from himaya.lists.subscribing.spool import Spool

    spent: Counter[str] = Counter()
    _timed(spent, "fetch", Follower, "refresh")
    _timed(spent, "fetch", Follower, "fetch")
    _timed(spent, "spool", Spool, "add")
    _timed(spent, "read", rounds, "read")
    _timed(spent, "apply", rounds, "apply")
    began = time.perf_counter()
    done = subscribing.run(subscribing.find(name))
    assert done
    spent["seconds"] = time.perf_counter() - began  # type: ignore[assignment]
    spent["read"] -= spent["fetch"] + spent["spool"]
    return {**spent, "entries": done.entries, "added": done.added}


def _timed(spent: Counter[str], name: str, place: Any, attribute: str) -> None:
    act: Callable[..., Any] = getattr(place, attribute)

    @wraps(act)
    def timed(*args: Any, **how: Any) -> Any:
        began = time.perf_counter()
        try:
            return act(*args, **how)
        finally:
            spent[name] += time.perf_counter() - began  # type: ignore[assignment]

    setattr(place, attribute, timed)


def withdraw(name: str, value: str) -> Told:
    """Take an item off the list, as its steward."""
    from himaya.lists.models import Item
    from himaya.lists.services import mark_item

    found = Item.objects.get(list__name=name, value=value)
    mark_item(found.pk, state="withdrawn", by="person:1", reason="Listed by mistake.")
    return {"at": time.time()}


def gone(name: str, value: str) -> Told:
    """Wait until an item of a followed list matches no more; when that was."""
    from himaya.lists.models import MATCHING, Item

    found = Item.objects.filter(list__name=name, value=value, state__in=MATCHING)
    assert found.exists()
    print("ready", flush=True)
    while found.exists():
        time.sleep(0.05)
    return {"at": time.time()}


def size() -> Told:
    """Bytes of the database."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            return {"bytes": cursor.fetchone()[0]}
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return {"bytes": Path(connection.settings_dict["NAME"]).stat().st_size}


def peer(address: str, folder: str) -> Told:
    """The NCMEC client of threatexchange, into the store of its own command line; without its index."""
    from threatexchange.cli.cli_state import CliSimpleState
    from threatexchange.exchanges.clients.ncmec.hash_api import NCMECEnvironment, NCMECHashAPI
    from threatexchange.exchanges.impl.ncmec_api import NCMECCollabConfig, NCMECSignalExchangeAPI
    from threatexchange.signal_type.pdq.signal import PdqSignal

    class Here(NCMECSignalExchangeAPI):
        def get_client(self, environment: NCMECEnvironment) -> NCMECHashAPI:
            made = super().get_client(environment)
            made._base_url = address
            return made

    Path(folder).mkdir()
    collab = NCMECCollabConfig(name="bench", environment=NCMECEnvironment.test_Industry)
    began = time.perf_counter()
    api, store = Here(collab, "himaya", "a word of no one"), CliSimpleState(Here, Path(folder))
    for delta in api.fetch_iter([PdqSignal], None):
        store.merge(collab, delta)
    store.flush()
    took = time.perf_counter() - began
    return {"seconds": took, "entries": len(store._get_state(collab).delta.updates)}


STEPS: dict[str, Callable[..., Told]] = {
    step.__name__: step for step in (bring, publish, commit, follow, withdraw, gone, size, peer)
}


def main() -> None:
    """Run a step and tell what it took."""
    name, *arguments = sys.argv[1:]
    if name != "peer":
        from himaya.site.cli import start

        start.database()
    told = STEPS[name](*arguments)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{os.getpid()}/status").read_text())
    told["peak"] = int(peak[1]) / 1024 if peak else 0.0
    print(json.dumps(told))


if __name__ == "__main__":
    main()
