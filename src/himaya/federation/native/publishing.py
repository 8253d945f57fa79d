"""Publishes lists: what our organisation says of each, in full or since the last time, signed and logged.

The files come first, then their row and their leaf in the log, then the signed metadata that names them. Whatever is
killed in between, followers see the old state or the new one, and the next round does the rest.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.repository import bundle
from himaya.core.repository.files import Header, write_delta, write_full
from himaya.core.repository.pieces import Terms
from himaya.core.repository.publishing import Repository
from himaya.core.repository.states import LIVES
from himaya.core.repository.store import RepositoryDamaged
from himaya.core.words import Said, packed
from himaya.federation.models import Publication, Served
from himaya.federation.native import ahead
from himaya.federation.native.keys import (
    NothingPublished,
    alone,
    check_root,
    directory,
    keep_roots,
    named,
    retire,
    ring,
    root_path,
    roots,
)
from himaya.federation.native.logged import KIND, canonical
from himaya.ledger import turns
from himaya.ledger.services import record
from himaya.lists import organisations, queries
from himaya.lists.own import has_news, own_words
from himaya.log import queries as log_queries
from himaya.log.events import Event
from himaya.log.rounds import NoWitnessAnswers, publish_with_witnesses
from himaya.log.services import RefusesToSign, append

if TYPE_CHECKING:
    from himaya.lists.models import HashList

log = logging.getLogger("himaya.federation")
EVERY = 30.0
"""Seconds between two looks at what is to be published."""
RENEWED = 300.0
"""Seconds between two looks at what grows old."""


class CannotBeWritten(HimayaError):
    """What is new of the list {list} cannot be written down: {why}."""

    remedy = "See that the disk of the node has room and is whole; it is tried again in half a minute."
    status = 500


class NotRenewed(HimayaError):
    """What was signed of the list {list} is not signed anew: {why}."""

    remedy = "Until it is, those who follow the list take nothing new. Restore its repository from a backup."
    status = 500


# --- the root --------------------------------------------------------------------------------------------------------


def install_root(content: bytes, *, by: str, wait: bool = True, between: Sequence[bytes] = ()) -> int:
    """Put a root in force: the first one, or one that follows on it (``between``: :func:`check_root`). Its version.

    Keys of this node that it names sign from now on, others are retired. A damaged repository gets it once restored.

    Raises:
        NotOurRoot: it does not name a key of this node, or does not follow on the root in force.
        NotAttached: too few have signed it.
        BeingPublished: as :func:`~himaya.federation.native.keys.alone`, which ``wait`` is for.
    """
    with alone(wait=wait):
        version = check_root(content, between=between)
        for one in repositories():
            _tend(one, partial(_admit_under, one, [*between, content]))
        keep_roots([*between, content])
        with transaction.atomic():
            record("node.root", by=by, about="node", version=version, sha256=hashlib.sha256(content).hexdigest())
            retire(by=by)
    return version


def _admit_under(one: Repository, roots: Sequence[bytes]) -> None:
    one.install_root(roots[-1], between=roots[:-1])
    _admit(one)


def _admit(one: Repository) -> None:
    """See that our organisation signs with the newest of our keys that the root names, and with no other."""
    ours, good = organisations.own().name, named(one.store.root().signed)
    own = next((signer.public_key for signer in ring() if signer.public_key.keyid in good), None)
    admitted = one.signatories().get(ours)
    if own is not None and (admitted is None or admitted.keyids != [own.keyid]):
        one.add_signatory(ours, [own])


def repositories() -> list[Repository]:
    """Those of all lists that were published."""
    found = [path for path in sorted(directory().iterdir()) if (path / "metadata" / "timestamp.json").exists()]
    at_hand = ring() if found else []
    return [Repository(path, at_hand, of=path.name) for path in found]


def repository(name: str) -> Repository:
    """The repository of a list, begun where there is none.

    Raises:
        NoRoot, KeyNotHere: as their names say.
    """
    history, at_hand = roots(), ring()
    found = Repository(directory() / name, at_hand, of=name)
    if fresh := not found.store.exists():
        found = Repository.create(directory() / name, root=history[0], ring=at_hand, of=name)
    ahead.bring(found, fresh=fresh)
    if len(found.store.roots()) < len(history):  # whoever pinned the first one is led to the last
        found.install_root(history[-1], between=history[1:-1])
    _admit(found)
    return found


# --- lists -----------------------------------------------------------------------------------------------------------


def terms(one: HashList) -> Terms:
    """On what terms a list is given."""
    rule = f"{one.organisations} of {one.jurisdictions}"
    return Terms(one.name, one.title[:200], one.tlp, one.radius, f"organisations {rule} jurisdictions"[:200])


def publish(one: HashList) -> bool:
    """Publish what is new of a list; whether there was anything.

    Raises:
        NoRoot, KeyNotHere: as their names say.
    """
    with tempfile.TemporaryDirectory(dir=directory()) as folder:
        with alone():
            ready = _ready(one, Path(folder), upto=queries.revision())
        if ready is None:
            return False
        check_in()  # witnesses may be slow: nobody waits for them who publishes something else
        with alone():
            return _attach(one, ready)


@dataclass(frozen=True, slots=True)
class _Ready:
    """Files that lead from the state ``since`` (0: from nothing) to ``upto``, and stand in the log."""

    written: Mapping[Path, Header]
    since: int
    upto: int


def _ready(one: HashList, folder: Path, *, upto: int) -> _Ready | None:
    """Write what is new of a list, and log it; None: nothing is."""
    served = Served.objects.get_or_create(list=one)[0]
    known, ours = repository(one.name), organisations.own().name
    held = known.holdings().get((one.name, ours))
    since = held.sequence if held else 0
    behind = ahead.is_behind(held)
    said = held is None or held.terms == terms(one)  # who follows is told of other terms at once, if of nothing else
    quiet = since and said and not behind
    if served.looked >= upto or (quiet and not has_news(one, since=max(since, served.looked), upto=upto)):
        _note(served, looked=upto, sequence=since)
        return None
    full = not since or behind or known.wants_full(one.name, ours)
    written: dict[Path, Header] = {}
    how: dict[str, Any] = {"terms": terms(one), "organisation": ours, "sequence": upto, "bases": known.bases()}
    if since and not behind:
        delta = folder / "delta.gz"
        written[delta] = write_delta(delta, own_words(one, since=since, upto=upto), since=since, **how)
        if not written[delta].lines and said and not full:
            _note(served, looked=upto, sequence=since)
            return None
    if full:
        path = folder / "full.gz"
        written[path] = write_full(path, own_words(one, upto=upto), **how)
    faults.point("publishing.written")
    log_files(one, written)
    return _Ready(written, since, upto)


def _attach(one: HashList, ready: _Ready) -> bool:
    """Let the signed metadata name what was written; False where somebody else has published meanwhile."""
    known, ours = repository(one.name), organisations.own().name
    held = known.holdings().get((one.name, ours))
    if (held.sequence if held else 0) != ready.since:
        return False
    known.publish(ours, *ready.written)
    faults.point("publishing.published")
    _note(Served.objects.get(list=one), looked=ready.upto, sequence=ready.upto)
    return True


@transaction.atomic
def log_files(one: HashList, written: Mapping[Path, Header], *, signatory: str = "") -> None:
    """Note the files and commit to them in the log, before anybody can fetch them; once, however often it is tried.

    Args:
        one: the list.
        written: the files, and what each says it is.
        signatory: who signed them, where they are passed on.
    """
    act, more = ("list.passed-on", {"signatory": signatory}) if signatory else ("list.published", {})
    for path, header in written.items():
        facts: dict[str, Any] = {"sha256": _digest(path), "length": path.stat().st_size}
        facts |= {"sequence": header.piece.sequence, "since": header.piece.since}
        if Publication.objects.filter(list=one, sha256=facts["sha256"]).exists():
            continue
        made = Publication.objects.create(list=one, lines=header.lines, at=clock.now(), **facts)
        append([Event(KIND, f"list:{one.name}", made.pk, canonical(made))])
        record(act, by="system", about=f"list:{one.name}", **facts, **more)


def check_in() -> None:
    """Let the log say so at once, where it can: who fetches the files wants to see that they are in it."""
    with suppress(RefusesToSign, NoWitnessAnswers):  # an alarm stands in the health of the node; lists go on
        publish_with_witnesses()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(served: Served, **facts: Any) -> None:
    """``at`` is when the state was published, and not when it was looked at."""
    served.at = clock.now() if facts["sequence"] != served.sequence else served.at
    for name, value in facts.items():
        setattr(served, name, value)
    if served.trouble.get("code") != NotRenewed.code():  # that one goes with the next renewal
        served.trouble, served.failed_at = {}, None
    served.save()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of publishing a list: ``published`` where there was anything new; ``error`` where it failed."""

    list: HashList
    published: bool
    error: HimayaError | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a list is published: how many statements its files have, and until when all of it is good."""

    served: Served
    lines: int
    until: datetime | None


def standing() -> list[Standing]:
    """How each list that is switched on is published.

    Raises:
        NoRoot: nothing can be.
    """
    roots()
    found, ours = [], organisations.own().name
    for one in queries.lists().filter(enabled=True):
        served = Served.objects.select_related("list").filter(list=one).first() or Served(list=one)
        known = Repository(directory() / one.name)
        try:
            held = known.holdings().get((one.name, ours)) if known.store.exists() else None
            mine = {*LIVES, "root", ours}
            until = min(until for role, until in known.expiries().items() if role in mine) if held else None
        except RepositoryDamaged as error:
            held, until, served.trouble = None, None, told(error)
        lines = sum(part.lines for part in held.way()) if held else 0
        found.append(Standing(served, lines, until))
    return found


def told(error: HimayaError) -> dict[str, Any]:
    """What stands in the way of a list, as it is kept with it."""
    said = {"what": Said(error.template(), **error.facts), "remedy": Said(error.remedy, **error.facts)}
    plain = {name: str(text) for name, text in said.items()}
    return {**plain, "code": error.code(), "said": {name: packed(text) for name, text in said.items()}}


def write_bundle(one: HashList, path: Path, *, by: str, since: int | None = None, wait: bool = True) -> bundle.Written:
    """Put what is published of a list into one file, with the newest checkpoint of the log and the proofs that what is
    in it stands there; on record.

    Args:
        one: the list.
        path: the file, which is there whole or not at all.
        by: the actor.
        since: the state that the receiver has; None: none.
        wait: see :func:`~himaya.federation.native.keys.alone`.

    Raises:
        NoRoot, KeyNotHere, NothingPublished, BeingPublished: as their names say.
        OSError: it cannot be written.
    """
    ours, latest = organisations.own().name, log_queries.latest()
    have = {(one.name, ours): since} if since else None
    checkpoint = latest.note.encode() if latest else b""
    with alone(wait=wait):
        known = repository(one.name)
        if not known.holdings():
            raise NothingPublished(list=one.name)
        written = bundle.write(known, path, have=have, checkpoint=checkpoint, prove=partial(_proofs, one))
    with transaction.atomic():
        record("list.bundled", by=by, about=f"list:{one.name}", since=since or 0, bytes=written.size)
    return written


def _proofs(one: HashList, digests: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Of files that stand in the log; none where no checkpoint holds the newest of them yet: who asks for the proofs
    takes nothing of the bundle then.
    """
    rows = Publication.objects.filter(list=one, sha256__in=digests).order_by("pk")
    first = {row.sha256: row.pk for row in reversed(rows)}
    leaves = {digest: log_queries.leaf_of(KIND, first[digest]) for digest in digests if digest in first}
    with suppress(log_queries.NotPublished, log_queries.Unshown):
        for digest, proof in zip(leaves, log_queries.prove_each(list(leaves.values())) if leaves else (), strict=True):
            yield digest, str(proof).encode()


