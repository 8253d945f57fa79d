"""What goes with a report: the exhibits of its case, read out of their seals, each reading in their custody."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

from django.db import transaction

from himaya.core.errors import HimayaError
from himaya.core.filing import DraftFile
from himaya.core.ports import NotSent
from himaya.core.words import Said
from himaya.evidence.custody import add_step
from himaya.evidence.queries import exhibit, exhibits
from himaya.evidence.reading import unsafe_content
from himaya.evidence.states import DESTROYED, STANDARD
from himaya.ledger.services import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from himaya.reporting.models import Filing

PREFIX = "exhibit-"
OF_OTHERS = ("demand", "received")
"""Occasions on which something is kept that is not, by itself, part of what is reported."""


def kept_of(about: str) -> tuple[DraftFile, ...]:
    """What is kept of a case. What custodians guard is told of, and never sent; what came from others, or is kept for
    an authority, goes only where a person says so.
    """
    found = exhibits(case=about).exclude(state=DESTROYED).select_related("blob")
    return tuple(
        DraftFile(
            key=f"{PREFIX}{one.pk}",
            sha256=one.digests["sha256"],
            size=one.blob.size,
            media_type=one.media_type,
            values={},
            sent=one.kept_class == STANDARD and one.occasion not in OF_OTHERS,
        )
        for one in found
    )


def may_go(about: str) -> set[str]:
    """Keys of what a person may let go with a report: what is kept of a case, and no custodian guards."""
    kept = exhibits(case=about).exclude(state=DESTROYED).filter(kept_class=STANDARD)
    return {f"{PREFIX}{pk}" for pk in kept.values_list("pk", flat=True)}


class ExhibitFiles:
    """The bytes of the files of one filing."""

    def __init__(self, filing: Filing, *, to: str) -> None:
        self._filing, self._to = filing, to

    def open(self, key: str) -> BinaryIO:
        """The bytes of a file, verified part by part; that they are read stands in the custody before the first one.

        Raises:
            NotSent: it is no file of the filing that is sent, or it does not open any more.
        """
        if key not in {one["key"] for one in self._filing.files if one["sent"]}:
            raise NotSent(why=Said("{key} is no file that goes with it", key=key), permanent=True)
        number = int(key.removeprefix(PREFIX))
        try:
            one = exhibit(number)
            facts = {"report": self._filing.reference, "to": self._to}
            with transaction.atomic():
                add_step(one, act="export", by=self._filing.queued_by, facts=facts)
                record(
                    "evidence.reported", by=self._filing.queued_by, about=one.about, filing=self._filing.pk,
                    route=self._filing.route,
                )  # fmt: skip
            return cast("BinaryIO", io.BufferedReader(_Parts(unsafe_content(one)), 1024 * 1024))
        except HimayaError as error:
            raise NotSent(why=str(error), permanent=True) from error


class _Parts(io.RawIOBase):
    """Parts as a file that is read from its beginning to its end."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._rest:
            try:
                self._rest = next(self._parts)
            except StopIteration:
                return 0
            except HimayaError as error:
                raise OSError(str(error)) from error
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n
