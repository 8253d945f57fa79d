"""What others signed, passed on under our root, unchanged: of those signatories alone that somebody here admitted.

A list of ours that follows another node's can serve that node's signatories beside our own words. Their metadata and
files are taken over byte for byte (:mod:`.passing`), so that whoever follows this node checks each signatory's own
signature. How far a list may be handed on is its publisher's to say, and ours: the stricter holds, at each look and at
each file that is asked for. The rows (``models.Signatory``) govern; the signed metadata follows them.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock, faults, registry
from himaya.core.errors import HimayaError
from himaya.core.exchange import left_for_hub
from himaya.core.repository.chains import MAX_DELTAS
from himaya.core.repository.publishing import MAX_SIGNATORIES, Repository
from himaya.core.words import N_, Said
from himaya.federation.models import Signatory
from himaya.federation.native import publishing
from himaya.federation.native.keys import alone, directory, roots
from himaya.ledger import turns
from himaya.ledger.services import record
from himaya.lists import organisations, subscribing
from himaya.lists.seconding import require_second

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.core.repository.chains import Holding
    from himaya.core.repository.following import Mirrored
    from himaya.lists.models import HashList, Subscription

log = logging.getLogger("himaya.federation")
STRICTER = ("clear", "green", "amber", "amber+strict", "red")
"""Labels of the Traffic Light Protocol 2.0, each stricter than those before it."""
FREE = "green"
"""Up to this one a list may be passed on to others as it is; more takes its publisher's permission."""
NEVER, UNSAID = "red", "amber+strict"
"""What is never passed on; for what a list without a label is taken."""
ROUND = "pass-on"
"""The turn of a worker that takes over what is new, and takes out who is not admitted."""
MOST = min(150, MAX_SIGNATORIES - 1)
"""Signatories of a list, each with some 100 files: followers look at 20,000 files."""
MOST_BYTES, MOST_FILES = 8 * 1024**3, MAX_DELTAS + 20
"""Of all files of a signatory."""


class NotPassedOn(HimayaError):
    """What {organisation} signs is not passed on in the list {list}: {why}."""

    remedy = "{mend}"
    status = 409

    def __init__(self, *, organisation: str, list_: str, why: str, mend: str = "") -> None:
        super().__init__(organisation=organisation, list=list_, why=why, mend=mend or LOOK)


class NoSuchSignatory(HimayaError):
    """In the list {list} nothing is passed on for {organisation}; there are: {known}."""

    status = 404


LOOK = N_("Look at what its node serves, and ask its publisher.")
ANEW = N_("Ask its publisher; then dismiss it, or dismiss it and admit it anew.")
ASK = N_("Ask its publisher for permission; then admit it with what says so: --permission.")


def signatories(of: HashList | None = None) -> QuerySet[Signatory]:
    """Those that are admitted, by list and name."""
    rows = Signatory.objects.select_related("list", "subscription").filter(ended_at=None)
    rows = rows.order_by("list__name", "organisation")
    return rows.filter(list=of) if of else rows


def sources() -> list[Subscription]:
    """Where there may be somebody whose statements can be passed on, by name."""
    signed = {name for name, one in registry.exchanges().items() if one.signed}
    return [one for one in subscribing.subscriptions() if one.exchange in signed]


def find(name: str, *, organisation: str) -> Signatory:
    """The signatory of a list.

    Raises:
        NoSuchSignatory: it is none.
    """
    rows = signatories().filter(list__name=name)
    found = rows.filter(organisation=organisation).first()
    if found is None:
        known = ", ".join(rows.values_list("organisation", flat=True)[:20])
        raise NoSuchSignatory(list=name[:60], organisation=organisation[:60], known=known or "none yet")
    return found


# --- who is admitted -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signatory that could be admitted, as its node told of it: see ``models.Signatory``."""

    source: Subscription
    organisation: str
    permission: str
    list: str
    label: str
    key: str
    until: datetime