# --- the worker's round ----------------------------------------------------------------------------------------------


def publish_due() -> bool:
    """Publish what is new of every list, and sign anew what grows old. In a thread of the worker's own."""
    if not root_path(1).exists():
        return False
    done = False
    if turns.is_due("publish", every=EVERY):
        turns.note("publish")
        for one in queries.lists().filter(enabled=True):
            done |= attempt(one).published
    if turns.is_due("renew", every=RENEWED):
        turns.note("renew")
        for known in repositories():
            done |= _tend(known, known.renew)
    return done


def _tend(known: Repository, sign: Callable[[], bool | None]) -> bool:
    """Sign anew what there is of a list; what stands in the way is noted with it, and no other list waits for it."""
    name, noted = known.store.directory.name, Served.objects.filter(list__name=known.store.directory.name)
    try:
        done = ahead.bring(known) | bool(sign())
    except (HimayaError, OSError, ValueError) as error:
        log.error("what was signed of the list %s is not signed anew: %s", name, error)
        why = NotRenewed(list=name, why=str(error)[:500].rstrip("."))
        noted.filter(trouble={}).update(trouble=told(why), failed_at=clock.now())
        return False
    noted.filter(trouble__code=NotRenewed.code()).update(trouble={}, failed_at=None)
    return done


def set_due() -> None:
    """Let a worker publish at once what is new of every list: it takes long, and no answer waits for it."""
    turns.call("publish")


def is_due() -> bool:
    """Whether a worker is about to publish what is new, or does so already."""
    return turns.is_due("publish", every=EVERY)


def attempt(one: HashList) -> Outcome:
    """Publish what is new of a list; what stands in the way is noted with it, and no other list waits for it."""
    try:
        return Outcome(one, published=publish(one))
    except OSError as error:
        return _failed(one, CannotBeWritten(list=one.name, why=error.strerror or str(error)))
    except HimayaError as error:
        return _failed(one, error)


def _failed(one: HashList, error: HimayaError) -> Outcome:
    log.error("list %s is not published: %s", one.name, error.diagnostics())
    Served.objects.filter(list=one).update(trouble=told(error), failed_at=clock.now())
    return Outcome(one, published=False, error=error)
