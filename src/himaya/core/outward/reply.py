"""What somebody answered."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from himaya.core import objects
from himaya.core.exchange import SourceTrouble
from himaya.core.objects import Found
from himaya.core.ports import BadListFile, Refusal
from himaya.core.words import N_, Said


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
        """The content as JSON: one thing of a size that is kept in memory (:data:`himaya.core.objects.MAX_WEIGHT`).

        Raises:
            SourceTrouble: it is none, or larger.
        """
        if len(self.content) > objects.MAX_WEIGHT:
            raise SourceTrouble(why=Said("its answer is larger than {n} bytes", n=objects.MAX_WEIGHT), permanent=True)
        (found,) = self.parts({(): None})
        if isinstance(found, Refusal):
            raise SourceTrouble(why=N_("its answer is made of too many values"), permanent=True)
        return found.value

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
