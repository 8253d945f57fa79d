"""Bringing parts of keys: each custodian takes theirs, opens them alone, and brings them for one purpose.

Of each exhibit two parts are needed, of two custodians, neither of them the person who asked. Until then nothing opens
it, and the node cannot. What was brought is sealed with the key of the exhibit's epoch, and forgotten as soon as the
purpose is served or over.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.vault import shares
from himaya.core.vault.epochs import EpochDestroyed, EpochLost
from himaya.core.vault.shares import NotShare, Share
from himaya.core.words import N_, Said
from himaya.evidence.batches import batches
from himaya.evidence.guarded import renewing
from himaya.evidence.guarded.custodians import MAY, THRESHOLD, acts
from himaya.evidence.guarded.gatherings import Gathering, UnknownGathering, gathering, gathering_for
from himaya.evidence.guarded.models import Brought, Custodian, Part
from himaya.evidence.guarded.parts import open_part, opens, seal_part
from himaya.evidence.keys import epoch_keys, epoch_name, key_of, lock_epochs
from himaya.evidence.models import Epoch, Exhibit
from himaya.evidence.states import GUARDED
from himaya.ledger import turns
from himaya.ledger.services import record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from himaya.accounts.models import Person

LINES, LONGEST = 100, 200_000
"""Parts that are brought at once, and characters of all of them."""
EVERY, TURN = 60.0, "evidence.parts-forgotten"
_NO_PART = N_("none of its parts is yours, or you are no custodian now")


class PartsMissing(HimayaError):
    """{exhibit} is guarded: {found} of {needed} custodians have brought their parts."""

    remedy = "Two custodians, neither of them who asked, bring their parts first: Evidence, Custodians."
    status = 409


class PartRefused(HimayaError):
    """Line {line} cannot be taken, and nothing was: {why}."""

    status = 422


class NothingBrought(HimayaError):
    """Nothing can be brought for {about}: {why}."""

    status = 409


@dataclass(frozen=True, slots=True)
class Gathered:
    """Of one exhibit: who has brought a part that counts."""

    exhibit: Exhibit
    by: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether it opens."""
        return len(self.by) >= THRESHOLD


@transaction.atomic
def parts_file(about: str, *, person: Person, by: str = "") -> tuple[str, bytes]:
    """A custodian's own parts of all exhibits of something, each encrypted to them: name and content of one file.

    Of one exhibit it is what ``age -d`` opens; of several a ZIP of such files. The ledger says that they
    were taken, for whom, and by whom: ``by``, or the custodian.

    Raises:
        UnknownGathering, NothingBrought: there is no such thing, or no part in it is theirs.
    """
    found = gathering_for(person, about)
    mine = Part.objects.filter(
        acts("custodian__"), deal__exhibit__in=found.exhibits, custodian__person=person
    ).select_related("deal__exhibit")
    files = [(f"{one.deal.exhibit.reference}.age", bytes(one.file)) for one in mine.order_by("deal__exhibit")]
    if not files:
        raise NothingBrought(about=about, why=_NO_PART)
    exhibits = sorted(one.deal.exhibit_id for one in mine)
    record("evidence.parts-taken", by=by or person.actor, about=about, custodian=person.actor, exhibits=exhibits)
    if len(files) == 1:
        return files[0]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)
    return f"parts-{about.replace(':', '-')}.zip", packed.getvalue()


