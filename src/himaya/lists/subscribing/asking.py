"""Questions: what a source knows of hashes that somebody names.

It learns each hash, and that this node holds it. So nobody is asked until somebody lets a subscription be asked; what
goes out is counted, limited by the day and put on record before it goes. What was answered within a week is not asked
again: a question that was cut off goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from django.db import transaction

from himaya.core import clock, registry
from himaya.core.errors import BadSignal, HimayaError
from himaya.core.exchange import NEAR, Entry, Gone, SourceTrouble
from himaya.core.ports import ItemRow, Refusal
from himaya.core.words import N_, Said, packed
from himaya.ledger import turns
from himaya.ledger.services import record
from himaya.lists.arrivals import FromSource
from himaya.lists.models import Answer, Subscription
from himaya.lists.parsing import LIMITS, Reader
from himaya.lists.subscribing import rounds
from himaya.lists.subscribing.options import client, configured
from himaya.lists.subscribing.rounds import BATCH, Round, actor
from himaya.lists.subscribing.running import fail
from himaya.lists.subscribing.wellbeing import brings_list

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.core.outward import Client

T = TypeVar("T")
AT_ONCE = 500
"""Hashes that are put on record, asked about and noted together."""
MOST = 100_000
"""Hashes of one question."""
FRESH, KEPT = timedelta(days=7), timedelta(days=30)
"""How long an answer is not asked for again, and how long it is kept."""
RESEMBLES = N_("it only resembles what the source knows")
FORGOTTEN = 3600
"""Seconds after which a worker looks for answers to forget."""


class NotToBeAsked(HimayaError):
    """The source of the subscription {name!r} may not be asked about hashes."""

    remedy = (
        "Asking tells it the hashes, and that this node holds them. Whoever may change sources lets it be asked: under "
        "Lists, Subscriptions, Change; or: himaya subscriptions set {name} --questions"
    )
    status = 409


class AsleepSource(HimayaError):
    """The subscription {name!r} is paused: its source is not asked either."""

    remedy = "Let it go on, then ask."
    status = 409


class NotAskedAbout(HimayaError):
    """The source of the subscription {name!r} cannot be asked about {signal!r}; it takes: {known}."""

    status = 422


class AskedEnough(HimayaError):
    """The source of the subscription {name!r} was asked about {n} hashes today, as many as are allowed."""

    remedy = "Ask for the rest after midnight (UTC): what it has answered is kept. Or have the limit raised."
    status = 429


class TooManyHashes(HimayaError):
    """More than {n} hashes are asked about at once; the first {n} were."""

    remedy = "Ask about the rest by itself."
    status = 413


@dataclass(slots=True)
class Question:
    """What became of a question.

    Attributes:
        asked: hashes that went out.
        kept: hashes whose answer was there already.
        known: of both, those that the source knows.
        answers: ids of the answers, in the order asked.
    """

    asked: int = 0
    kept: int = 0
    known: int = 0
    answers: list[int] = field(default_factory=list)

    def add(self, some: list[Answer], *, asked: int) -> None:
        """Count the answers of a batch, of which so many went out."""
        self.asked, self.kept = self.asked + asked, self.kept + len(some) - asked
        self.known += sum(one.known for one in some)
        self.answers += [one.pk for one in some]


OnAnswers = Callable[[list[Answer]], object]


def signal_of(one: Subscription, signal: str = "") -> str:
    """The signal that its source is asked about; where it takes but one, nobody has to say which.

    Raises:
        UnknownPlugin, NotAskedAbout: as their names say.
    """
    asks = registry.exchange(one.exchange).asks
    found = signal or (asks[0] if len(asks) == 1 else "")
    if found not in asks:
        raise NotAskedAbout(name=one.name, signal=found[:40], known=", ".join(asks) or "nothing")
    return found


def read_hashes(rows: Iterable[ItemRow | Refusal], *, signal: str) -> Iterator[str | Refusal]:
    """Canonical values out of the rows of a file; what is none of that signal is refused, and never goes out."""
    known = registry.signal(signal)
    for row in rows:
        if isinstance(row, Refusal):
            yield row
        elif (named := row.signal.strip().lower()) not in ("", signal):
            yield Refusal(row.line, Said("the source is not asked about {signal}", signal=named[:40]), row.value[:80])
        else:
            try:
                yield known.read(row.value)[0]
            except BadSignal as error:
                yield Refusal(row.line, cast("str", error.facts["why"]), row.value[:80])


def ask(
    one: Subscription,
    *,
    signal: str,
    values: Iterable[str],
    by: str,
    anew: bool = False,
    on_answers: OnAnswers = lambda _: None,
    line: Client | None = None,
) -> Question:
    """Ask its source about hashes, batch by batch.

    Args:
        one: a subscription that may be asked.
        signal: one of those that its source takes.
        values: canonical values, at most :data:`MOST`; one that comes again is asked about once.
        by: the actor.
        anew: whether what was answered within a week is asked again.
        on_answers: called with the answers of each batch, in the order asked, once they are kept.
        line: what to speak through; a client of its own where None.

    Raises:
        NotToBeAsked, AsleepSource, NotAskedAbout: as their names say; nothing went out.
        AskedEnough, TooManyHashes: what was answered until then is kept.
        SourceTrouble: the source could not be asked; what was answered until then is kept.
    """
    plugin, options = configured(one)
    signal_of(one, signal)
    _check_open(one)
    told = Question()
    with line or client(one) as spoken:
        for batch in _parts(values, AT_ONCE):
            if len(told.answers) >= MOST:
                raise TooManyHashes(n=MOST)
            wanted = tuple(dict.fromkeys(batch))
            here = {} if anew else _answered(one, signal, wanted)
            open_ = [value for value in wanted if value not in here]
            going = open_[: _reserve(one, signal, open_, by=by)] if open_ else []
            if going:
                known = _look_up(one, partial(plugin.look_up, options, spoken, signal=signal, values=going))
                _keep(one, signal, {value: known.get(key_of(signal, value)) for value in going})
            there = {**here, **_answered(one, signal, going)}
            given = [there[value] for value in wanted if value in there]
            told.add(given, asked=len(going))
            if given:
                _note(one, told)
                on_answers(given)
            if len(going) < len(open_):
                raise AskedEnough(name=one.name, n=one.daily)
    return told


def _look_up(one: Subscription, entries: Callable[[], Iterator[Entry]]) -> dict[str, Entry]:
    try:
        found = {entry.key: entry for entry in entries()}
    except SourceTrouble as error:
        if not brings_list(one):  # one that brings a list too is judged by its rounds
            fail(one, error)
        raise
    return found


def _parts(values: Iterable[T], n: int) -> Iterator[tuple[T, ...]]:
    rest = iter(values)
    while part := tuple(islice(rest, n)):
        yield part


def key_of(signal: str, value: str) -> str:
    """The key under which a source that is asked says what it says (``core.exchange``)."""
    return f"{signal}:{value}"


def _check_open(one: Subscription) -> None:
    if not one.enabled:
        raise AsleepSource(name=one.name)
    if not one.asking:
        raise NotToBeAsked(name=one.name)


@transaction.atomic(durable=True)  # whatever becomes of the caller, what went out stays on record
def _reserve(one: Subscription, signal: str, values: list[str], *, by: str) -> int:
    """How many of the hashes may go out today; put on record before they do, by number and by a digest of them."""
    now, today = Subscription.objects.select_for_update(no_key=True).get(pk=one.pk), clock.now().date()
    _check_open(now)
    before = now.asked if now.asked_on == today else 0
    n = max(0, min(len(values), now.daily - before))
    one.daily = now.daily
    if n:
        now.asked_on, now.asked = today, before + n
        now.save(update_fields=["asked_on", "asked"])
        digest = hashlib.sha256("\n".join(values[:n]).encode()).hexdigest()
        record("subscription.asked", by=by, about=actor(one), signal=signal, hashes=n, sha256=digest)
    return n


@transaction.atomic
def _keep(one: Subscription, signal: str, told: dict[str, Entry | None]) -> None:
    at = clock.now()
    rows = [
        Answer(
            subscription=one, signal=signal, value=value, at=at, known=entry is not None,
            scheme=entry.scheme if entry else "", code=entry.code if entry else "",
            note=entry.note[: LIMITS["note"]].replace("\0", "") if entry else "",
        )
        for value, entry in told.items()
    ]  # fmt: skip
    Answer.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["subscription", "signal", "value"],
        update_fields=["at", "known", "scheme", "code", "note"],
    )  # fmt: skip


def forget_answers(one: Subscription) -> None:
    """Forget what its source answered."""
    Answer.objects.filter(subscription=one).delete()


def forget_old() -> bool:
    """Forget what was answered long ago. In rounds of the worker, now and then; False: nobody waits for it."""
    if turns.is_due("lists.answers", every=FORGOTTEN):
        turns.note("lists.answers")
        Answer.objects.filter(at__lt=clock.now() - KEPT).delete()
    return False


def _answered(one: Subscription, signal: str, values: Iterable[str]) -> dict[str, Answer]:
    rows = Answer.objects.filter(subscription=one, signal=signal, value__in=list(values), at__gt=clock.now() - FRESH)
    return {row.value: row for row in rows}


def _note(one: Subscription, told: Question) -> None:
    """How it is with a source that only answers."""
    if not brings_list(one):
        counts = {"asked": told.asked, "answered": told.kept, "known": told.known}
        Subscription.objects.filter(pk=one.pk).update(
            ended_at=clock.now(), failures=0, failed_at=None, trouble={}, told=counts
        )


# --- what to do with answers -----------------------------------------------------------------------------------------


def take(one: Subscription, *, answers: list[int], by: str, near: bool = False) -> Round:
    """Let what the source answered count on the list of the subscription, in the voice of the source, in one moment.

    What it knows it vouches for; what it knew once, and does not know any more, it takes back. What only resembles
    something that it knows is not known itself: it is refused.

    Args:
        one: the subscription.
        answers: ids, as :func:`ask` gives them.
        by: the actor.
        near: whether somebody says that what resembles known material shall count as known, too.

    Raises:
        ImportUnderWay, ImportLost: an import into the list is in the way; the answers are kept.
    """
    done, reader = Round(entries=len(answers)), Reader("", radius=one.list.radius)
    with FromSource(one.list, by=by, voice=rounds.voice_of(one)) as come:
        for batch in _parts(answers, min(BATCH, AT_ONCE)):
            rows = Answer.objects.filter(pk__in=batch, subscription=one).order_by("pk")
            said = {key_of(row.signal, row.value): _entry(row, done, near=near) for row in rows}
            rounds.bring(come, said, reader, done, members=False)
        rounds.weigh(come, reader, done)
        with transaction.atomic():
            rounds.let_count(one, come, done, act="list.answered", by=by, subscription=one.name)
    return done


def _entry(row: Answer, done: Round, *, near: bool) -> Entry | Gone:
    key = key_of(row.signal, row.value)
    if row.known and row.note == NEAR and not near:
        done.refused += 1
        done.first += [{"line": 0, "why": packed(RESEMBLES), "excerpt": key[:80]}][: rounds.FIRST - len(done.first)]
        return Gone(key, RESEMBLES, row.at)
    if not row.known:
        return Gone(key, N_("the source does not know it any more"), row.at)
    return Entry(key, ((row.signal, row.value),), row.scheme, row.code, at=row.at, note=row.note)


# --- of one item -----------------------------------------------------------------------------------------------------


def askable(signal: str) -> list[Subscription]:
    """The subscriptions whose source may be asked about a signal now, by name."""
    asks = [one.name for one in registry.exchanges().values() if signal in one.asks]
    rows = Subscription.objects.filter(exchange__in=asks, asking=True, enabled=True)
    return list(rows.select_related("list", "organisation").order_by("name"))


def answers(signal: str, *, value: str) -> QuerySet[Answer]:
    """What sources answered last about a hash, by the name of the subscription."""
    rows = Answer.objects.filter(signal=signal, value=value)
    return rows.select_related("subscription__organisation").order_by("subscription__name")
