"""Sends mail through an SMTP server (RFC 5321).

The moment that counts is the line with a single dot that ends the message: before it the server has accepted nothing,
and failing is safe to repeat; after it, without an answer, nobody knows.
"""

from __future__ import annotations

import json
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_address
from typing import ClassVar, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from himaya.core import compose, faults
from himaya.core.documents import Document
from himaya.core.ports import Channel, MaybeSent, Message, NotSent, OutOfReach, Receipt
from himaya.core.words import N_

_ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"
"""What HTML calls a valid e-mail address (WHATWG, state of ``input type=email``)."""

_POLICY = SMTP.clone(cte_type="7bit")  # every server takes seven bits
_DOT = re.compile(rb"^\.", re.MULTILINE)
_PATIENCE = 10.0
"""Seconds to wait for each answer while nothing is sent."""
_DOORS = "Check host, port and security: 587 goes with starttls, 465 with tls."
_TROUBLES: tuple[tuple[type[Exception], str, str], ...] = (
    (
        ssl.SSLCertVerificationError,
        "shows a certificate that does not hold: {error}",
        "Set host to the name that the certificate is for, or have the server's operator renew it.",
    ),
    (ssl.SSLError, "does not speak TLS there: {error}", _DOORS),
    (
        smtplib.SMTPAuthenticationError,
        "refuses user name and password: {error}",
        "Correct username and password in the options of the route.",
    ),
    (
        smtplib.SMTPNotSupportedError,
        "lacks what the route asks for: {error}",
        _DOORS + " A server that asks for no password gets no username.",
    ),
    (smtplib.SMTPServerDisconnected, "gives no answer: {error}", _DOORS),
    (smtplib.SMTPException, "refuses: {error}", "Ask the operator of the server to let this machine in."),
    (socket.gaierror, "is no name that can be found: {error}", "Correct host, or the name service of this machine."),
    (TimeoutError, "does not answer within {seconds:g} seconds", _DOORS + " A firewall may stand in between."),
    (OSError, "cannot be reached: {error}", _DOORS + " See that the server runs."),
)
"""What may go wrong on the way to the server, the narrower before the wider: trouble and remedy."""


class Config(BaseModel):
    """The server, and who writes to whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1, max_length=253, description="Name of the SMTP server.")
    port: int = Field(587, ge=1, le=65535, description="587 with STARTTLS, 465 with TLS from the start.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is sealed; 'none' only for a server on this machine."
    )
    username: str = Field("", max_length=320, description="Empty where the server asks for none.")
    password: SecretStr = Field(SecretStr(""), description="Password of that user.")
    sender: str = Field(pattern=_ADDRESS, max_length=254, description="Address that the mail comes from.")
    recipient: str = Field(pattern=_ADDRESS, max_length=254, description="Address that the mail goes to.")
    timeout: float = Field(30.0, gt=0, le=600, description="Seconds to wait for each answer of the server.")

    @model_validator(mode="after")
    def _sealed_beyond_this_machine(self) -> Self:
        if self.username and self.security == "none":
            raise ValueError("a password is never sent over a connection that is not sealed: set starttls or tls")
        if self.security == "none" and not _on_this_machine(self.host):
            raise ValueError("mail leaves this machine over a sealed connection alone: set security to starttls or tls")
        return self


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


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
        with _connected(config) as server:
            _expect(server.mail(config.sender), 250)
            _expect(server.rcpt(config.recipient), 250, 251)
            _expect(server.docmd("DATA"), 354)
            server.send(_DOT.sub(b"..", mail.as_bytes(policy=_POLICY)))
            faults.point("email.before-dot")
            reply = _finish(server)
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        return Receipt(reference=str(mail["Message-ID"]), detail=reply)

    def reach(self, config: BaseModel) -> str:
        """Greet the server, seal the line and sign in as for a mail, then say goodbye."""
        config = cast("Config", config)
        config = config.model_copy(update={"timeout": min(config.timeout, _PATIENCE)})
        where = f"{config.host}:{config.port}"
        try:
            with _connect(config) as server:
                server.noop()
        except OSError as error:  # smtplib's errors are of that kind, too
            trouble, mend = next(found[1:] for found in _TROUBLES if isinstance(error, found[0]))
            said = trouble.format(error=_told(error), seconds=config.timeout)
            raise OutOfReach(where=where, trouble=said.rstrip("."), mend=mend) from error
        return f"{where} answers" + (", user name and password are taken" if config.username else "")


def write(message: Message, config: Config) -> EmailMessage:
    """The mail. The same message and configuration give the same bytes."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = config.sender
    mail["To"] = config.recipient
    mail["Subject"] = message.subject
    mail["Date"] = datetime.fromisoformat(json.loads(message.data)["made_at"])
    token = re.sub(r"[^A-Za-z0-9._-]", lambda found: f"={ord(found[0]):x}=", message.key)
    mail["Message-ID"] = f"<{token}@{_domain(config.sender)}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    mail.set_content(message.text)
    mail.add_attachment(message.data.encode(), maintype="application", subtype="json", filename=f"{token}.json")
    mail.set_boundary(f"=_himaya_{token}"[:70])
    return mail


@contextmanager
def _connected(config: Config) -> Iterator[smtplib.SMTP]:
    """A session ready for ``MAIL``. Whatever fails inside before the final dot is :class:`NotSent`."""
    server: smtplib.SMTP | None = None
    try:
        server = _connect(config)
        yield server
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotSent(why=f"{config.host}: {error}", permanent=True) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(why=f"{config.host}:{config.port}: {_reason(error)}") from error
    finally:
        if server:
            server.close()


def _connect(config: Config) -> smtplib.SMTP:
    context = ssl.create_default_context()
    here = _domain(config.sender)  # smtplib would ask the name service who we are, and wait for it
    if config.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(config.host, config.port, here, timeout=config.timeout, context=context)
    else:
        server = smtplib.SMTP(config.host, config.port, here, timeout=config.timeout)
    try:
        if config.security == "starttls":
            server.starttls(context=context)
        server.ehlo_or_helo_if_needed()
        if config.username:
            server.login(config.username, config.password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _finish(server: smtplib.SMTP) -> str:
    try:
        server.send(b".\r\n")
        code, reply = server.getreply()
    except (smtplib.SMTPException, OSError) as error:
        raise MaybeSent(why=f"the server took the mail, but did not answer: {_reason(error)}") from error
    if 200 <= code < 300:
        return f"{code} {_text(reply)}"
    if 400 <= code < 600:
        raise _refused(code, reply)
    raise MaybeSent(why="the server took the mail, but its answer could not be understood")


def _expect(answer: tuple[int, bytes], *codes: int) -> None:
    code, reply = answer
    if code not in codes:
        raise _refused(code, reply)


def _refused(code: int, reply: bytes | str) -> NotSent:
    return NotSent(why=f"the server answered {code} {_text(reply)}", permanent=500 <= code < 600)


def _told(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return getattr(error, "verify_message", "") or getattr(error, "strerror", "") or _reason(error)


def _text(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:200]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


PLUGIN = Email()