@transaction.atomic
def bring_parts(about: str, *, text: str, by: str, person: Person | None = None) -> list[Gathered]:
    """Bring parts, one a line, all or none of them.

    Args:
        about: for what: ``access:12``, ``answer:3`` or ``renewal:1``.
        text: the parts, as ``age -d`` gives them.
        by: who brings them, for the ledger.
        person: whose they have to be; None: whoever's they are, which each of them says by itself.

    Returns:
        How it stands now, exhibit by exhibit.

    Raises:
        UnknownGathering, NothingBrought: it is nothing for which parts are brought now.
        PartRefused: a line is no part, or one that does not count here.
    """
    lines = [line.strip() for line in text[: LONGEST + 1].splitlines() if line.strip()]
    if not lines or len(lines) > LINES or len(text) > LONGEST:
        raise NothingBrought(about=about, why=Said("there are to be 1 to {n} parts, one a line", n=LINES))
    if person is not None:
        gathering_for(person, about)
    found = _locked(about)
    if found.closed:
        raise NothingBrought(about=about, why=found.closed)
    numbers = []
    for number, line in enumerate(lines, 1):
        try:
            numbers.append(_taken(found, line, person))
        except (NotShare, _Refused) as error:
            why = error.said() if isinstance(error, NotShare) else str(error)
            raise PartRefused(line=number, why=why) from None
    faults.point("evidence.part-brought")
    record("evidence.parts-brought", by=by, about=about, exhibits=sorted(numbers))
    if about.startswith("renewal:"):
        renewing.deal_anew(about, ready=_ready(found), by=by)
    return standing(found)


def _locked(about: str) -> Gathering:
    """What it is, locked after the epochs of its exhibits: nothing of it moves to another key while parts come."""
    had: set[int] = set()
    while fresh := {one.epoch_id for one in gathering(about).exhibits} - had:
        lock_epochs(Epoch.objects.filter(pk__in=fresh))
        had |= fresh
    found = gathering(about, lock=True)
    if about.startswith("renewal:"):  # before the ledger's head, as everybody does
        list(Exhibit.objects.select_for_update().filter(pk__in=[one.pk for one in found.exhibits]).order_by("pk"))
    return found


class _Refused(Exception):
    """Why a part does not count here."""


def _taken(found: Gathering, line: str, person: Person | None) -> int:
    """Check one part and keep it sealed; the number of its exhibit."""
    share = shares.read(line)
    exhibit = next((one for one in found.exhibits if opens(one.uuid) == share.opens), None)
    if exhibit is None:
        raise _Refused(Said("it opens {what}, which is nothing of this", what=share.opens))
    part = _known(exhibit, share)
    custodian = part.custodian
    if why := _why_not(found, custodian, person):
        raise _Refused(why)
    if Brought.objects.filter(about=found.about, part=part).exists():
        raise _Refused(N_("this custodian has brought it already"))
    try:
        outer = epoch_keys().key(epoch_name(exhibit))
    except (EpochLost, EpochDestroyed) as error:  # of this one alone: parts of others are taken
        raise _Refused(error.said()) from None
    sealed = seal_part(share.text(), part=part, about=found.about, outer=outer)
    Brought.objects.create(about=found.about, part=part, sealed=sealed, at=clock.now())
    return exhibit.pk


def _known(exhibit: Exhibit, share: Share) -> Part:
    every = Part.objects.filter(deal__exhibit=exhibit).select_related("custodian__person", "deal")
    if part := every.filter(sha256=shares.digest(share)).first():
        return part
    old = not every.filter(deal__set=share.set).exists()
    raise _Refused(
        N_("it is of another set: the key was dealt anew since, or elsewhere")
        if old
        else N_("it was made up, or changed: no custodian was given such a part")
    )


def _why_not(found: Gathering, custodian: Custodian, person: Person | None) -> str:
    if person is not None and custodian.person != person:
        return N_("it is the part of another custodian")
    if custodian.until is not None or not custodian.person.may(MAY):
        return N_("whose it is, is a custodian no more")
    if found.asker is not None and custodian.person == found.asker:
        return N_("who asked brings no part: two others do")
    return ""


def _counting(found: Gathering) -> QuerySet[Brought]:
    """Parts that were brought for something and count now."""
    rows = Brought.objects.filter(acts("part__custodian__"), about=found.about)
    rows = rows.select_related("part__custodian__person", "part__deal__exhibit")
    return rows.exclude(part__custodian__person=found.asker) if found.asker else rows


