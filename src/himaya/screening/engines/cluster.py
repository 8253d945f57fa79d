"""A Ray cluster: its workers fetch and fingerprint; the database, and the secrets of the node, stay with the scan.

Plain tasks, each a batch of places (docs/decisions/0019). A task that is done twice gives the same: where a worker or a
machine is lost, Ray starts its tasks anew elsewhere. What comes back is committed in order, as with any engine.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import secrets
import socket
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

from himaya import __version__
from himaya.core import registry
from himaya.core.basics import Sandbox
from himaya.core.buckets import MissingExtra
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.ports import CANONICAL, Options
from himaya.core.words import N_, printable
from himaya.screening.decoders import Decoders, Outcome
from himaya.screening.engines import Batch, Outcomes, Read, held, in_order
from himaya.screening.engines.local import Here
from himaya.screening.reading import OnProgress, read
from himaya.screening.sources import is_remote
from himaya.screening.sources.places import Spooled

EXTRA = "ray"
RETRIES = 5
"""How often a batch is begun again whose worker was lost."""
MOST_AHEAD = 2000
PATIENCE = 10.0
"""Seconds for the cluster's address to answer."""


class NoCluster(HimayaError):
    """The Ray cluster cannot be reached: {why}."""

    remedy = (
        "Check --ray-address, that Ray has the same version there, and its token (RAY_AUTH_MODE, RAY_AUTH_TOKEN); "
        "without an address one is started here."
    )
    exit_code = 3


class WorkersLost(HimayaError):
    """Workers of the cluster were lost again and again with the batch that begins at {place}: {why}."""

    remedy = "See what ends them (often memory); then go on with the same command and --resume."
    exit_code = 3


class UnfitWorker(HimayaError):
    """The worker {worker} cannot do its part: {why}."""

    remedy = "Every worker needs the same version, extras and plug-ins, and sees the same folders at the same paths."
    exit_code = 3


@dataclass(frozen=True, slots=True)
class _Unfit:
    """What a worker says instead of a result."""

    worker: str
    why: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a worker is told besides a batch.

    Args:
        folders: those that it must see.
        max_bytes, endpoint, options: as :func:`~himaya.screening.reading.read` has them.
        sandbox: how its decoders are kept in.
        equipment: what it must have, and nothing besides.
    """

    folders: Sequence[bytes]
    max_bytes: int
    endpoint: str
    options: Options
    sandbox: Sandbox
    equipment: frozenset[str]


class Cluster:
    """Reads on the cluster at ``address``, or at ``RAY_ADDRESS``; else on one that is started here, for this machine
    alone.
    """

    def __init__(
        self,
        roots: Sequence[bytes],
        *,
        address: str = "",
        endpoint: str = "",
        options: Options = CANONICAL,
        on_progress: OnProgress = lambda *_: None,
    ) -> None:
        self._address, self._on_progress = address, on_progress
        folders = [root for root in roots if not is_remote(root)]
        settings = config()
        self._terms = Terms(folders, settings.max_file_bytes, endpoint, options, settings.decoder_sandbox, equipment())

    def run(self, batches: Iterator[Batch]) -> Generator[Read]:
        """As the port says.

        Raises:
            MissingExtra, NoCluster, WorkersLost, UnfitWorker: as their names say.
        """
        ray = _connected(self._address)
        terms = self._terms
        here = Here(
            1, max_bytes=terms.max_bytes, endpoint=terms.endpoint, options=terms.options, on_progress=self._on_progress
        )
        try:
            task = ray.remote(max_retries=RETRIES)(work)
            ahead = min(max(4, 2 * int(ray.cluster_resources().get("CPU", 1))), MOST_AHEAD)

            def begin(batch: Batch) -> Outcomes:
                if any(isinstance(place.content, Spooled) for place in batch):  # too large to be sent around
                    return here.begin(batch)
                outcomes: Outcomes = Future()
                answer = task.remote(batch, terms).future()
                answer.add_done_callback(partial(_pass_on, outcomes, batch))
                return outcomes

            yield from in_order(batches, begin, ahead=ahead, held=held)
        finally:
            here.close()
            ray.shutdown()


def equipment() -> frozenset[str]:
    """What is installed here that makes a difference to what is found."""
    videos = ["himaya[video]"] if find_spec("av") else []
    return frozenset([f"version {__version__}", *(f"the signal {name}" for name in registry.signals()), *videos])


def work(batch: Batch, terms: Terms) -> list[Outcome] | _Unfit:
    """What a worker does. It never raises: what is raised on a cluster reaches nobody as it was."""
    try:
        why = _lacks(terms)
        if why:
            return _Unfit(platform.node(), why)
        pool = _decoders(terms.sandbox)
        return read(batch, pool, max_bytes=terms.max_bytes, endpoint=terms.endpoint, options=terms.options)
    except HimayaError as error:
        return _Unfit(platform.node(), str(error))
    except Exception as error:  # noqa: BLE001 - a person can see from it what is wrong with that machine
        return _Unfit(platform.node(), f"{type(error).__name__}: {error}")


def _lacks(terms: Terms) -> str:
    """What keeps this worker from doing what another one does; empty where nothing does."""
    ours = equipment()
    if lacking := terms.equipment - ours:
        return f"it lacks {', '.join(sorted(lacking))}"
    if besides := ours - terms.equipment:
        return f"it has, and the scan has not, {', '.join(sorted(besides))}"
    unseen = [folder for folder in terms.folders if not os.path.lexists(folder)]
    return f"{printable(os.fsdecode(unseen[0]))} is not there" if unseen else ""


@cache
def _decoders(sandbox: Sandbox) -> Decoders:
    """The one child of this worker: Ray gives a task one core."""
    return Decoders(1, sandbox)


def _connected(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    address = address or os.environ.get("RAY_ADDRESS", "") or "local"
    if address == "local":  # it listens on every interface, and whoever it lets in may run anything here
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_urlsafe(32))
    try:
        import ray
    except ImportError as error:
        raise MissingExtra(what=N_("The engine ray"), extra=EXTRA) from error
    try:
        _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, OSError, ray.exceptions.RayError) as error:
        raise NoCluster(why=str(error).partition("\n")[0]) from error
    return ray


def _reach(address: str) -> None:
    """Where nobody listens, Ray goes on asking for a quarter of an hour.

    Raises:
        OSError: nobody does.
    """
    if named := re.fullmatch(r"(?:ray://)?\[?([^/\[\]]+)\]?:(\d+)", address):
        socket.create_connection((named[1], int(named[2])), timeout=PATIENCE).close()


def _pass_on(outcomes: Outcomes, batch: Batch, answer: Future[list[Outcome] | _Unfit]) -> None:
    try:
        outcomes.set_result(_outcomes(answer, batch))
    except HimayaError as error:
        outcomes.set_exception(error)


def _outcomes(answer: Future[list[Outcome] | _Unfit], batch: Batch) -> list[Outcome]:
    from ray import exceptions

    lost = exceptions.WorkerCrashedError, exceptions.NodeDiedError, exceptions.OutOfMemoryError
    try:
        found = answer.result()
    except lost as error:
        place = printable(os.fsdecode(batch[0].path))
        raise WorkersLost(place=place, why=str(error).partition("\n")[0]) from error
    except Exception as error:  # it cannot even begin: Himaya is not there, or not the same
        raise UnfitWorker(worker=getattr(error, "ip", "?"), why=str(error).strip().rpartition("\n")[2]) from error
    if isinstance(found, _Unfit):
        raise UnfitWorker(worker=found.worker, why=found.why)
    return found
