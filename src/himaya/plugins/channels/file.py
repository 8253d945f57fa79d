"""Lays messages down in a directory, from which another system or a person fetches them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from himaya.core import compose, files
from himaya.core.documents import Document
from himaya.core.ports import Channel, Message, NotSent, Receipt
from himaya.core.words import N_

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Config(BaseModel):
    """Where the files go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Path = Field(description="Directory for the files; made with owner-only rights where it is missing.")


class File(Channel):
    """Writes ``KEY.txt`` for people and ``KEY.json`` for machines, owner-only, whole or not at all.

    ``KEY.json`` is written last: once it is there, the message is complete.
    """

    name: ClassVar[str] = "file"
    label: ClassVar[str] = N_("Files in a directory")
    audience: ClassVar[frozenset[Literal["authority", "host"]]] = frozenset({"authority", "host"})
    repeatable: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        """The directory."""
        return f"file:{cast('Config', config).directory}"

    def compose(self, document: Document) -> Message:
        """The wording of all channels."""
        return compose.message(document)

    def send(self, message: Message, config: BaseModel) -> Receipt:
        """Write both files; one that is there already, with these very bytes, is left alone."""
        directory = cast("Config", config).directory
        if not _KEY.fullmatch(message.key):
            raise NotSent(why=f"the key {message.key[:80]!r} cannot be a file name", permanent=True)
        path = directory / f"{message.key}.json"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_once(directory / f"{message.key}.txt", message.text.encode())
            _write_once(path, message.data.encode())
        except OSError as error:
            raise NotSent(why=f"{path} cannot be written: {error.strerror or error}") from error
        return Receipt(reference=message.key, detail=str(path))


def _write_once(path: Path, content: bytes) -> None:
    if not path.exists():
        files.replace(path, (content,))
    elif path.read_bytes() != content:
        raise NotSent(why=f"{path} exists with another content", permanent=True)


PLUGIN = File()
