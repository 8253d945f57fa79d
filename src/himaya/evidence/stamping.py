"""Time stamps (RFC 3161): somebody else says when an exhibit was here, and how far the ledger was on a day.

What is stamped of an exhibit is the first line of its custody: its own digest would tell the authority which of the
known files it is. Nothing waits for a stamp; where an authority cannot be reached, it is asked again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, Max, OuterRef

from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.outward import Client
from himaya.core.vault.timestamps import NotAuthorities, authorities, stamp
from himaya.core.words import N_
from himaya.evidence.batches import batches
from himaya.evidence.models import Exhibit, Step, TimeStamp
from himaya.ledger import turns
from himaya.ledger.queries import entries, head
from himaya.ledger.services import SYSTEM, record

TURN, EVERY = "evidence.stamped", 60.0
FAILED_TURN, PATIENCE = "evidence.not-stamped", 600.0
"""Seconds between two looks; after an authority failed, before it is asked again."""
ALL_TURN, DAY = "evidence.all-stamped", 86400.0
"""Seconds between two looks at all exhibits, and not only at those behind the last one that is stamped."""
AT_ONCE, MARGIN = 20, 1000
log = logging.getLogger("himaya.evidence")


class Wanted(NamedTuple):
    """Something to be stamped."""

    about: str
    digest: bytes
    exhibit: Exhibit | None
    entry: int = 0
    """Of the ledger: its last entry."""


def stamp_due() -> bool:
    """Have some of what is new stamped; whether there may be more. Called beside the worker."""
    if not config().timestamp_url or not turns.is_due(TURN, every=EVERY):
        return False
    if not turns.is_due(FAILED_TURN, every=PATIENCE):
        return False
    wanted = list(_wanted())[:AT_ONCE]
    for number, one in enumerate(wanted):
        try:
            _stamp(one)
        except HimayaError as error:
            log.warning("no time stamp of %s: %s", one.about, error)
            turns.note(FAILED_TURN)
            return number > 0
    if not wanted:
        turns.note(TURN)
    return bool(wanted)


def _wanted() -> Iterator[Wanted]:
    day = f"ledger:{clock.now():%Y-%m-%d}"
    if not TimeStamp.objects.filter(about=day).exists():
        entry, digest = head()
        yield Wanted(day, bytes.fromhex(digest), None, entry)
    stamped = TimeStamp.objects.filter(exhibit=OuterRef("exhibit"))
    first = Step.objects.filter(~Exists(stamped), number=0).select_related("exhibit").order_by("pk")
    if turns.is_due(ALL_TURN, every=DAY):  # who came out of the row, as its transaction took long, is found once a day
        turns.note(ALL_TURN)
    else:
        first = first.filter(exhibit__gt=(TimeStamp.objects.aggregate(last=Max("exhibit"))["last"] or 0) - MARGIN)
    for step in first[:AT_ONCE]:
        yield Wanted(step.exhibit.about, hashlib.sha256(bytes(step.line)).digest(), step.exhibit)


def _stamp(one: Wanted) -> None:
    """Asked outside a transaction; a stamp that is lost in a crash is asked for again.

    The ledger commits to the token: the stamps of later days prove it too, once the certificate of who signed it ended.
    """
    address = config().timestamp_url
    private, url = address.startswith("private:"), address.removeprefix("private:")
    with Client(private=private, plain=True, attempts=1, total=30) as client:
        made = stamp(client, url, digest=one.digest, trusted=authorities(_pem()))
    with transaction.atomic():
        row, new = TimeStamp.objects.get_or_create(
            about=one.about,
            defaults={
                "exhibit": one.exhibit, "digest": one.digest, "reply": made.reply, "at": made.at, "by": made.by[:300],
                "until": made.until,
            },
        )  # fmt: skip
        if new:
            facts: dict[str, Any] = {
                "at": row.at.isoformat(timespec="seconds"),
                "token": hashlib.sha256(made.reply).hexdigest(),
            }
            facts |= {"entry": one.entry} if one.entry else {}
            record("evidence.stamped", by=SYSTEM, about=one.about, **facts)


def _pem() -> bytes:
    """What the operator trusts.

    Raises:
        NotAuthorities: there is no such file, or nothing is named.
    """
    try:
        return Path(config().timestamp_roots).expanduser().read_bytes()
    except OSError:
        raise NotAuthorities(why=N_("the file that timestamp_roots names cannot be read")) from None


def roots() -> tuple[bytes, ...]:
    """The certificates by which stamps are proved, for a bundle; none where none are named, or they cannot be read."""
    why = roots_missing()
    if why is not None:
        log.warning("a bundle goes out without the certificates that prove its time stamps: %s", why)
    return (_pem(),) if config().timestamp_roots and why is None else ()


def roots_missing() -> NotAuthorities | None:
    """Why stamps cannot be proved with what ``timestamp_roots`` names; None where they can, or nothing is named."""
    try:
        authorities(_pem() if config().timestamp_roots else b"")
    except NotAuthorities as error:
        return error if config().timestamp_roots or config().timestamp_url else None
    return None


def last_stamp() -> TimeStamp | None:
    """The newest one; one of the ledger is had every day."""
    return TimeStamp.objects.order_by("-at", "-pk").first()


def ledger_stamps() -> Iterator[tuple[TimeStamp, bytes | None]]:
    """The stamps of the ledger, in the order of their days, each with the line it stamps; None: no entry is it now."""
    for one in TimeStamp.objects.filter(exhibit=None).order_by("pk").iterator(100):
        entry = entries().filter(digest=bytes(one.digest).hex()).first()
        yield one, entry.link().line() if entry else None


def stamped(exhibit: Exhibit) -> list[TimeStamp]:
    """The stamps of an exhibit."""
    return list(TimeStamp.objects.filter(exhibit=exhibit).order_by("pk"))


def stamps_of(exhibits: Sequence[Exhibit]) -> dict[int, tuple[bytes, ...]]:
    """The stamps of some exhibits, as they came, by the exhibits' numbers."""
    found: dict[int, tuple[bytes, ...]] = {one.pk: () for one in exhibits}
    for some in batches(exhibits):
        rows = TimeStamp.objects.filter(exhibit__in=some).order_by("pk")
        for exhibit, reply in rows.values_list("exhibit", "reply"):
            found[exhibit] += (bytes(reply),)
    return found
