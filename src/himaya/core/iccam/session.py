"""A conversation with ICCAM: signing in, tokens that end, the client certificate."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from himaya.core import iccam
from himaya.core.errors import in_words
from himaya.core.outward import Client, Reply, trusted
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.submitting import look, refused, said_of, submit, told
from himaya.core.words import N_, Said

EARLY = timedelta(seconds=60)
"""Before its end a token is not used any more."""
NOT_YET = N_("ICCAM is still at work with the report; what follows on it is sent later")


class Config(BaseModel):
    """Where ICCAM is, as whom we sign in, and with which certificate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        min_length=1,
        max_length=300,
        title=N_("Address"),
        description=N_("Of the interface, as INHOPE names it: try its demonstration system first."),
    )
    username: str = Field(min_length=1, max_length=200, title=N_("User"), description=N_("Of the interface."))
    password: SecretStr = Field(title=N_("Password"), description=N_("Of that user."))
    country: str = Field(
        pattern=r"^[A-Z]{2}$", title=N_("Country"), description=N_("Of your hotline, as two capitals (NL).")
    )
    analyst: str = Field(
        "", max_length=200, title=N_("Analyst"), description=N_("Name that reports carry there; the user where empty.")
    )
    certificate: Path | None = Field(
        None, title=N_("Certificate"), description=N_("File with the client certificate that INHOPE gave out (PEM).")
    )
    certificate_key: Path | None = Field(
        None, title=N_("Key"), description=N_("File with its private key (PEM), where that is another one.")
    )
    certificate_password: SecretStr = Field(
        SecretStr(""), title=N_("Password of the key"), description=N_("Empty where the key has none.")
    )
    authorities: Path | None = Field(
        None, title=N_("Authorities"), description=N_("File with certificates that prove ICCAM, beside the system's.")
    )
    wait: float = Field(
        2.0, ge=0, le=60, title=N_("Pause"), description=N_("Seconds after signing in: ICCAM needs them.")
    )
    private: bool = Field(
        False, title=N_("Private network"), description=N_("Whether it may lie in a private network (for tests).")
    )


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: datetime


_tokens: dict[tuple[str, str, str], _Token] = {}
_lock = threading.Lock()


class Session:
    """Signs in when it first has to, with a token that others in this process have got, where one still holds.

    Args:
        config: where, and as whom.
        at: now.

    Raises:
        NotSent: the certificate cannot be used.
    """

    def __init__(self, config: Config, *, at: datetime) -> None:
        self._config, self._at, self._base = config, at, config.address.rstrip("/")
        self._client = Client(private=config.private, attempts=1, tls=_certified(config))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    # --- signing in

    def _headers(self) -> dict[str, str]:
        config, now = self._config, self._at
        whose = (config.address, config.username, config.password.get_secret_value())
        with _lock:
            token = _tokens.get(whose)
        if token is None or token.until <= now:
            token = self._signed_in()
            with _lock:
                _tokens[whose] = token
            time.sleep(config.wait)
        return {"Authorization": f"Bearer {token.text}", "Accept": "application/json"}

    def _forget(self) -> None:
        config = self._config
        with _lock:
            _tokens.pop((config.address, config.username, config.password.get_secret_value()), None)

    def _signed_in(self) -> _Token:
        who = {"username": self._config.username, "password": self._config.password.get_secret_value()}
        try:
            reply = submit(
                self._client,
                "POST",
                f"{self._base}/Authentication",
                headers={"Accept": "application/json"},
                content=who,
            )
        except MaybeSent as error:  # signing in files nothing
            raise NotSent(why=in_words(error)) from error
        answer = told(reply)
        token = answer.get("bearerToken") if isinstance(answer, Mapping) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise NotSent(why=N_("ICCAM answers to the login without a token"))
        seconds = answer.get("bearerTokenExpiresIn")
        lasts = timedelta(seconds=min(seconds, 86_400) if type(seconds) is int and seconds > 0 else 1800)
        return _Token(token, self._at + max(lasts - EARLY, timedelta(seconds=1)))

    # --- saying and looking

    def say(self, method: str, path: str, content: Any = None, params: Mapping[str, str] | None = None) -> Reply:
        """Change something; a token that has ended is renewed once: what was said with it was not done.

        Raises:
            NotSent, MaybeSent: as :func:`submit`.
        """

        def once() -> Reply:
            return submit(
                self._client, method, f"{self._base}/{path}", headers=self._headers(), content=content, params=params,
                expect=(200, 201, 204, 400, 401),
            )  # fmt: skip

        reply = once()
        if reply.status == 401:
            self._forget()
            reply = once()
        if reply.status < 400:
            return reply
        if reply.status == 400 and iccam.refuses_for_now(said_of(reply)):
            raise NotSent(why=NOT_YET)
        raise refused(reply)

    def look(self, path: str, expect: tuple[int, ...] = (200,), params: Mapping[str, str | int] | None = None) -> Reply:
        """Ask for something, signed in anew where the token has ended."""
        url = f"{self._base}/{path}"
        reply = look(self._client, url, headers=self._headers(), expect=(*expect, 401), params=params)
        if reply.status == 401:
            self._forget()
            reply = look(self._client, url, headers=self._headers(), expect=expect, params=params)
        return reply


def _certified(config: Config) -> ssl.SSLContext | None:
    """What ICCAM is proved by, and our certificate; None: nothing is set beyond the system's."""
    if not (config.certificate or config.authorities):
        return None
    context = trusted()
    try:
        if config.authorities:
            context.load_verify_locations(config.authorities)
        if config.certificate:
            password = config.certificate_password.get_secret_value()  # asked for at the terminal, were there none
            context.load_cert_chain(config.certificate, config.certificate_key, password)
    except (OSError, ssl.SSLError) as error:
        why = Said("the certificate for ICCAM cannot be used: {why}", why=error.strerror or str(error))
        raise NotSent(why=why, permanent=True) from error
    return context
