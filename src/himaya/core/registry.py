"""Finds the plug-ins: files of ``himaya/plugins/<kind>/`` and entry points of the group ``himaya.<kind>``.

A plug-in is the module attribute ``PLUGIN``, an instance of the port's class. A file whose name begins with an
underscore is not a plug-in; one whose ``PLUGIN`` is None has nothing to offer as this node is set up. Nothing that is
broken is passed over in silence.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import cast

from himaya.core.errors import DuplicatePlugin, HimayaError, UnknownPlugin
from himaya.core.exchange import Exchange
from himaya.core.filing import FilingChannel
from himaya.core.intake.offered import Intake
from himaya.core.ports import Channel, Format, Scheme, SignalType

PORTS: Mapping[str, type] = MappingProxyType(
    {
        "signals": SignalType,
        "schemes": Scheme,
        "channels": Channel,
        "formats": Format,
        "exchanges": Exchange,
        "intakes": Intake,
        "filings": FilingChannel,
    }
)
"""The class that a plug-in of each kind is an instance of."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class BrokenPlugin(HimayaError):
    """The plug-in {origin} cannot be used: {why}."""

    remedy = "Repair or uninstall the package that it comes from."
    status = 500


def signals() -> Mapping[str, SignalType]:
    """All signal types by name."""
    return cast("Mapping[str, SignalType]", plugins("signals"))


def is_exact(name: str) -> bool:
    """Whether values of the signal are equal or different, with nothing between; False where it is not installed."""
    known = signals().get(name)
    return known is not None and known.exact


def schemes() -> Mapping[str, Scheme]:
    """All classification schemes by name."""
    return cast("Mapping[str, Scheme]", plugins("schemes"))


def channels() -> Mapping[str, Channel]:
    """All channels by name."""
    return cast("Mapping[str, Channel]", plugins("channels"))


def formats() -> Mapping[str, Format]:
    """All list formats by name."""
    return cast("Mapping[str, Format]", plugins("formats"))


def exchanges() -> Mapping[str, Exchange]:
    """All connectors to sources of lists by name."""
    return cast("Mapping[str, Exchange]", plugins("exchanges"))


def intakes() -> Mapping[str, Intake]:
    """All forms in which evidence of others comes, by name."""
    return cast("Mapping[str, Intake]", plugins("intakes"))


def filings() -> Mapping[str, FilingChannel]:
    """All bodies that take reports in their own form, by name."""
    return cast("Mapping[str, FilingChannel]", plugins("filings"))


def signal(name: str) -> SignalType:
    """The signal type of that name, or :class:`UnknownPlugin`."""
    return cast("SignalType", _get("signals", name))


def scheme(name: str) -> Scheme:
    """The scheme of that name, or :class:`UnknownPlugin`."""
    return cast("Scheme", _get("schemes", name))


def channel(name: str) -> Channel:
    """The channel of that name, or :class:`UnknownPlugin`."""
    return cast("Channel", _get("channels", name))


def format_(name: str) -> Format:
    """The list format of that name, or :class:`UnknownPlugin`."""
    return cast("Format", _get("formats", name))


def exchange(name: str) -> Exchange:
    """The connector of that name, or :class:`UnknownPlugin`."""
    return cast("Exchange", _get("exchanges", name))


@cache
def plugins(kind: str) -> Mapping[str, object]:
    """All plug-ins of a kind, by name, in the order of their names. Looked for once.

    Raises:
        BrokenPlugin: one cannot be imported, or is not what it says.
        DuplicatePlugin: two have one name.
    """
    found: dict[str, object] = {}
    origins: dict[str, str] = {}
    for origin, plugin in (*_files(kind), *_installed(kind)):
        if plugin is None:
            continue
        name = _check(kind, origin, plugin)
        if name in found:
            raise DuplicatePlugin(kind=_singular(kind), name=name, first=origins[name], second=origin)
        found[name], origins[name] = plugin, origin
    return MappingProxyType(dict(sorted(found.items())))


def _get(kind: str, name: str) -> object:
    known = plugins(kind)
    if name not in known:
        raise UnknownPlugin(kind=_singular(kind), name=name, known=", ".join(known))
    return known[name]


def _files(kind: str) -> Iterator[tuple[str, object]]:
    package = importlib.import_module(f"himaya.plugins.{kind}")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name.rpartition(".")[2].startswith("_"):
            continue
        yield module.name, _load(module.name)


def _load(module: str) -> object:
    try:
        return importlib.import_module(module).PLUGIN
    except HimayaError:  # it says itself what an operator can do
        raise
    except Exception as error:
        raise BrokenPlugin(origin=module, why=_reason(error)) from error


def _installed(kind: str) -> Iterator[tuple[str, object]]:
    """Plug-ins of other packages. The entry point names the module, or the plug-in itself (``module:PLUGIN``)."""
    for point in entry_points(group=f"himaya.{kind}"):
        origin = f"{point.value} (entry point {point.name!r} of {point.dist.name if point.dist else 'a package'})"
        try:
            loaded = point.load()
            yield origin, loaded if point.attr else loaded.PLUGIN
        except Exception as error:
            raise BrokenPlugin(origin=origin, why=_reason(error)) from error


def _check(kind: str, origin: str, plugin: object) -> str:
    port = PORTS[kind]
    if not isinstance(plugin, port):
        raise BrokenPlugin(origin=origin, why=f"PLUGIN is not an instance of {port.__name__}")
    name = getattr(plugin, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BrokenPlugin(origin=origin, why=f"its name, {name!r}, is not of lower-case letters, digits and hyphens")
    return name


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _singular(kind: str) -> str:
    return kind.removesuffix("s")
