"""A Ray cluster: its workers fetch and fingerprint; the database, and the secrets of the node, stay with the scan.

Plain tasks, each a batch of places (docs/decisions/0019). A task that is done twice gives the same: where a worker or a
machine is lost, Ray starts its tasks anew elsewhere. What comes back is committed in order, as with any engine.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from himaya import __version__
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.ports import CANONICAL, Options
from himaya.core.words import N_, printable
from himaya.screening.decoders import Decoders, Outcome
from himaya.screening.engines import Batch, Done, in_order
from himaya.screening.reading import read
from himaya.screening.sources import is_remote
from himaya.screening.sources.places import Place
from himaya.screening.sources.s3 import MissingExtra

EXTRA = "ray"
RETRIES = 5
"""How often a batch is begun again whose worker was lost."""
MOST_AHEAD = 2000
PATIENCE = 10.0
"""Seconds for the cluster's address to answer."""


class NoCluster(HimayaError):
    """The Ray cluster cannot be reached: {why}."""

    remedy = "Check --ray-address, and that Ray has the same version there; without an address one is started here."
    exit_code = 3


class WorkersLost(HimayaError):
    """Workers of the cluster were lost again and again with the batch that begins at {place}: {why}."""

    remedy = "See what ends them (often memory); then go on with the same command and --resume."
    exit_code = 3


class UnfitWorker(HimayaError):
    """The worker {worker} cannot do its part: {why}."""

    remedy = "Every worker needs the same version of Himaya, and sees the same folders at the same paths."
    exit_code = 3


@dataclass(frozen=True, slots=True)
class _Unfit:
    """What a worker says instead of a result."""

    worker: str
    why: str


class Cluster:
    """Reads on the cluster at ``address``, or at ``RAY_ADDRESS``; else on one that is started here, for this machine
    alone.
    """

    scale = 4

    def __init__(
        self, roots: Sequence[bytes], *, address: str = "", endpoint: str = "", options: Options = CANONICAL
    ) -> None:
        self._address, self._endpoint, self._max_bytes = address, endpoint, config().max_file_bytes
        self._options = options
        self._folders = [root for root in roots if not is_remote(root)]

    def run(self, batches: Iterator[Batch]) -> Generator[Done]:
        """As the port says.

        Raises:
            MissingExtra, NoCluster, WorkersLost, UnfitWorker: as their names say.
        """
        ray = _connected(self._address)
        try:
            task = ray.remote(max_retries=RETRIES)(work)
            needs = partial(
                task.remote,
                folders=self._folders,
                max_bytes=self._max_bytes,
                endpoint=self._endpoint,
                options=self._options,
                version=__version__,
            )
            ahead = min(max(4, 2 * int(ray.cluster_resources().get("CPU", 1))), MOST_AHEAD)

            def begin(batch: Batch) -> Callable[[], list[Outcome]]:
                return partial(_result, ray, needs(batch), batch)

            yield from in_order(batches, begin, ahead=ahead, held=_held)
        finally:
            ray.shutdown()


def work(
    batch: Batch, *, folders: Sequence[bytes], max_bytes: int, endpoint: str, options: Options, version: str
) -> list[Outcome] | _Unfit:
    """What a worker does."""
    if version != __version__:
        return _Unfit(platform.node(), f"it has version {__version__}, the scan {version}")
    for folder in folders:
        if not os.path.lexists(folder):
            return _Unfit(platform.node(), f"{printable(os.fsdecode(folder))} is not there")
    return read(batch, _decoders(), max_bytes=max_bytes, endpoint=endpoint, options=options)


@cache
def _decoders() -> Decoders:
    """The one child of this worker: Ray gives a task one core."""
    return Decoders(1)


def _held(place: Place) -> int:
    """Files and objects are fetched by the workers."""
    return len(place.content or b"")


def _connected(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    try:
        import ray
    except ImportError as error:
        raise MissingExtra(what=N_("The engine ray"), extra=EXTRA) from error
    address = address or os.environ.get("RAY_ADDRESS", "")
    alone: dict[str, Any] = {
        "address": "local",
        "_node_ip_address": "127.0.0.1",
    }  # whoever reaches it may run anything there
    where = alone if address in ("", "local") else {"address": address}
    try:
        _reach(address)
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise NoCluster(why=str(error).partition("\n")[0]) from error
    return ray


def _reach(address: str) -> None:
    """Where nobody listens, Ray goes on asking for a quarter of an hour.

    Raises:
        OSError: nobody does.
    """
    if named := re.fullmatch(r"(?:ray://)?\[?([^/\[\]]+)\]?:(\d+)", address):
        socket.create_connection((named[1], int(named[2])), timeout=PATIENCE).close()


def _result(ray: Any, reference: Any, batch: Batch) -> list[Outcome]:
    try:
        found: list[Outcome] | _Unfit = ray.get(reference)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        place = printable(os.fsdecode(batch[0].path))
        raise WorkersLost(place=place, why=str(error).partition("\n")[0]) from error
    if isinstance(found, _Unfit):
        raise UnfitWorker(worker=found.worker, why=found.why)
    return found
