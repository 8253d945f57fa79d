"""Passes on what signatories signed: takes over what is new of each that is admitted (:mod:`.hub`), and looks at it.

The files come first, then their rows and leaves in the log, then the signed metadata that names them. Whatever is
killed in between, followers see the old state or the new one, and the next round does the rest.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.repository.files import Header, read
from himaya.core.repository.publishing import Repository
from himaya.core.words import Said
from himaya.federation.models import Signatory
from himaya.federation.native import publishing
from himaya.federation.native.hub import (
    ANEW,
    ROUND,
    UNSAID,
    NotPassedOn,
    check_label,
    leave_nothing,
    mirrored,
    one_list,
    place_for,
    reading,
    settle,
    signatories,
)
from himaya.federation.native.keys import alone, directory, root_path
from himaya.ledger import turns
from himaya.ledger.services import record
from himaya.lists import queries

if TYPE_CHECKING:
    from himaya.core.repository.chains import Holding
    from himaya.core.repository.following import Mirrored
    from himaya.lists.models import HashList

log = logging.getLogger("himaya.federation")
EVERY = 30.0
"""Seconds between two looks at what is due."""


def pass_on(one: Signatory, *, wait: bool = False) -> bool:
    """Take over what a signatory signed since; whether there was anything. What stands in the way is noted with it.

    Args:
        one: the signatory.
        wait: for whoever does so just now; else nothing is done then.

    Raises:
        NotPassedOn: it may not be passed on, or not any more; nothing of it is told from now on.
        NotAttached, BadStatementFile, SourceTrouble, NoRoot, KeyNotHere: what was passed on before stays.
    """
    with reading(one.subscription, wait=wait) as mine:
        if not mine:
            return False
        try:
            came = mirrored(one.subscription, one.organisation)
            held = _checked(one, came)
            news = not _stands(Repository(directory() / one.list.name), one, came)
            if news and not _take(one):
                return False
        except HimayaError as error:
            _note(one, trouble=publishing.told(error), failed_at=one.failed_at or clock.now())
            raise
    lines = sum(part.lines for part in held.way())
    if came.keys[0].keyid != one.key:
        _tell_of_key(one, came.keys[0].keyid)
    _note(
        one, key=came.keys[0].keyid, until=came.until, sequence=held.sequence, lines=lines, trouble={}, failed_at=None,
        **({"taken_at": clock.now()} if news else {}),
    )  # fmt: skip
    return news


@transaction.atomic
def _tell_of_key(one: Signatory, key: str) -> None:
    facts = {"organisation": one.organisation, "key": key[:16]}
    record("signatory.rekeyed", by="system", about=f"list:{one.list.name}", **facts)


def _take(one: Signatory) -> bool:
    """Fetch what is not here, look at all of it, commit to it in the log, and attach it; False: dismissed meanwhile."""
    place = place_for(one)
    before = list(place.glob("*.gz"))
    here = directory() / one.list.name / "targets" / one.source / one.organisation
    have = {path.name.partition(".")[0] for path in here.glob("*.gz")}
    came = mirrored(one.subscription, one.organisation, to=place, have=have)
    _checked(one, came)
    with alone():
        bases = publishing.repository(one.list.name).bases()
    written: dict[Path, Header] = {}
    for file in came.files:
        with file.path.open("rb") as stream:
            written[file.path], said = read(stream, piece=file.part.piece, bases=bases)
            for _ in said:  # to its end: what followers could not read is not passed on to them
                pass
    faults.point("hub.fetched")
    with alone():
        if not Signatory.objects.filter(pk=one.pk, ended_at=None).exists():
            return False
        publishing.log_files(one.list, written, signatory=one.organisation)
    publishing.check_in()
    faults.point("hub.logged")
    with alone():
        if not Signatory.objects.filter(pk=one.pk, ended_at=None).exists():
            return False
        _resume(one)  # before its metadata is in: what settles meanwhile would take that out
        _attach(one, came, list(written))
    faults.point("hub.attached")
    for path in {*before, *written}:  # what a round left meanwhile is newer, and for the next time
        path.unlink(missing_ok=True)
    return True


def _attach(one: Signatory, came: Mirrored, paths: list[Path]) -> None:
    known = publishing.repository(one.list.name)
    if _admits(known, one, came):
        known.attach({one.organisation: came.content}, paths)
    else:
        known.add_signatory(
            one.organisation, came.keys, threshold=came.threshold, lists=[one.source], signed=came.content, paths=paths
        )


def _admits(known: Repository, one: Signatory, came: Mirrored) -> bool:
    """Whether it is admitted with the keys and the list that it has where it is at home."""
    role, keys = known.signatories().get(one.organisation), [key.keyid for key in came.keys]
    paths = [f"{one.source}/{one.organisation}/*"]
    return role is not None and (role.keyids, role.threshold, role.paths) == (keys, came.threshold, paths)


def _stands(known: Repository, one: Signatory, came: Mirrored) -> bool:
    """Whether what it signed last is passed on already."""
    if not known.store.exists() or not _admits(known, one, came):
        return False
    return known.store.role(one.organisation, known.store.snapshot().signed) == came.content


def _checked(one: Signatory, came: Mirrored) -> Holding:
    """What it serves of the one list, where it may be passed on; else it is withheld.

    Raises:
        NotPassedOn: it may not.
    """
    of, held = one_list(one.list, one.organisation, came)
    label = held.terms.tlp or UNSAID
    ours = type(one.list).objects.get(pk=one.list_id)
    try:
        if of != one.source:
            why = Said("it signs for the list {now}, and was admitted for {then}", now=of, then=one.source)
            raise NotPassedOn(organisation=one.organisation, list_=ours.name, why=why, mend=ANEW)
        check_label(ours, one.organisation, label, admitted=one.admitted, permission=one.permission)
    except NotPassedOn:
        _withhold(one, label)
        raise
    _note(one, tlp=label)
    return held


@transaction.atomic
def _mark(one: Signatory, *, withheld: bool, act: str) -> None:
    if Signatory.objects.filter(pk=one.pk, ended_at=None, withheld=not withheld).update(withheld=withheld):
        record(act, by="system", about=f"list:{one.list.name}", organisation=one.organisation)


def _withhold(one: Signatory, label: str) -> None:
    _note(one, tlp=label)
    _mark(one, withheld=True, act="signatory.withheld")
    settle(one.list)
    leave_nothing(one)  # else they would pile up


def _resume(one: Signatory) -> None:
    _mark(one, withheld=False, act="signatory.resumed")


def _note(one: Signatory, **facts: Any) -> None:
    Signatory.objects.filter(pk=one.pk).update(**facts)


# --- the worker's round ----------------------------------------------------------------------------------------------


def pass_on_due() -> bool:
    """Take over what signatories signed, once their sources were read: those files are here then. In a thread of the
    worker's own. Where a source was not read for long, or never, what they signed is asked for by itself.
    """
    if not Signatory.objects.exists() or not root_path(1).exists() or not turns.is_due(ROUND, every=EVERY):
        return False
    turns.note(ROUND)
    done, now = False, clock.now()
    for of in queries.lists().filter(pk__in=Signatory.objects.values("list")):
        try:
            done |= settle(of)
        except HimayaError as error:
            log.error("who is passed on in the list %s cannot be settled: %s", of.name, error.diagnostics())
    for one in signatories().filter(list__enabled=True, subscription__enabled=True):
        last, read = one.looked_at, one.subscription.ended_at
        late = abs(now - (last or one.at)).total_seconds() >= 2 * one.subscription.interval
        if late or (read and (last is None or read > last)):
            done |= attempt(one)
    return done


def set_due(of: HashList) -> None:
    """Let a worker look at once whether anything is new in a list."""
    signatories(of).update(looked_at=None)
    turns.call(ROUND)


def attempt(one: Signatory) -> bool:
    """Pass on what is new of a signatory; what stands in the way is noted with it, and no other waits for it."""
    _note(one, looked_at=clock.now())
    try:
        return pass_on(one)
    except HimayaError as error:
        log.error("%s is not passed on in the list %s: %s", one.organisation, one.list.name, error.diagnostics())
        return False
