"""What ``himaya doctor`` looks at, from the ground up: each step only where the one below it holds."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING

from himaya.core.config import BadConfig, config, unknown
from himaya.core.errors import HimayaError
from himaya.site.cli import start

if TYPE_CHECKING:
    from himaya.site.health import Finding

ROOM = 1024**3
"""Bytes that should be free on the disk of the data directory."""
HERE = ("127.0.0.1", "::1", "localhost")
DOOR = "HMA's API"
NEAR = [
    ip_network(each)
    for each in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1", "fc00::/7")
]
"""This machine, and networks that are not routed in public (RFC 1918, RFC 6598, RFC 4193)."""


def examine() -> Iterator[Finding]:
    """Everything that can be looked at from here. Nothing is changed, but a data directory and secrets are made."""
    try:
        settings = config()
        start.django()
    except Exception as error:
        trouble = _trouble(error)
        if trouble is None:
            raise
        what = "Settings" if isinstance(trouble, BadConfig) else "Data directory"
        what = "Secrets" if "secrets file" in str(trouble) else what
        yield _finding(what, "danger", str(trouble), trouble.remedy.format(**trouble.facts))
        return
    from himaya.site.health import Finding

    yield Finding("Python", "ok", f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}")
    yield from _settings()
    yield _directory()
    yield Finding("Secrets", "ok", str(settings.data / "secrets.json"))
    yield _disk()
    yield _reach()
    yield _speaks()
    yield from _open_door()
    yield _plugins()
    yield _videos()
    yield from _database()
    yield from _destinations()


def _trouble(error: Exception) -> HimayaError | None:
    """The error with a remedy; None where it is a defect."""
    from himaya.site.cli.trouble import explained

    return error if isinstance(error, HimayaError) else explained(error)


def _finding(what: str, state: str, said: str, remedy: str = "") -> Finding:
    """A finding where Django could not be loaded: the same fields, without importing rooms."""
    from types import SimpleNamespace

    return SimpleNamespace(what=what, state=state, said=said, remedy=remedy)  # type: ignore[return-value]


def _settings() -> Iterator[Finding]:
    from himaya.site.health import Finding

    file = config().file
    for name, why in unknown().items():
        yield Finding("Settings", "danger", f"{name}: {why}", "Correct or remove it: it has no effect as it is.")
    if os.environ.get("HIMAYA_CONFIG") and not file.is_file():
        remedy = "Correct HIMAYA_CONFIG, or write the file with: himaya init"
        yield Finding("Settings", "danger", f"HIMAYA_CONFIG names {file}, and there is no such file", remedy)
    else:
        yield Finding("Settings", "ok", str(file) if file.is_file() else "defaults; no file is needed")


def _directory() -> Finding:
    from himaya.site.health import Finding

    data = config().data
    mode = data.stat().st_mode & 0o777
    if not os.access(data, os.W_OK):
        remedy = f"Make it this user's: chown {os.geteuid()} {data}. HIMAYA_DATA chooses another."
        return Finding("Data directory", "danger", f"{data} cannot be written", remedy)
    if mode & 0o077:
        said = f"{data} is open to other users of this machine (mode {mode:o})"
        return Finding("Data directory", "wait", said, f"Run: chmod 700 {data}")
    return Finding("Data directory", "ok", str(data))


def _disk() -> Finding:
    from himaya.site.health import Finding

    free = shutil.disk_usage(config().data).free
    said = f"{free / 1024**3:.1f} GiB free"
    if free < ROOM:
        remedy = f"Make room on the disk of {config().data}: a full one stops intake and deliveries."
        return Finding("Disk", "danger", said, remedy)
    return Finding("Disk", "ok", said)


def _reach() -> Finding:
    from himaya.site.health import Finding

    settings = config()
    if settings.bind not in HERE and not settings.https:
        said = f"listens on {settings.bind} without TLS: passwords and keys cross the network in the clear"
        return Finding("Reach", "danger", said, "Put a TLS proxy in front and set https = true and hosts.")
    if settings.https and not {host.strip("[]") for host in settings.hosts} - {*HERE}:
        said = "https is set, but hosts names this machine alone: every other name is refused"
        return Finding("Reach", "wait", said, 'Name the host under which people come: hosts = ["node.example"]')
    return Finding("Reach", "ok", f"{settings.bind}:{settings.port}")


def _speaks() -> Finding:
    """In whose name it speaks to others; what is not set is taken by default, and stays."""
    from himaya.site.health import Finding

    settings = config()
    who = settings.organisation or "organisation not set, made of node_name"
    place = settings.jurisdiction or "jurisdiction not set"
    log = settings.log_origin or f"log named after {settings.hosts[0]}"
    return Finding("Speaks as", "ok", f"{who}; {place}; {log}")


def _open_door() -> Iterator[Finding]:
    """What is wrong with who comes in at ``/hma`` without a key."""
    from himaya.site.health import Finding

    settings = config()
    networks = settings.hma_open_to
    if not networks:
        return
    wide = [network for network in networks if not _is_near(network)]
    if wide:
        said = f"open without a key to {_told(wide)}, which is no private network"
        yield Finding(DOOR, "danger", said, "Name private networks alone in hma_open_to, or give the client a key.")
    elif settings.https:
        said = f"open without a key to {_told(networks)}: a proxy there that adds no X-Forwarded-For lets everybody in"
        yield Finding(DOOR, "wait", said, "Let the proxy add it (or refuse /hma), or give the client a key.")


def _is_near(network: IPv4Network | IPv6Network) -> bool:
    """Whether the whole of it is this machine or private. (What the library says of 0.0.0.0/0 differs by version.)"""
    return any(network.version == near.version and network.subnet_of(near) for near in NEAR)  # type: ignore[arg-type]


def _open_key() -> Iterator[Finding]:
    """Whether those have a key in whose name they come; that the door is in order, where it is."""
    from himaya.accounts.queries import key_by_name
    from himaya.site.health import Finding

    settings = config()
    networks = settings.hma_open_to
    if networks and key_by_name(settings.hma_open_as) is None:
        said = f"hma_open_as names no key that is valid: {settings.hma_open_as!r}"
        yield Finding(DOOR, "danger", said, "Make one with: himaya keys add NAME --scope screen, and name it there.")
    elif networks and not settings.https and all(map(_is_near, networks)):
        yield Finding(DOOR, "ok", f"open without a key to {_told(networks)}, in the name of {settings.hma_open_as!r}")


def _told(networks: Iterable[IPv4Network | IPv6Network]) -> str:
    return ", ".join(map(str, networks))


def _plugins() -> Finding:
    from himaya.core import registry
    from himaya.site.health import Finding

    try:
        kinds = ("signals", "schemes", "channels", "formats", "exchanges", "intakes", "filings")
        numbers = {kind: len(registry.plugins(kind)) for kind in kinds}
    except HimayaError as error:
        return Finding("Plug-ins", "danger", str(error), error.remedy.format(**error.facts))
    return Finding("Plug-ins", "ok", ", ".join(f"{n} {kind}" for kind, n in numbers.items()))


def _videos() -> Finding:
    from importlib.metadata import version
    from importlib.util import find_spec

    from himaya.site.health import Finding

    if find_spec("av") is None:
        remedy = "To compare videos by their looks too: pip install 'himaya[video]'"
        return Finding(
            "Videos", "wait", "screened by their digests alone: the library that decodes them is missing", remedy
        )
    return Finding("Videos", "ok", f"decoded by PyAV {version('av')}")


def _destinations() -> Iterator[Finding]:
    """Whoever can be asked without being sent anything. What is wrong with a route itself, ``health`` says."""
    from himaya.ledger import delivery
    from himaya.site.health import Finding

    for kind in delivery.KINDS:
        for route in delivery.routes(kind):
            what = f"Route {route.name}"
            try:
                channel, options = delivery.resolve(kind, route.name)
                said = channel.reach(options)
            except delivery.BadRoute:
                continue
            except HimayaError as error:
                yield Finding(what, "danger", str(error), error.remedy.format(**error.facts))
            else:
                if said:
                    yield Finding(what, "ok", said)


def _database() -> Iterator[Finding]:
    from himaya.site.cli.trouble import NotReady, TooNew
    from himaya.site.health import Finding, health, kernel_health, routes_health
    from himaya.site.reports_health import filing_routes_health

    try:
        start.refuse_half_restored()
        state = start.standing()
        if state == "empty":
            yield Finding("Database", "wait", "empty: nothing has been kept yet", "Run: himaya init")
            yield kernel_health()
            yield from routes_health()
            yield from filing_routes_health()
            return
        if state != "ready":
            raise TooNew if state == "newer" else NotReady
        yield from health(thorough=True)
        yield from _open_key()
    except Exception as error:
        trouble = _trouble(error)
        if trouble is None:
            raise
        yield Finding("Database", "danger", str(trouble), trouble.remedy.format(**trouble.facts))
