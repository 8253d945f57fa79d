"""A channel over HTTP, as another package would bring it: the other side tells a repeat by its ``Idempotency-Key``."""

from __future__ import annotations

import http.client
from typing import ClassVar, Literal, cast

from pydantic import BaseModel

from himaya.core import compose
from himaya.core.documents import Document
from himaya.core.ports import Channel, MaybeSent, Message, NotSent, Receipt


class Config(BaseModel):
    port: int
    lane: str = "post"


class Post(Channel):
    name: ClassVar[str] = "post"
    label: ClassVar[str] = "HTTP with an idempotency key"
    audience: ClassVar[frozenset[Literal["authority", "host"]]] = frozenset({"authority"})
    repeatable: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        return cast("Config", config).lane

    def compose(self, document: Document) -> Message:
        return compose.message(document)

    def send(self, message: Message, config: BaseModel) -> Receipt:
        config = cast("Config", config)
        key = f"{message.key}:{config.lane}"
        line = http.client.HTTPConnection("127.0.0.1", config.port, timeout=5)
        try:
            line.connect()
        except OSError as error:
            raise NotSent(why=str(error)) from error
        try:
            line.request("POST", "/", message.data, {"Idempotency-Key": key})
            return Receipt(line.getresponse().read().decode())
        except (OSError, http.client.HTTPException) as error:
            raise MaybeSent(why=f"no answer: {error}") from error
        finally:
            line.close()


PLUGIN = Post()
