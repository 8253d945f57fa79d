"""Mail, handed to an SMTP server (RFC 5321), once.

The moment that counts is the line with a single dot that ends the message: before it the server has accepted nothing,
and failing is safe to repeat; after it, without an answer, nobody knows.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_address
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from himaya.core import faults
from himaya.core.ports import MaybeSent, NotSent, OutOfReach
from himaya.core.words import N_, Said

ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"
"""What HTML calls a valid e-mail address (WHATWG, state of ``input type=email``)."""

POLICY = SMTP.clone(cte_type="7bit")
"""Every server takes seven bits."""
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


class MailServer(BaseModel):
    """The server, and who writes to whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1, max_length=253, description="Name of the SMTP server.")
    port: int = Field(587, ge=1, le=65535, description="587 with STARTTLS, 465 with TLS from the start.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is sealed; 'none' only for a server on this machine."
    )
    username: str = Field("", max_length=320, description="Empty where the server asks for none.")
    password: SecretStr = Field(SecretStr(""), description="Password of that user.")
    sender: str = Field(pattern=ADDRESS, max_length=254, description="Address that the mail comes from.")
    recipient: str = Field(pattern=ADDRESS, max_length=254, description="Address that the mail goes to.")
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


def deliver(mail: EmailMessage, config: MailServer) -> str:
    """Hand a mail to the server; its answer.

    Raises:
        NotSent: it certainly was not taken.
        MaybeSent: it was handed over, and no answer came that says whether it was taken.
    """
    with _connected(config) as server:
        _expect(server.mail(config.sender), 250)
        _expect(server.rcpt(config.recipient), 250, 251)
        _expect(server.docmd("DATA"), 354)
        server.send(_DOT.sub(b"..", mail.as_bytes(policy=POLICY)))
        faults.point("email.before-dot")
        reply = _finish(server)
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    return reply


def reach(config: MailServer) -> str:
    """Greet the server, seal the line and sign in as for a mail, then say goodbye; what answered.

    Raises:
        OutOfReach: with what is wrong and how to mend it.
    """
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


def token(key: str) -> str:
    """A key as part of a Message-ID and of a file's name; different keys give different ones."""
    return re.sub(r"[^A-Za-z0-9._-]", lambda found: f"={ord(found[0]):x}=", key)


def message_id(key: str, sender: str) -> str:
    """The Message-ID that every attempt to send the document of that key carries."""
    return f"<{token(key)}@{domain(sender)}>"


@contextmanager
def _connected(config: MailServer) -> Iterator[smtplib.SMTP]:
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


def _connect(config: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    here = domain(config.sender)  # smtplib would ask the name service who we are, and wait for it
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


def domain(address: str) -> str:
    """What stands behind the @."""
    return address.rpartition("@")[2]


def _finish(server: smtplib.SMTP) -> str:
    try:
        server.send(b".\r\n")
        code, reply = server.getreply()
    except (smtplib.SMTPException, OSError) as error:
        raise MaybeSent(why=Said("the server took the mail, but did not answer: {why}", why=_reason(error))) from error
    if 200 <= code < 300:
        return f"{code} {_text(reply)}"
    if 400 <= code < 600:
        raise _refused(code, reply)
    raise MaybeSent(why=N_("the server took the mail, but its answer could not be understood"))


def _expect(answer: tuple[int, bytes], *codes: int) -> None:
    code, reply = answer
    if code not in codes:
        raise _refused(code, reply)


def _refused(code: int, reply: bytes | str) -> NotSent:
    return NotSent(
        why=Said("the server answered {code} {words}", code=code, words=_text(reply)), permanent=500 <= code < 600
    )


def _told(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return getattr(error, "verify_message", "") or getattr(error, "strerror", "") or _reason(error)


def _text(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:200]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
