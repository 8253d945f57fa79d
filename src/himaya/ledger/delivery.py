"""Deliveries: documents on their way out, through channels, by the outbox.

A room that tells somebody outside calls :func:`queue` in the transaction of its own record. The rest follows: composed
and sent by the worker, exactly once where the channel can tell a repeat, otherwise at most once and *unknown* after a
crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from himaya.core import registry
from himaya.core.config import config
from himaya.core.documents import Document
from himaya.core.errors import HimayaError, UnknownPlugin
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.routes import Route
from himaya.ledger import outbox
from himaya.ledger.worker import AskAPerson, GiveUp, Handler, TryAgain, register

if TYPE_CHECKING:
    from himaya.core.ports import Channel, Message
    from himaya.ledger.models import Job


KINDS = ("report", "notice", "alarm")
"""What there are routes for."""


class BadRoute(HimayaError):
    """The {kind} route {route!r} cannot be used: {why}."""

    remedy = "Correct it under [[{kind}s]] in the configuration file; see `himaya doctor`."
    status = 500


def routes(kind: str) -> list[Route]:
    """The destinations that the operator set for ``report``, ``notice`` or ``alarm``."""
    return {"report": config().reports, "notice": config().notices, "alarm": config().alarms}[kind]


def resolve(kind: str, route_name: str) -> tuple[Channel, BaseModel]:
    """The channel of a route and its checked configuration.

    Raises:
        BadRoute: there is no such route or channel, or its options are wrong.
    """
    route = next((r for r in routes(kind) if r.name == route_name), None)
    if route is None:
        raise BadRoute(kind=kind, route=route_name, why="it is no longer configured")
    try:
        channel = registry.channel(route.channel)
        return channel, channel.Config(**_with_defaults(channel, route.options))
    except UnknownPlugin as error:
        raise BadRoute(kind=kind, route=route_name, why=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise BadRoute(kind=kind, route=route_name, why=why) from error


def _with_defaults(channel: Channel, options: dict[str, Any]) -> dict[str, Any]:
    """A directory that the operator did not name lies in the data directory."""
    if "directory" in channel.Config.model_fields:
        return {"directory": config().data / "outbox", **options}
    return options


def queue(document: Document, *, route: str, about: str) -> Job:
    """Queue ``document`` for ``route`` in the caller's transaction; the same document twice is one job.

    A route that cannot be used does not lose the document: its job fails where a person sees it, and can be sent again
    once the route is corrected.
    """
    return outbox.enqueue(
        DeliveryHandler.kind,
        lane=lane(document.kind, route),
        key=key(document.key, route),
        about=about,
        payload={"route": route, "document": document.as_json()},
    )


def lane(kind: str, route: str) -> str:
    """The lane of a route: what hinders one of its jobs hinders all; of a route that cannot be used, its own."""
    try:
        channel, options = resolve(kind, route)
        return channel.lane(options)[:200]
    except BadRoute:
        return f"{kind}:{route}"[:200]


def key(document_key: str, route: str) -> str:
    """The key of the job that brings a document over a route."""
    return f"{document_key}:{route}"[:120]


class DeliveryHandler(Handler):
    """Composes a document and hands it to its channel."""

    kind = "deliver"

    def _channel(self, job: outbox.Claimed) -> tuple[Channel, BaseModel]:
        return resolve(job.payload["document"]["kind"], job.payload["route"])

    def _message(self, job: outbox.Claimed, channel: Channel) -> Message:
        return channel.compose(Document.from_json(job.payload["document"]))

    def needs_intent(self, job: outbox.Claimed) -> bool:
        """A channel that cannot tell a repeat gets its attempt written down first."""
        try:
            return not self._channel(job)[0].repeatable
        except BadRoute:
            return False

    def may_have_happened(self, job: outbox.Claimed) -> bool:
        """Only an attempt over such a channel leaves a doubt."""
        return True

    def act(self, job: outbox.Claimed) -> dict[str, Any]:
        """Compose and send.

        Raises:
            TryAgain, GiveUp, AskAPerson: by what the channel said.
        """
        try:
            channel, options = self._channel(job)
            receipt = channel.send(self._message(job, channel), options)
        except NotSent as error:
            raise (GiveUp if error.permanent else TryAgain)(str(error)) from error
        except MaybeSent as error:
            raise (TryAgain if channel.repeatable else AskAPerson)(str(error)) from error
        except BadRoute as error:
            raise GiveUp(" ".join(error.diagnostics().splitlines())) from error
        return {"reference": receipt.reference, "detail": receipt.detail}


register(DeliveryHandler())
