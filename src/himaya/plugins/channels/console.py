"""Tells whoever watches the terminal. For demonstration, tests and a first look."""

from __future__ import annotations

import logging
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from himaya.core import compose
from himaya.core.documents import Document
from himaya.core.ports import Channel, Message, Receipt
from himaya.core.words import N_

logger = logging.getLogger("himaya.console")


class Config(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Console(Channel):
    """Logs one line a message, to the logger ``himaya.console``: no place, no address, no fingerprint."""

    name: ClassVar[str] = "console"
    label: ClassVar[str] = N_("Console")
    audience: ClassVar[frozenset[Literal["authority", "host"]]] = frozenset({"authority", "host"})
    repeatable: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        """There is one console."""
        return "console"

    def compose(self, document: Document) -> Message:
        """The wording of all channels."""
        return compose.message(document)

    def send(self, message: Message, config: BaseModel) -> Receipt:
        """Log the subject and the key."""
        logger.info("%s (key %s)", message.subject, message.key)
        return Receipt(reference=message.key)


PLUGIN = Console()
