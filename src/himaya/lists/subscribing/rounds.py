"""One round of a subscription: read everything that changed, then let all of it count in one moment.

Until the last page has come, nothing of a round counts; then the entries arrive like a file (``lists.arrivals``): the
checkpoint is moved in the transaction that lets them count. Whatever is killed in between, the list is the old one or
the new one, and the next attempt goes on where this one was: with the pages that are on disk, or with applying them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction

from himaya.core import clock, faults, registry
from himaya.core.exchange import Entry, Gone, SourceTrouble
from himaya.core.labels import narrowest
from himaya.core.ports import ItemRow, Refusal
from himaya.core.statements import VOUCH
from himaya.core.words import N_, packed, printable
from himaya.ledger.services import record
from himaya.lists.arrivals import Arrival, Ballot, FromSource, Voice
from himaya.lists.labels import narrow
from himaya.lists.models import HashList, Statement, Subscription
from himaya.lists.organisations import slug
from himaya.lists.parsing import LIMITS, Reader
from himaya.lists.subscribing.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from himaya.core.exchange import Exchange, Page
    from himaya.core.outward import Client

BATCH = 1000
"""Entries that are applied in a transaction; of an import, as many rows."""
FIRST = 20
"""Refused rows that are told word for word."""


@dataclass(slots=True)
class Round:
    """What a round brought.

    Attributes:
        pages: answers that were read.
        entries: things that the source told of, those that are gone included.
        added, changed, unchanged, retracted, kept_withdrawn: what became of items.
        refused: rows that could not be taken, the first of them with the reason.
        unread: kind of fingerprint that no signal of this node reads → how many.
        caught: items that match a canary.
    """

    pages: int = 0
    entries: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    retracted: int = 0
    kept_withdrawn: int = 0
    refused: int = 0
    caught: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    first: list[dict[str, Any]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        counts = {name: getattr(self, name) for name in COUNTS}
        return {**counts, "unread": dict(self.unread.most_common(20)), "first": self.first[:FIRST]}


COUNTS = ("pages", "entries", "added", "changed", "unchanged", "retracted", "kept_withdrawn", "refused", "caught")
OnProgress = Callable[[str, int, int | None], object]
"""Called with what is being done (``reading``, ``applying``), how many entries are, and how many there will be."""


def read(
    one: Subscription,
    exchange: Exchange,
    options: BaseModel,
    client: Client,
    on_progress: OnProgress,
    *,
    stick: Path | None = None,
) -> Spool:
    """Read the rest of the round that is on its way, or a new one; the spool is the caller's to close.

    With ``stick``, a file that somebody brought, it is read out of that instead, from its beginning.

    Raises:
        SourceTrouble: what was read so far is kept, and the next attempt goes on behind it.
    """
    spool = Spool(one.pk, begun(one))
    try:
        if stick or not (spool.ended or spool.note("resume")):  # it cannot go on behind what is here
            spool.clear()
        if not spool.ended:
            for page in _pages(one, exchange, options, client, spool, stick):
                spool.add(page)
                total = spool.note("total")
                on_progress("reading", len(spool), int(total) if total else None)
                faults.point("subscribing.page")
            if not spool.ended:
                raise SourceTrouble(why=N_("its answer has no end"))
    except BaseException:
        spool.__exit__()
        raise
    return spool


def _pages(
    one: Subscription, exchange: Exchange, options: BaseModel, client: Client, spool: Spool, stick: Path | None
) -> Iterator[Page]:
    if stick:
        return exchange.carry(options, stick, client.keep, checkpoint=one.checkpoint)
    return exchange.pull(options, client, checkpoint=one.checkpoint, resume=spool.note("resume"))


def begun(one: Subscription) -> str:
    """What tells this round from any other: its number, from where it is read, and what the source is asked for."""
    asked = json.dumps([one.rounds, one.checkpoint, one.exchange, one.options], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def apply(one: Subscription, spool: Spool, on_progress: OnProgress) -> Round | None:
    """Let the whole of a round count; None where somebody else has done so meanwhile.

    Raises:
        ImportUnderWay, ImportLost: an import into the list is in the way; the round stays on disk.
    """
    done = Round(pages=int(spool.note("pages") or 0), entries=len(spool), refused=spool.refused, first=spool.refusals())
    reader = Reader("", radius=one.list.radius)
    with FromSource(one.list, by=actor(one), voice=voice_of(one)) as come:
        applied = 0
        for batch in spool.batches(BATCH):
            bring(come, batch, reader, done, members=one.members)
            applied += len(batch)
            on_progress("applying", applied, done.entries)
            faults.point("subscribing.batch")
        if spool.note("complete"):
            for keys in _standing_keys(one.pk) if come.goes_on else ():
                come.keep_only(dict.fromkeys(spool.lacks(keys), ()))
        _hear(come, spool, reader, done)
        weigh(come, reader, done)
        return done if _publish(one, come, done, spool) else None


def voice_of(one: Subscription) -> Voice:
    """In whose name the source speaks."""
    return Voice(one.organisation, one.basis, one.pk, one.members, not one.seconded)


def weigh(come: Arrival, reader: Reader, done: Round) -> None:
    """Count what has arrived, after its last batch."""
    come.weigh()
    done.caught = reader.caught
    for name in ("added", "changed", "unchanged", "retracted", "kept_withdrawn"):
        setattr(done, name, getattr(come, name))


@transaction.atomic
def _publish(one: Subscription, come: Arrival, done: Round, spool: Spool) -> bool:
    now = Subscription.objects.select_for_update(no_key=True).filter(pk=one.pk).first()
    if now is None or begun(now) != begun(one):
        return False
    HashList.objects.select_for_update(no_key=True).get(pk=one.list_id)
    all_told = spool.note("complete") or registry.exchange(one.exchange).one_label
    now.tlp = narrowest((spool.note("tlp"), "" if all_told else now.tlp))
    narrow(one.list, now.tlp, by=actor(one))
    let_count(one, come, done, act="list.followed", by=actor(one))
    now.checkpoint, now.rounds, now.told = spool.note("checkpoint"), now.rounds + 1, done.told()
    now.ended_at, now.failures, now.failed_at, now.trouble = clock.now(), 0, None, {}
    now.save(update_fields=["checkpoint", "rounds", "told", "tlp", "ended_at", "failures", "failed_at", "trouble"])
    faults.point("subscribing.before_commit")
    return True


def let_count(one: Subscription, come: Arrival, done: Round, *, act: str, by: str, **facts: Any) -> None:
    """Let what has arrived hold, with the caller's transaction, and put on record what it brought."""
    if come.brings:
        come.publish()
        come.benign.alarm(by=by)
        counts = {name: getattr(done, name) for name in ("added", "changed", "retracted", "kept_withdrawn", "refused")}
        record(act, by=by, about=f"list:{one.list.name}", **counts, **facts)
    if done.caught:
        record("list.canary", by=actor(one), about=f"list:{one.list.name}", items=done.caught)


