"""What somebody answered."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from himaya.core import objects
from himaya.core.exchange import SourceTrouble
from himaya.core.objects import Found
from himaya.core.ports import BadListFile, Refusal
from himaya.core.words import Said


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: ``status``, ``headers`` (looked up in any case), ``content`` (unpacked)."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def text(self) -> str:
        """The content as UTF-8; what is not is replaced."""
        return self.content.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        """The content as JSON.

        Raises:
            SourceTrouble: it is none.
        """
        try:
            return json.loads(self.content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise SourceTrouble(why=Said("its answer is not JSON: {why}", why=str(error)[:200])) from None

    def parts(self, wanted: objects.Wanted) -> Iterator[Found | Refusal]:
        """What stands in the wanted places of the content, which is JSON: as :func:`himaya.core.objects.read`.

        In memory there is the answer as it came and what is taken of it, however many small values it is made of.

        Raises:
            SourceTrouble: it is not JSON.
        """
        try:
            yield from objects.read(io.BytesIO(self.content), wanted, format="JSON")
        except BadListFile as error:
            why = Said("its answer cannot be read: {why}", why=error.facts["why"])
            raise SourceTrouble(why=why) from None
