"""Where drafts go: the routes that the operator set under ``[[filings]]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from himaya.core import registry
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said

if TYPE_CHECKING:
    from himaya.core.filing import FilingChannel
    from himaya.core.routes import FilingRoute


class BadFilingRoute(HimayaError):
    """The route {route!r} for reports in a form cannot be used: {why}."""

    remedy = "Correct it under [[filings]] in the configuration file; see `himaya doctor`."
    status = 500


def routes() -> list[FilingRoute]:
    """The routes, in the operator's order."""
    return config().filings


def find_route(name: str) -> FilingRoute:
    """The route of that name.

    Raises:
        BadFilingRoute: it is not configured any more.
    """
    found = next((one for one in routes() if one.name == name), None)
    if found is None:
        raise BadFilingRoute(route=name, why=N_("it is no longer configured"))
    return found


def resolve(name: str) -> tuple[FilingChannel, BaseModel]:
    """The channel of a route and its checked configuration. A directory that is not named lies in the data directory.

    Raises:
        BadFilingRoute: there is no such route or channel, or its options are wrong.
    """
    route = find_route(name)
    channel = registry.filings().get(route.channel)
    if channel is None:
        known = ", ".join(registry.filings())
        raise BadFilingRoute(
            route=name, why=Said("there is no channel {name!r}; there are: {known}", name=route.channel, known=known)
        )
    options = dict(route.options)
    if "directory" in channel.Config.model_fields:
        options = {"directory": config().data / "filings" / name, **options}
    try:
        return channel, channel.Config(**options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadFilingRoute(route=name, why=f"{where}: {first['msg']}") from error


def lane(name: str) -> str:
    """What hinders one of its reports hinders all of a lane; of a route that cannot be used, its own."""
    try:
        channel, options = resolve(name)
        return f"filing:{channel.lane(options)}"[:200]
    except BadFilingRoute:
        return f"filing-route:{name}"[:200]