def actor(one: Subscription) -> str:
    """The subscription as the ledger names it."""
    return f"subscription:{one.name}"


def _standing_keys(subscription: int) -> Iterator[list[str]]:
    last = ""
    rows = Statement.objects.filter(subscription=subscription, act=VOUCH).order_by("key").distinct()
    while keys := list(rows.filter(key__gt=last).values_list("key", flat=True)[:BATCH]):
        last = keys[-1]
        yield keys


# --- entries into rows -----------------------------------------------------------------------------------------------


def bring(come: FromSource, batch: dict[str, Entry | Gone], reader: Reader, done: Round, *, members: bool) -> None:
    """Let a source say some of what it says, by its keys."""
    rows: list[ItemRow] = []
    gone: list[Gone] = []
    told: dict[str, list[tuple[str, str]]] = {key: [] for key in batch}
    votes: dict[tuple[str, str], list[Ballot]] = {}
    for key, entry in batch.items():
        if isinstance(entry, Gone):
            gone.append(entry)
            continue
        for row in reader.read(_rows(key, entry, done)):
            if isinstance(row, Refusal):
                done.refused += 1
                if len(done.first) < FIRST:
                    excerpt = printable(f"{key}: {row.excerpt}"[:80])
                    done.first.append({"line": 0, "why": packed(row.why), "excerpt": excerpt})
                continue
            rows.append(row)
            told[key].append((row.signal, row.value))
            votes[row.signal, row.value] = [
                Ballot(slug(one.organisation) if one.organisation else "", one.opinion, one.reason[: LIMITS["note"]],
                       one.at)
                for one in entry.votes if members or not one.organisation
            ]  # fmt: skip
    come.take(rows)
    if come.goes_on:
        come.keep_only(told, *gone)
    come.hear(votes)


def _hear(come: FromSource, spool: Spool, reader: Reader, done: Round) -> None:
    """Votes that are told apart, once all entries are there, whoever told them first."""
    for some in spool.votes(BATCH):
        there = come.standing(some)
        new = [one for one in some if one not in there and one.signal in registry.signals()]
        rows = [ItemRow(0, one.signal, one.value) for one in new]
        known = {(row.signal, row.value) for row in reader.read(rows) if isinstance(row, ItemRow)}
        done.refused += len(rows) - sum((row.signal, row.value) in known for row in rows)
        come.hear_apart([one for one in some if one in there or (one.signal, one.value) in known])
    if spool.note("complete"):
        for keys in come.standing_votes():
            come.take_votes_back(spool.lacks(keys))


def _rows(key: str, entry: Entry, done: Round) -> Iterable[ItemRow]:
    known = registry.schemes().get(entry.scheme)
    scheme, code = (entry.scheme, entry.code) if known and known.get(entry.code) else ("", "")
    note = entry.note or ("" if scheme or not entry.code else f"{entry.scheme} {entry.code}".strip())
    for signal, value in entry.signals:
        if signal not in registry.signals():
            done.unread[signal[:40]] += 1
            continue
        yield ItemRow(
            0, signal, value, scheme, code, reference=key, note=note[: LIMITS["note"]].replace("\0", ""),
            organisation=slug(entry.organisation) if entry.organisation else "", jurisdiction=entry.jurisdiction,
            basis=entry.basis, at=entry.at, until=entry.until,
        )  # fmt: skip
