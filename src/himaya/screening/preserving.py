"""Keeping what is known: a hit is sealed as it arrives, where a rule with a legal basis says that it is kept.

It lies in the store before its case is opened, and case and exhibit commit together. What opens no case after all, as
it was put into quarantine meanwhile, is dropped with its key.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from django.db import transaction

import himaya
from himaya.core.errors import HimayaError
from himaya.core.files import open_unlinked
from himaya.core.words import printable
from himaya.evidence import rules, services
from himaya.evidence.demands import arriving
from himaya.evidence.reasons import LONGEST
from himaya.evidence.services import Acquired, Sealed
from himaya.screening.things import Content, File, Thing, Value

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.evidence.models import Exhibit
    from himaya.screening.services import Answer

OCCASION = "match"
LABEL = "content that matched a list"


class ContentChanged(HimayaError):
    """{place} changed while it was screened: what was read for keeping is not what matched."""

    remedy = "Screen it again."
    status = 409


def sealed(
    things: Mapping[int, Thing], digests: Mapping[int, str], media_types: Mapping[int, str]
) -> dict[int, Sealed]:
    """Seal each of them that has bytes; nothing where no rule says that it is kept: because it matched, or because a
    demand that was accepted asks for what comes from its place.

    Args:
        things: what calls for a case, by its number.
        digests: SHA-256 of what was screened, by its number.
        media_types: of what was screened, by its number.

    Raises:
        ContentChanged, StoreFull, StoreFailed: one could not be; what was sealed before it is dropped.
    """
    matching, demanded = (bool(things and rules.that_keep(name)) for name in (OCCASION, arriving.OCCASION))
    if not (matching or demanded):
        return {}
    done: dict[int, Sealed] = {}
    try:
        for number, thing in things.items():
            if isinstance(thing, Value) or not (matching or _is_demanded(thing, media_types[number])):
                continue
            with _stream(thing) as stream:
                done[number] = services.begin(stream, occasion=OCCASION if matching else arriving.OCCASION)
            if done[number].seal.digests["sha256"] != digests[number]:
                raise ContentChanged(place=printable(thing.place))
    except BaseException:
        for one in done.values():
            services.discard(one)
        raise
    return done


def _is_demanded(thing: Content | File, media_type: str) -> bool:
    """Whether a demand that was accepted asks for what is met there."""
    offered = arriving.Offered(case="", origin=printable(thing.place)[:LONGEST], media_type=media_type)
    return next(arriving.asking_for(offered), None) is not None


@contextmanager
def _stream(thing: Content | File) -> Iterator[BinaryIO]:
    if isinstance(thing, Content):
        yield io.BytesIO(thing.content)
    else:
        with os.fdopen(open_unlinked(thing.path, os.O_RDONLY), "rb") as file:
            yield file


def lock(every: Mapping[int, Sealed]) -> None:
    """Take what :func:`kept` needs, first in the caller's transaction."""
    if every:
        services.lock(every.values())


def kept(
    every: Mapping[int, Sealed], answers: Sequence[Answer], *, by: str, occasion: str, at: datetime
) -> dict[int, Exhibit]:
    """Make exhibits of what opened or joined a case, in the caller's transaction; drop the rest when that commits."""
    found = {}
    for number, one in every.items():
        case = answers[number].case
        if case is None:
            transaction.on_commit(partial(services.discard, one))
            continue
        told = hashlib.sha256(f"{occasion} {number} {answers[number].place}".encode("utf-8", "replace")).hexdigest()
        acquired = Acquired(
            label=LABEL, occasion=one.occasion, once=f"match:{told}", how="screened",
            tool=f"himaya {himaya.__version__}", by=by, case=case.about, origin=answers[number].place,
            media_type=answers[number].media_type, at=at,
        )  # fmt: skip
        found[number] = services.keep(one, acquired=acquired)
    return found