def standing(found: Gathering) -> list[Gathered]:
    """Who has brought what, exhibit by exhibit."""
    rows = list(_counting(found).order_by("at", "pk"))
    return [
        Gathered(one, tuple(row.part.custodian.person.actor for row in rows if row.part.deal.exhibit_id == one.pk))
        for one in found.exhibits
    ]


def lacking(about: str) -> list[Exhibit]:
    """What is guarded of one gathering, and cannot be opened by it before more parts are brought.

    Raises:
        UnknownGathering: there is none of this name.
    """
    return [each.exhibit for each in standing(gathering(about)) if not each.enough]


def exhibit_keys(exhibits: Sequence[Exhibit], *, about: str) -> dict[UUID, bytes]:
    """The keys of what is guarded of some exhibits, each opened with two parts, by the exhibits' own numbers; in the
    caller's transaction, their rows are locked.

    They open the sealed files for as long as somebody has them, also when an exhibit moves or is dealt anew meanwhile.

    Raises:
        PartsMissing, NotJoined, NotShare, WrongKey: as :func:`custody_keys`.
    """
    guarded = [one for one in exhibits if one.kept_class == GUARDED]
    found = custody_keys(guarded, about=about) if guarded else []
    return {fresh.uuid: key_of(fresh, custody=custody) for fresh, custody in found}


def custody_keys(exhibits: Sequence[Exhibit], *, about: str) -> list[tuple[Exhibit, bytes]]:
    """Exhibits as they are now, with the key that two parts give, in the caller's transaction; their rows are locked.

    Raises:
        PartsMissing: fewer than two custodians who count have brought theirs.
        NotJoined, NotShare, WrongKey: what was brought is not what it was.
    """
    counting = _counting(gathering(about)).order_by("at", "pk")
    made = []
    for some in batches(exhibits):
        now = Exhibit.objects.filter(pk__in=[one.pk for one in some]).order_by("pk")
        list(now.select_for_update())  # alone: joined with an epoch it has left one is not found
        rows: dict[int, list[Brought]] = {one.pk: [] for one in some}
        for row in counting.filter(part__deal__exhibit__in=some):
            rows[row.part.deal.exhibit_id].append(row)
        made += [(fresh, _joined(fresh, rows[fresh.pk])) for fresh in now.select_related("epoch")]
    return made


def _joined(fresh: Exhibit, rows: Sequence[Brought]) -> bytes:
    outer = epoch_keys().key(epoch_name(fresh))  # where it is lost, no part helps
    if len(rows) < THRESHOLD:
        raise PartsMissing(exhibit=fresh.reference, found=len(rows), needed=THRESHOLD)
    return shares.join([shares.read(open_part(row, outer=outer)) for row in rows], opens=opens(fresh.uuid))


def _ready(found: Gathering) -> Sequence[tuple[Exhibit, bytes]]:
    return custody_keys([one.exhibit for one in standing(found) if one.enough], about=found.about)


def forget_brought(about: str) -> None:
    """Forget what was brought for something: it was used, or is over.

    What another one is moving to another key at this moment is left: it counts for nothing any more, and
    :func:`forget_over` finds it.
    """
    rows = Brought.objects.select_for_update(skip_locked=True).filter(about=about).order_by("pk")
    with transaction.atomic():
        Brought.objects.filter(pk__in=[row.pk for row in rows]).delete()


def forget_over() -> bool:
    """Forget what was brought for what is over by now. Called beside the worker."""
    if not turns.is_due(TURN, every=EVERY):
        return False
    turns.note(TURN)
    for about in Brought.objects.order_by("about").values_list("about", flat=True).distinct():
        if _is_over(about):
            forget_brought(about)
    return False


def _is_over(about: str) -> bool:
    try:
        return gathering(about).over
    except UnknownGathering:  # after a restore: what it was for is not there
        return True
