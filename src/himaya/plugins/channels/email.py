"""Sends mail through an SMTP server: see :mod:`himaya.core.mailing`."""

from __future__ import annotations

import json
from datetime import datetime
from email.message import EmailMessage
from typing import ClassVar, Literal, cast

from pydantic import BaseModel

from himaya.core import compose, mailing
from himaya.core.documents import Document
from himaya.core.ports import Channel, Message, Receipt
from himaya.core.words import N_


class Config(mailing.MailServer):
    """The server, and who writes to whom."""


class Email(Channel):
    """One mail a message: the text, and the JSON attached. ``Message-ID`` and date are fixed by the document."""

    name: ClassVar[str] = "email"
    label: ClassVar[str] = N_("E-mail")
    audience: ClassVar[frozenset[Literal["authority", "host"]]] = frozenset({"authority", "host"})
    repeatable: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        """The server: what hinders one mail there hinders all."""
        config = cast("Config", config)
        return f"email:{config.host}:{config.port}"

    def compose(self, document: Document) -> Message:
        """The wording of all channels."""
        return compose.message(document)

    def send(self, message: Message, config: BaseModel) -> Receipt:
        """Hand the mail to the server; the receipt is its answer."""
        config = cast("Config", config)
        mail = write(message, config)
        return Receipt(reference=str(mail["Message-ID"]), detail=mailing.deliver(mail, config))

    def reach(self, config: BaseModel) -> str:
        """Greet the server, seal the line and sign in as for a mail, then say goodbye."""
        return mailing.reach(cast("Config", config))


def write(message: Message, config: Config) -> EmailMessage:
    """The mail. The same message and configuration give the same bytes."""
    mail, token = EmailMessage(policy=mailing.POLICY), mailing.token(message.key)
    mail["From"] = config.sender
    mail["To"] = config.recipient
    mail["Subject"] = message.subject
    mail["Date"] = datetime.fromisoformat(json.loads(message.data)["made_at"])
    mail["Message-ID"] = mailing.message_id(message.key, config.sender)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    mail.set_content(message.text)
    mail.add_attachment(message.data.encode(), maintype="application", subtype="json", filename=f"{token}.json")
    mail.set_boundary(f"=_himaya_{token}"[:70])
    return mail


PLUGIN = Email()
