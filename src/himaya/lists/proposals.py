"""What waits for a second person: proposed by one, approved of or refused by another, done once or not at all.

A proposal keeps what the service needs that does the act, and is judged by what holds when it is approved. The file of
an import lies in the data directory until then.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from django.db import transaction

from himaya.accounts.queries import owner
from himaya.accounts.sealing import seal, unseal
from himaya.core import clock, files, registry
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.ports import ItemRow
from himaya.core.words import N_, Said
from himaya.ledger.services import record
from himaya.lists import organisations, services, subscribing, terms
from himaya.lists.importing import RefusedRows, add_items, alarm, staged
from himaya.lists.models import Proposal
from himaya.lists.quarantine import release_item

if TYPE_CHECKING:
    from pathlib import Path

    from django.db.models import QuerySet

    from himaya.accounts.models import Person
    from himaya.lists.seconding import NeedsSecond

MOST = 200
"""Proposals of a list that wait at once."""
ORPHANED = 86_400
"""Seconds after which a file that no proposal names is removed."""
CHUNK = 1024 * 1024
PURPOSE = b"himaya proposals 1"
WORDS = (N_("waiting"), N_("approved"), N_("done"), N_("refused"), N_("failed"))
"""States of a proposal as an error says them, for the catalogue."""


class UnknownProposal(HimayaError):
    """There is no proposal {proposal} here."""

    status = 404


class TooManyProposals(HimayaError):
    """{n} proposals for the list {name} wait already."""

    remedy = "Have a lead approve or refuse some of them, under Lists, Proposals."
    status = 409


class Decided(HimayaError):
    """Proposal {proposal} was decided already: it is {state}."""

    status = 409


class MayNotDecide(HimayaError):
    """Proposal {proposal} is not yours to decide: {why}."""

    remedy = "A lead who did not propose it decides, in the console."
    status = 403


class BadRefusal(HimayaError):
    """A proposal cannot be refused without a reason of at most 500 characters, without NUL."""

    status = 422


class ChangedFile(HimayaError):
    """The file of the proposal is gone, or not the one that was proposed."""

    remedy = "Have it proposed again."
    status = 409


def proposals(state: str = "") -> QuerySet[Proposal]:
    """Those in a state, or all of them; the newest first."""
    rows = Proposal.objects.select_related("list").order_by("-pk")
    return rows.filter(state=state) if state else rows


def find(pk: int) -> Proposal:
    """One proposal.

    Raises:
        UnknownProposal: there is none.
    """
    found = proposals().filter(pk=pk).first()
    if found is None:
        raise UnknownProposal(proposal=pk)
    return found


# --- proposed --------------------------------------------------------------------------------------------------------


def propose(needed: NeedsSecond, *, by: str, reason: str = "", file: BinaryIO | None = None) -> Proposal:
    """Keep what somebody wants to do to a common list until a second person has decided.

    Args:
        needed: the error of the service that did not do it.
        by: who proposes it.
        reason: why, at most 500 characters; that of the act where it has one.
        file: of an import, the whole file, at any place.

    Raises:
        TooManyProposals: too many wait for this list.
    """
    arguments, sealed = dict(needed.arguments), ""
    if needed.act in (Proposal.SUBSCRIBE, Proposal.SOURCE):
        arguments["options"], sealed = _without_secrets(arguments)
    name, sha256, size = _stored(file) if file else ("", "", 0)
    try:
        with transaction.atomic():
            found = terms.find_list(str(needed.facts["name"]))
            if Proposal.objects.filter(list=found, state=Proposal.WAITING).count() >= MOST:
                raise TooManyProposals(n=MOST, name=found.name)
            text = str(arguments.get("reason", "")) or reason.strip().replace("\0", "")
            made = Proposal.objects.create(
                list=found, act=needed.act, arguments=arguments, sealed=sealed, file=name, sha256=sha256, size=size,
                by=by, at=clock.now(), reason=text[:500],
            )  # fmt: skip
            told = {"sha256": sha256} if name else {}
            record("proposal.made", by=by, about=f"proposal:{made.pk}", list=found.name, what=needed.act, **told)
            return made
    except BaseException:
        if name:
            _place(name).unlink(missing_ok=True)
        raise


def _without_secrets(arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    options = dict(arguments["options"])
    hidden = subscribing.secret_fields(registry.exchange(arguments["exchange"]))
    secret = {name: options.pop(name) for name in hidden & options.keys()}
    return options, seal(json.dumps(secret), purpose=PURPOSE) if secret else ""


def _place(name: str = "") -> Path:
    folder = config().data / "proposals"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / name


def _stored(file: BinaryIO) -> tuple[str, str, int]:
    """Copy a file into the data directory; its name there, its SHA-256 and its size in bytes."""
    _sweep()
    name, digest, size = secrets.token_hex(16), hashlib.sha256(), 0
    file.seek(0)

    def parts() -> Iterator[bytes]:
        nonlocal size
        while part := file.read(CHUNK):
            digest.update(part)
            size += len(part)
            yield part

    files.replace(_place(name), parts())
    return name, digest.hexdigest(), size


def _sweep() -> None:
    """Remove files whose proposal was never written, or was decided by a process that was killed before this."""
    open_ = Proposal.objects.filter(state__in=(Proposal.WAITING, Proposal.APPROVED))
    waiting = set(open_.values_list("file", flat=True))
    for path in _place().iterdir():
        with suppress(OSError):
            if path.name not in waiting and time.time() - path.stat().st_mtime > ORPHANED:
                path.unlink()


# --- decided ---------------------------------------------------------------------------------------------------------


def approve(pk: int, *, person: Person) -> Proposal:
    """Do what was proposed, by what holds now. Two who approve at once do it once.

    Returns:
        The proposal, ``done``; ``approved``, where a worker does it, for it takes long; or ``failed``, with ``why``,
        where it cannot be done any more.

    Raises:
        UnknownProposal, Decided, MayNotDecide: as their names say.
        ImportUnderWay, ImportLost: an import into the list is under way; the proposal still waits.
    """
    found = _decidable(pk, person)
    if owner(found.by).startswith("key:"):
        raise MayNotDecide(proposal=pk, why=N_("a key without an owner proposed it, which may be your own"))
    if _is_long(found):
        return _settle(pk, Proposal.APPROVED, by=person.actor, why="")
    return _do(found, by=person.actor)


def do_approved() -> bool:
    """Do the oldest proposal that was approved and takes long, in a worker; whether there was one."""
    for found in proposals(Proposal.APPROVED).order_by("pk")[:50]:
        with suppress(
            Decided, services.ImportUnderWay, services.ImportLost
        ):  # another worker does it, or the next turn
            _do(found, by=found.decided_by)
            return True
    return False


def _is_long(one: Proposal) -> bool:
    """Whether more items are touched than an answer waits for."""
    if one.act == Proposal.IMPORT:
        return int(one.arguments["rows"]) > terms.AT_ONCE
    wanted = one.arguments.get("wanted", {})
    return one.act == Proposal.CHANGE and bool({*terms.JUDGED, "radius"} & set(wanted)) and terms.is_long(one.list)


def _do(found: Proposal, *, by: str) -> Proposal:
    """Do it, with the decision, in one transaction; or note why it cannot be done."""
    try:
        with _prepared(found, second=by) as act, transaction.atomic():
            locked = _lock(found.pk, found.state)
            act()
            return _decide(locked, Proposal.DONE, by=by, why="")
    except (Decided, services.ImportUnderWay, services.ImportLost):
        raise
    except HimayaError as error:
        # what was undone took the alarm with it
        alarm(found.list.name, int(str(error.facts.get("caught", 0))), by=found.by)
        return _settle(
            found.pk, Proposal.FAILED, by=by, why=" ".join(error.diagnostics().splitlines()), was=found.state
        )


def refuse(pk: int, *, person: Person, reason: str) -> Proposal:
    """Say that it is not done, and why.

    Raises:
        UnknownProposal, Decided, MayNotDecide, BadRefusal: as their names say.
    """
    _decidable(pk, person)
    text = reason.strip()
    if not text or len(text) > 500 or "\0" in text:
        raise BadRefusal
    return _settle(pk, Proposal.REFUSED, by=person.actor, why=text)


def take_back(pk: int, *, by: str) -> Proposal:
    """Whoever proposed it does not want it any more.

    Raises:
        UnknownProposal, Decided: as their names say.
        MayNotDecide: somebody else proposed it.
    """
    if find(pk).by != by:
        raise MayNotDecide(proposal=pk, why=N_("somebody else proposed it"))
    return _settle(pk, Proposal.REFUSED, by=by, why=N_("taken back by whoever proposed it"))


def _decidable(pk: int, person: Person) -> Proposal:
    found = find(pk)
    if not person.may("lists.approve"):
        raise MayNotDecide(proposal=pk, why=N_("only a lead decides"))
    if owner(found.by) == person.actor:
        raise MayNotDecide(proposal=pk, why=N_("you proposed it yourself"))
    if found.state != Proposal.WAITING:
        raise Decided(proposal=pk, state=Said(found.state))
    return found


def _lock(pk: int, state: str) -> Proposal:
    """The proposal, locked until the transaction ends, where it is still in this state.

    Raises:
        Decided: somebody was faster.
    """
    found = Proposal.objects.select_for_update(of=("self",), no_key=True).select_related("list").get(pk=pk)
    if found.state != state:
        raise Decided(proposal=pk, state=Said(found.state))
    return found


@transaction.atomic
def _settle(pk: int, state: str, *, by: str, why: str, was: str = Proposal.WAITING) -> Proposal:
    return _decide(_lock(pk, was), state, by=by, why=why)


def _decide(one: Proposal, state: str, *, by: str, why: str) -> Proposal:
    file = one.file if state != Proposal.APPROVED else ""
    one.state, one.decided_by, one.decided_at, one.why = state, by, clock.now(), str(why)[:1000]
    if state != Proposal.APPROVED:
        one.sealed = one.file = ""
    one.save(update_fields=["state", "sealed", "file", "decided_by", "decided_at", "why"])
    record(f"proposal.{state}", by=by, about=f"proposal:{one.pk}", list=one.list.name, what=one.act, proposer=one.by)
    if file:
        transaction.on_commit(partial(_place(file).unlink, missing_ok=True))
    return one


# --- done ------------------------------------------------------------------------------------------------------------


@contextmanager
def _prepared(one: Proposal, *, second: str) -> Iterator[Callable[[], object]]:
    """What does it, in one transaction with the decision; what takes long is done before."""
    given, by = dict(one.arguments), one.by
    if one.act == Proposal.CHANGE:
        with terms.changing(one.list.name, by=by, second=second, **given["wanted"]) as change:
            yield change.publish
    elif one.act == Proposal.IMPORT:
        del given["rows"]
        how = {"format_name": given.pop("format"), "voice": _voice(given.pop("voice", None), by=by), **given}
        with opened(one) as stream, staged(one.list, stream=stream, by=by, second=second, **how) as read:
            yield partial(_all_of, read.publish)
    elif one.act == Proposal.ADD:
        rows = [ItemRow(**{"line": 0, **row}) for row in given.pop("rows")]
        if given["benign"]:
            values = [(row.signal, row.value) for row in rows]
            yield partial(services.add_benign, one.list, values=values, by=by, reason=rows[0].note, second=second)
            return
        yield partial(_all_of, partial(add_items, one.list, rows=rows, by=by, second=second, **given))
    elif one.act == Proposal.MARK:
        yield partial(services.mark_item, given.pop("item"), by=by, second=second, **given)
    elif one.act == Proposal.RELEASE:
        yield partial(release_item, given.pop("item"), by=by, second=second, **given)
    elif one.act in (Proposal.SUBSCRIBE, Proposal.SOURCE):
        if one.sealed:
            given["options"] |= json.loads(unseal(one.sealed, purpose=PURPOSE))
        yield partial(_subscribe if one.act == Proposal.SUBSCRIBE else _change, one, given, second)
    else:
        yield partial(_DOES[one.act], one.list.name, by=by, second=second, **given)


_DOES: dict[str, Callable[..., object]] = {}


def provides(act: str, does: Callable[..., object]) -> None:
    """Let an act of a room above this one be proposed: ``does`` takes the list's name and, by keyword, the arguments,
    ``by`` and ``second``.
    """
    assert act in Proposal.ACTS, "an act that proposals know"
    _DOES[act] = does


def _voice(said: dict[str, str] | None, *, by: str) -> services.Voice | None:
    """In whose name a file was to be imported; this node's own where None."""
    if not said:
        return None
    ours = organisations.own()
    name, place = said["organisation"], said.get("jurisdiction", "")
    who = ours if name == ours.name else organisations.lent(name, by=by, jurisdiction=place)
    return services.Voice(who, said["basis"])


def _subscribe(one: Proposal, given: dict[str, Any], second: str) -> None:
    name = given.pop("organisation")
    place = given.pop("jurisdiction", "")
    who = organisations.named(name, by=one.by, jurisdiction=place) if name else None
    subscribing.subscribe(given.pop("name"), to=one.list, by=one.by, second=second, organisation=who, **given)


def _change(one: Proposal, given: dict[str, Any], second: str) -> None:
    del given["exchange"]
    subscribing.change(given.pop("name"), by=one.by, second=second, **given)


def _all_of(act: Callable[[], services.ImportResult]) -> None:
    """Import, or fail: the terms of the list may have changed since the rows were looked at."""
    result = act()
    if not result.imported:
        raise RefusedRows([], refused=result.refused, rows=result.rows, caught=result.caught)


@contextmanager
def opened(one: Proposal) -> Iterator[BinaryIO]:
    """The file of an import, which is the one that was proposed.

    Raises:
        ChangedFile: it is not, or gone.
    """
    try:
        with _place(one.file).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != one.sha256 or os.fstat(stream.fileno()).st_size != one.size:
                raise ChangedFile
            stream.seek(0)
            yield stream
    except FileNotFoundError:
        raise ChangedFile from None
