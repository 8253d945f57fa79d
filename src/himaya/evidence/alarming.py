"""An urgent reading is told at once, over the routes that the operator set for that (``[[alarms]]``).

Over a route of e-mail each lead who has an address is told, too. What is told is that it happened: number, time, node.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

from himaya.accounts.queries import leads_with_address
from himaya.core.config import config
from himaya.core.ports import Message
from himaya.evidence.models import Access
from himaya.ledger import delivery, outbox
from himaya.ledger.worker import register

if TYPE_CHECKING:
    from pydantic import BaseModel

    from himaya.core.ports import Channel

TEXT = """At {at} UTC a lead of {node} read exhibits at once, without having been granted it by anybody.
It is request {number}. Within a day another lead looks at it: in the console, Evidence, Access.
"""


def queue_alarms(access: int) -> int:
    """Queue what is told of an urgent reading, in the caller's transaction; how much. A second call changes nothing."""
    one = Access.objects.get(pk=access)
    found = [(route.name, to) for route in delivery.routes("alarm") for to in ("", *_leads(route.name))]
    for route, to in found:
        outbox.enqueue(
            AlarmHandler.kind,
            lane=delivery.lane("alarm", route),
            key=delivery.key(_key(access, to), route),
            about=one.about,
            payload={"route": route, "to": to, "access": access, "at": one.asked_at.isoformat()},
        )
    return len(found)


def _key(access: int, to: str) -> str:
    """Of a message: the same for every attempt."""
    return f"urgent-{access}-{sha256(to.encode()).hexdigest()[:12]}" if to else f"urgent-{access}"


def _leads(route: str) -> list[str]:
    """Their addresses, where the route is one to addresses; its own is told already."""
    try:
        __, options = delivery.resolve("alarm", route)
    except delivery.BadRoute:
        return []
    own = getattr(options, "recipient", None)
    return [] if own is None else [each for each in leads_with_address() if each != own]


class AlarmHandler(delivery.DeliveryHandler):
    """Tells one recipient of an urgent reading."""

    kind: ClassVar[str] = "alarm"

    def _channel(self, job: outbox.Claimed) -> tuple[Channel, BaseModel]:
        channel, options = delivery.resolve("alarm", job.payload["route"])
        to = job.payload["to"]
        return channel, options.model_copy(update={"recipient": to}) if to else options

    def _message(self, job: outbox.Claimed, channel: Channel) -> Message:
        node, number, at = config().node_name, job.payload["access"], job.payload["at"]
        return Message(
            key=_key(number, job.payload["to"]),
            subject=f"Urgent reading: request {number}",
            text=TEXT.format(at=at[:16].replace("T", " "), node=node, number=number),
            data=json.dumps({"made_at": at, "node": node, "request": number, "urgent": True}, indent=2) + "\n",
        )


register(AlarmHandler())