def examine(name: str, *, organisation: str, permission: str = "") -> Candidate:
    """Ask a source whether what an organisation signs there may be passed on in the list that the source fills.

    Args:
        name: the subscription by which it is read.
        organisation: as it signs there.
        permission: by what its publisher permitted more than its list's label does: the reference of a letter, say.

    Raises:
        UnknownSubscription, NoRoot: as their names say.
        NotPassedOn: it may not, or cannot be; says why.
        SourceTrouble: the source does not answer, or the organisation signs nothing there.
    """
    roots()
    source = subscribing.find(name)
    _check_admission(source, organisation, permission)
    with reading(source) as mine:
        if not mine:
            raise NotPassedOn(
                organisation=organisation, list_=source.list.name, why=N_("its source is being read just now"),
                mend=N_("Do it again in a minute."),
            )  # fmt: skip
        came = mirrored(source, organisation)
    of, held = one_list(source.list, organisation, came)
    label = held.terms.tlp or UNSAID
    check_label(source.list, organisation, label, admitted=label, permission=permission)
    return Candidate(source, organisation, permission, of, label, came.keys[0].keyid, came.until)


@transaction.atomic
def admit(one: Candidate, *, by: str, second: str = "") -> Signatory:
    """Pass on what it signs from now on; a worker takes it over, and asks again whether it may.

    Args:
        one: the signatory.
        by: the actor.
        second: who approves; a common list needs a second person.

    Raises:
        NotPassedOn: it is admitted already.
        NeedsSecond: the list is a common one, and no second person approves.
    """
    facts = {name: getattr(one, name) for name in ("organisation", "permission", "list", "label", "key")}
    told = {**facts, "subscription": one.source.name, "until": one.until.isoformat()}
    require_second(one.source.list, by=by, second=second, act="admit", arguments=told)
    made, fresh = Signatory.objects.get_or_create(
        list=one.source.list, organisation=one.organisation, ended_at=None,
        defaults={
            "subscription": one.source, "admitted": one.label, "permission": one.permission, "at": clock.now(),
            "by": by, "tlp": one.label, "source": one.list, "key": one.key, "until": one.until,
        },
    )  # fmt: skip
    if not fresh:
        raise NotPassedOn(
            organisation=one.organisation, list_=one.source.list.name, why=N_("it is admitted already"),
            mend=N_("To admit it on other terms, dismiss it before."),
        )  # fmt: skip
    record(
        "signatory.admitted", by=by, about=f"list:{one.source.list.name}", organisation=one.organisation,
        subscription=one.source.name, tlp=one.label, permitted=bool(one.permission), key=one.key[:16],
        **({"second": second} if second else {}),
    )  # fmt: skip
    transaction.on_commit(lambda: place_for(made))
    return made


def admit_proposed(name: str, *, by: str, second: str, **told: str) -> Signatory:  # noqa: ARG001
    """What :func:`admit` proposed for the list ``name``, once a second person approves."""
    source, until = subscribing.find(told.pop("subscription")), datetime.fromisoformat(told.pop("until"))
    return admit(Candidate(source=source, until=until, **told), by=by, second=second)


def _check_admission(source: Subscription, organisation: str, permission: str) -> None:
    why, mend = "", ""
    if not subscribing.configured(source)[0].signed:
        why, mend = N_("its source signs nothing that could be passed on"), N_("Follow it as: another Himaya.")
    elif organisation == organisations.own().name:
        why, mend = N_("it is this node's own name"), N_("What we say is published by itself.")
    elif len(permission) > 200 or not permission.isprintable():
        why, mend = N_("what permits it is no text of at most 200 characters"), N_("Say it more briefly.")
    elif signatories(source.list).count() >= MOST:
        why, mend = Said("the list has {n} signatories, and may have no more", n=MOST), N_("Open another list.")
    if why:
        raise NotPassedOn(organisation=organisation[:60], list_=source.list.name, why=why, mend=mend)


def dismiss(name: str, *, organisation: str, by: str, wait: bool = True) -> Signatory:
    """Pass on nothing of a signatory any more. From now on nothing of it is told; followers drop it at their next look.

    Args:
        name: the list.
        organisation: who signs.
        by: the actor.
        wait: until the signed metadata is without it, for whoever publishes just now; else a worker sees to that.

    Raises:
        NoSuchSignatory: it is none.
    """
    one = find(name, organisation=organisation)
    with transaction.atomic():
        if Signatory.objects.filter(pk=one.pk, ended_at=None).update(ended_at=clock.now(), ended_by=by):
            record("signatory.dismissed", by=by, about=f"list:{name}", organisation=organisation)
        transaction.on_commit(lambda: _dismissed(one, wait=wait))
    return one


def _dismissed(one: Signatory, *, wait: bool) -> None:
    faults.point("hub.dismissed")
    if wait:
        settle(one.list)
    else:
        turns.call(ROUND)
    leave_nothing(one)


