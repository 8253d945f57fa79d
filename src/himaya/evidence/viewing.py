"""Looking at what is kept, on the page of a grant that holds: never unasked, never without the name of who looks.

The first press shows it small, grey and blurred, a second one as it is. *Both are one reading of the grant*: the first
press counts it, and puts it on record, before a byte is opened; the second one belongs to it, is on the ledger as well,
and there is one. Whoever has seen enough after the first has read it all the same, and a file that turns out to be
none that can be decoded was read, too: it was opened. Another look, or a bundle, is another reading.

The file is decoded in a child in a sandbox, of which nothing but a number of pixels comes back. Into these pixels this
process writes who looks, by which grant and when, and makes a PNG of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from django.db import transaction

from himaya.core import clock, faults, watermark
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.evidence.granting import NoAccess, count_reading, forget_used, why_not
from himaya.evidence.guarded.bringing import exhibit_keys
from himaya.evidence.models import Access, Look
from himaya.evidence.reading import unsafe_content
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.core.watermark import Pixels
    from himaya.evidence.models import Exhibit

MOST = 64 * 2**20
"""Bytes of a file that is looked at here: it is in memory, and nowhere else, while it is decoded."""
SMALL, CELLS = 320, 20
"""Of what is shown first: pixels of its longer side, and patches of grey along it."""
Decodes = Callable[[int], "Pixels"]
_decodes: list[Decodes] = []


class Watch(Protocol):
    """Who looks after those who look."""

    def __call__(self, about: str, *, person: Person, plain: bool, urgent: bool) -> None:
        """Hear of a look."""


_watches: list[Watch] = []


class NoStill(HimayaError):
    """No picture can be made of it: {why}."""

    status = 422


class NotLooked(HimayaError):
    """{exhibit} cannot be looked at here: {why}."""

    remedy = "Ask for access once more and take it out as a bundle."
    status = 422


def provides(decodes: Decodes) -> None:
    """Let ``decodes`` make a picture of an open file. Called when the room that decodes is loaded."""
    _decodes[:] = [decodes]


def watched_by(watch: Watch) -> None:
    """Let ``watch`` hear of each look before it happens, in its transaction; where it refuses, nothing was counted.
    It gets the case as the ledger names it, who looks, whether it is the second look, and whether it is urgent.
    """
    _watches[:] = [watch]


def can_be_shown(exhibit: Exhibit) -> bool:
    """Whether it may be something to look at, by what was said of it when it came; nothing of it is opened."""
    top = exhibit.media_type.partition("/")[0]
    return exhibit.blob.size <= MOST and top in ("image", "video", "") and bool(_decodes)


def look_at(exhibit: Exhibit, *, access: int, person: Person) -> bytes:
    """The first look: small, grey, blurred. It counts as the reading of it. A PNG.

    Raises:
        NoAccess, PartsMissing: as :func:`himaya.evidence.granting.read_exhibit`; nothing was counted.
        NotLooked: it cannot be decoded, which shows when it was opened; or is too large, which shows before.
        ExhibitEnded, SealBroken, …: as :func:`himaya.evidence.reading.unsafe_content`.
    """
    _check_size(exhibit)
    key = _begin(exhibit, access, person)
    faults.point("evidence.looked")
    pixels = _picture(exhibit, key)
    return _shown(watermark.blurred(pixels, side=SMALL, cells=CELLS), access, person)


def show_plain(exhibit: Exhibit, *, access: int, person: Person) -> bytes:
    """The second look: as it is, once, while the grant holds. A PNG.

    Raises:
        NoAccess: there was no first look, or a second one already, or the grant does not hold any more.
        PartsMissing, NotLooked, ExhibitEnded, …: as :func:`look_at`.
    """
    key = _go_on(exhibit, access, person)
    return _shown(_picture(exhibit, key), access, person)


@transaction.atomic
def _begin(exhibit: Exhibit, access: int, person: Person) -> bytes | None:
    found = Access.objects.select_related("asked_by", "decided_by").filter(pk=access).first()
    if why := why_not(found, [exhibit], person):
        raise NoAccess(exhibit=exhibit.reference, why=why)
    assert found is not None
    for watch in _watches:
        watch(exhibit.case, person=person, plain=False, urgent=found.urgent)
    _, first = Look.objects.get_or_create(access=found, exhibit=exhibit, defaults={"at": clock.now()})
    if not first:
        raise NoAccess(exhibit=exhibit.reference, why=N_("it was looked at already by this grant"))
    return count_reading(exhibit, access=access, person=person, act="analyse", how="it was looked at here")


@transaction.atomic
def _go_on(exhibit: Exhibit, access: int, person: Person) -> bytes | None:
    found = Access.objects.select_for_update(of=("self",)).filter(pk=access).first()
    if why := why_not(found, [exhibit], person):
        raise NoAccess(exhibit=exhibit.reference, why=why)
    assert found is not None
    looks = Look.objects.filter(access=found, exhibit=exhibit)
    if not looks.exists():
        raise NoAccess(exhibit=exhibit.reference, why=N_("look at it small and grey first"))
    if not looks.filter(cleared_at=None).update(cleared_at=clock.now()):
        raise NoAccess(exhibit=exhibit.reference, why=N_("it was shown as it is already by this grant"))
    for watch in _watches:
        watch(exhibit.case, person=person, plain=True, urgent=found.urgent)
    key = exhibit_keys([exhibit], about=found.about).get(exhibit.uuid)
    record("evidence.shown", by=person.actor, about=exhibit.about, access=found.pk)
    forget_used(found)
    return key


def looks(access: Access) -> dict[int, bool]:
    """What was looked at by a grant: number of the exhibit → whether it was shown as it is."""
    rows = Look.objects.filter(access=access).values_list("exhibit", "cleared_at")
    return {number: at is not None for number, at in rows}


def _check_size(exhibit: Exhibit) -> None:
    if exhibit.blob.size > MOST:
        raise NotLooked(exhibit=exhibit.reference, why=Said("it has more than {n} MiB", n=MOST // 2**20))
    if not _decodes:
        raise NotLooked(exhibit=exhibit.reference, why=N_("nothing is decoded by this process"))


def _picture(exhibit: Exhibit, key: bytes | None) -> Pixels:
    """Decode it: its bytes stand in memory that has no name, and that the decoder alone is handed."""
    descriptor = os.memfd_create("exhibit", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as to:
            for part in unsafe_content(exhibit, key=key):
                to.write(part)
        reading = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _decodes[0](reading)
        finally:
            os.close(reading)
    except NoStill as error:
        raise NotLooked(exhibit=exhibit.reference, why=error.facts["why"]) from None
    finally:
        os.close(descriptor)


def _shown(pixels: Pixels, access: int, person: Person) -> bytes:
    text = f"{person.username} access {access} {clock.now():%Y-%m-%d %H:%M} UTC"
    return watermark.png(watermark.marked(pixels, text))