def place_for(one: Signatory) -> Path:
    """Where rounds leave files of a signatory to be passed on; where there is none, they leave nothing."""
    with subscribing.client(one.subscription) as line:
        found = left_for_hub(line.keep, one.organisation)
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def leave_nothing(one: Signatory) -> None:
    """Let rounds leave no files of a signatory to be passed on, and those go that are there."""
    with subscribing.client(one.subscription) as line:
        shutil.rmtree(left_for_hub(line.keep, one.organisation), ignore_errors=True)


def settle(of: HashList, *, wait: bool = True) -> bool:
    """Take out of a list's signed metadata whom the rows do not admit, or withhold; whether there was anybody.

    Raises:
        BeingPublished: as :func:`~himaya.federation.native.keys.alone`, which ``wait`` is for.
    """
    known = Repository(directory() / of.name)
    if not known.store.exists():
        return False
    rows = Signatory.objects.filter(list=of)
    good = {one.organisation for one in rows.filter(ended_at=None) if _may_stand(one, of)}
    stale = set(rows.values_list("organisation", flat=True)) - good
    if not stale & set(known.signatories()):
        return False
    with alone(wait=wait):
        known = publishing.repository(of.name)
        for one in sorted(stale & set(known.signatories())):
            known.remove_signatory(one)
    return True


# --- what may be told ------------------------------------------------------------------------------------------------


def may_tell(of: HashList, organisation: str) -> bool:
    """Whether a file of an organisation may be handed out in a list now."""
    rows = Signatory.objects.filter(list=of, organisation=organisation)
    one = rows.filter(ended_at=None).first()
    if one is None:
        return not rows.exists()  # our own, under whatever name
    return _may_stand(one, of)


def _may_stand(one: Signatory, of: HashList) -> bool:
    return not one.withheld and _rank(one.tlp) <= _rank(of.tlp)


def _rank(label: str) -> int:
    return STRICTER.index(label or UNSAID)


def check_label(of: HashList, organisation: str, label: str, *, admitted: str, permission: str) -> None:
    """Whether what is so labelled may be passed on in our list.

    Raises:
        NotPassedOn: it may not.
    """
    why, mend = "", ASK
    if label == NEVER:
        why, mend = N_("its list is for those alone who were given it (TLP:RED)"), LOOK
    elif _rank(label) > _rank(admitted):
        why = Said(
            "its list is TLP:{now} now, and was TLP:{then} when it was admitted",
            now=label.upper(),
            then=admitted.upper(),
        )
        mend = ANEW
    elif _rank(label) > _rank(FREE) and not permission:
        why = Said("its list is not for others to pass on (TLP:{label})", label=label.upper())
    elif _rank(label) > _rank(of.tlp):
        why = Said(
            "its list is TLP:{theirs}, and ours is for more readers: TLP:{ours}",
            theirs=label.upper(),
            ours=of.tlp.upper(),
        )
        mend = N_("Set the label of our list at least as strict, or pass it on in another list.")
    if why:
        raise NotPassedOn(organisation=organisation, list_=of.name, why=why, mend=mend)


# --- what is read ----------------------------------------------------------------------------------------------------


def mirrored(
    source: Subscription, organisation: str, *, to: Path | None = None, have: Collection[str] = ()
) -> Mirrored:
    """What an organisation signed at a source; see ``core.exchange.Exchange.mirror``."""
    plugin, options = subscribing.configured(source)
    with subscribing.client(source) as line:
        return plugin.mirror(options, line, organisation=organisation, to=to, have=have)


@contextmanager
def reading(source: Subscription, *, wait: bool = False) -> Iterator[bool]:
    """Whether nobody else reads the source so; nobody does within the block then. ``wait``: until that is so."""
    with (subscribing.client(source).keep / ".hub").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            yield False
        else:
            yield True


def one_list(of: HashList, organisation: str, came: Mirrored) -> tuple[str, Holding]:
    """The list that it signs for, and what it serves of it; of what may be passed on at all.

    Raises:
        NotPassedOn: it signs for several, or for none, or too much.
    """
    parts = [part for held in came.offers.values() for part in held.parts]
    size, why = sum(part.length for part in parts), ""
    if len(came.offers) != 1:
        why = Said("it signs for {n} lists at once, and one can be passed on", n=len(came.offers))
    elif size > MOST_BYTES or len(parts) > MOST_FILES:
        why = Said("it has {n} files of {m} bytes, which is more than can be passed on", n=len(parts), m=size)
    if why:
        raise NotPassedOn(organisation=organisation, list_=of.name, why=why)
    return next(iter(came.offers.items()))
