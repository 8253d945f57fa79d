"""Screening: the one service behind the command line, the API and the demonstration."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.cases.services import Seen, SeenMatch, open_cases
from himaya.core import clock, registry
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.ports import Options
from himaya.lists import quarantine, queries
from himaya.lists.parsing import UNKNOWN_DIGEST
from himaya.lists.services import find_list
from himaya.screening import decoders, flood, matching, preserving, waiting
from himaya.screening import kept as keeping
from himaya.screening.counting import count
from himaya.screening.fingerprinting import Fingerprinted, Skipped
from himaya.screening.options import chosen
from himaya.screening.things import Content as Content
from himaya.screening.things import File as File
from himaya.screening.things import Thing
from himaya.screening.things import Value as Value

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.cases.models import Case
    from himaya.evidence.models import Exhibit
    from himaya.evidence.services import Sealed
    from himaya.screening.preserving import Unkept


class TooMany(HimayaError):
    """{given} things in one request; at most {limit} are taken."""

    remedy = "Send them in several requests."
    status = 413


class TooLarge(HimayaError):
    """{name} has {size} bytes; at most {limit} are taken."""

    remedy = "Compute the fingerprints where the file is, and send those."
    status = 413


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about one thing. ``skipped`` is set where it could not be screened at all; ``suppressed`` would be
    matches, were they not known to be benign.
    """

    place: str
    fingerprints: tuple[tuple[str, str, int | None], ...] = ()
    matches: tuple[matching.Found, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)
    media_type: str = ""
    size: int | None = None
    skipped: Skipped | None = None
    suppressed: tuple[matching.Found, ...] = ()
    opened: bool = False
    """It is an archive, and its members are screened beside it."""
    case: Case | None = None
    exhibit: Exhibit | None = None
    """What is kept of it, where a rule says so."""

    @property
    def is_unscreened(self) -> bool:
        """Whether it could be compared with nothing: it was skipped, or there is a problem with all that it has."""
        named = {signal for signal, *_ in self.fingerprints}
        return self.skipped is not None or bool(named and named <= self.problems.keys())

    @property
    def calls(self) -> bool:
        """Whether it calls for a case: by an item that is not disputed, and not held, unless it is equal to that."""
        undisputed = [match for match in self.matches if match.item.state != "disputed"]
        return any(not match.item.quarantined or flood.is_equal(match) for match in undisputed)

    @property
    def disputed(self) -> bool:
        """Whether it matches disputed items alone: it is told, and nothing follows."""
        return bool(self.matches) and all(match.item.state == "disputed" for match in self.matches)

    @property
    def waits(self) -> bool:
        """Whether it opens its case once an item that it matches is let go."""
        return bool(self.matches) and not self.calls and not self.disputed


Read = tuple[str, Fingerprinted | Skipped | Value]
"""Where something was met, and what was read of it."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found out, before anything follows from it."""

    answers: list[Answer]
    read: list[Read]
    lists: tuple[str, ...] = ()
    """Names of the lists in which alone it was looked for; all if empty."""
    sealed: Mapping[int, Sealed | Unkept] = field(default_factory=dict)
    """By its number among the answers, what lies sealed and is kept once its case is open."""

    @property
    def hits(self) -> int:
        """How many things are known."""
        return sum(bool(one.matches) for one in self.answers)


@dataclass(frozen=True, slots=True)
class Shown:
    """How something came to be screened: what a sighting says. ``lists`` are those in which alone it was looked for;
    all if empty.
    """

    origin: str
    occasion: str
    by: str
    at: datetime
    lists: tuple[str, ...] = ()


def screen(
    things: Sequence[Thing],
    *,
    by: str,
    origin: str,
    occasion: str,
    lists: Iterable[str] = (),
    open_cases: bool = True,
    options: Options | None = None,
    on_progress: decoders.OnProgress = lambda *_: None,
) -> list[Answer]:
    """Say of each thing whether it is known, and open a case for each hit.

    Args:
        things: contents, files and fingerprints, at most ``max_batch``.
        by: the actor.
        origin: ``api``, ``cli``.
        occasion: names this act of looking; the same occasion and place again is the same sighting.
        lists: names of the lists to look in; all that are switched on where empty.
        open_cases: False only asks.
        options: how contents are fingerprinted; as the operator set it where None.
        on_progress: told, from threads, how far a file is that takes long: its number among the files, 0 to 1.

    Returns:
        One answer for each thing, in order.

    Raises:
        TooMany, TooLarge: a limit is exceeded; nothing was screened.
        UnknownList, UnknownPlugin, BadSignal: a name or a value is wrong; nothing was screened.
    """
    looked = look(things, lists=lists, options=options, on_progress=on_progress)
    if open_cases:
        looked = seal_hits(looked, things=things)
    return settle(looked, by=by, origin=origin, occasion=occasion, open_cases=open_cases)


def look(
    things: Sequence[Thing],
    *,
    lists: Iterable[str] = (),
    seconds: float = math.inf,
    options: Options | None = None,
    on_progress: decoders.OnProgress = lambda *_: None,
) -> Looked:
    """Say of each thing whether it is known. Writes nothing and holds nothing up: decoding may take its time.

    Args:
        things: as :func:`screen`.
        lists: as :func:`screen`.
        options: as :func:`screen`.
        seconds: the time for decoding in all; contents that are not done by then are skipped, and say so.
        on_progress: as :func:`screen`.

    Raises:
        TooMany, TooLarge, UnknownList, UnknownPlugin, BadSignal: as :func:`screen`.
    """
    settings = config()
    if len(things) > settings.max_batch:
        raise TooMany(given=len(things), limit=settings.max_batch)
    for thing in things:
        if isinstance(thing, Content) and len(thing.content) > settings.max_file_bytes:
            raise TooLarge(name=thing.place or "a file", size=len(thing.content), limit=settings.max_file_bytes)
    read = _read(things, seconds, options or chosen(), on_progress)
    names = tuple(lists)
    return Looked(answer(read, lists=names), read, names)


def seal_hits(looked: Looked, *, things: Sequence[Thing]) -> Looked:
    """Seal what calls for a case, where a rule says that it is kept (:mod:`himaya.evidence`); :func:`settle` keeps it.

    Raises:
        ContentChanged: it is not what matched any more; nothing is kept.
    """
    calling = {n: thing for n, (one, thing) in enumerate(zip(looked.answers, things, strict=True)) if one.calls}
    digests = {n: one.sha256 for n, (_, one) in enumerate(looked.read) if isinstance(one, Fingerprinted)}
    media = {n: one.media_type for n, one in enumerate(looked.answers)}
    return replace(looked, sealed=preserving.sealed(calling, digests, media))


def settle(looked: Looked, *, by: str, origin: str, occasion: str, open_cases: bool = True) -> list[Answer]:
    """Count what was looked at and open a case for each hit, in one transaction; where none is opened, in none."""
    now = clock.now()  # one moment for what is kept and for the sighting, by which they are told to be the same
    kept = keeping.traces(looked.read, origin=origin, lists=looked.lists, at=now) if open_cases else []
    if not (open_cases and looked.hits):
        count(Counter(map(_outcome, looked.answers)), origin=origin, met=_met(looked), kept=kept)
        return looked.answers
    with transaction.atomic():
        sealed = preserving.lock(looked.sealed) if looked.sealed else {}
        keeping.write(kept)
        answers = _guarded(looked, [Shown(origin, occasion, by, now, looked.lists)] * len(looked.answers), by=by)
        for n, exhibit in preserving.kept(sealed, answers, by=by, occasion=occasion, at=now).items():
            answers[n] = replace(answers[n], exhibit=exhibit)
        count(Counter(map(_outcome, answers)), origin=origin)
    return answers


def settle_before(
    looked: Looked, *, shown: Sequence[Shown], outcome: str = "before", guarded: bool = True
) -> list[Answer]:
    """Open cases for what was screened earlier and calls for them only now, within the caller's transaction.

    Args:
        looked: what is kept of it, matched now.
        shown: how each of them was met; told again, it is the same sighting.
        outcome: under which name the cases are counted.
        guarded: let the flood guard know; not of what waited for a person, who has decided by now.
    """
    if guarded:
        answers = _guarded(looked, shown, by="system")
    else:
        answers = _opened(looked.answers, looked.read, shown, by="system")
    cases = Counter(one.origin for one, answer in zip(shown, answers, strict=True) if answer.case is not None)
    for origin, number in sorted(cases.items()):
        count({outcome: number}, origin=origin)
    return answers


def _guarded(looked: Looked, shown: Sequence[Shown], *, by: str) -> list[Answer]:
    """Let the flood guard know, open cases, and let what is held wait; locks are taken in the order of :mod:`flood`."""
    floods = flood.note(_met(looked))
    answers = [_held(one, floods.items) for one in looked.answers] if floods.items else looked.answers
    held = _waiting(answers, looked, shown)
    waiting.lock(held)
    answers = _opened(answers, looked.read, shown, by=by)
    quarantine.hold_items(floods.new)
    waiting.keep(held)
    return answers


def _met(looked: Looked) -> list[flood.Met]:
    """What the flood guard is to know of: likenesses to items that were not held when they were looked up."""
    pairs = zip(looked.answers, looked.read, strict=True)
    return [
        flood.met(hit.item.id, _subject(one, source), hit.distance)
        for one, (_, source) in pairs
        for hit in one.matches
        if not hit.item.quarantined and not flood.is_equal(hit)
    ]


def _waiting(answers: Sequence[Answer], looked: Looked, shown: Sequence[Shown]) -> list[waiting.Held]:
    held = []
    for one, (place, source), how in zip(answers, looked.read, shown, strict=True):
        if one.waits and not isinstance(source, Skipped):
            trace = keeping.trace(place, source, how.origin, how.at, how.lists)
            held.append(waiting.Held(trace, one.matches, how.occasion, how.by))
    return held


def _held(one: Answer, items: Container[int]) -> Answer:
    """The answer, where some of its items are put into quarantine with it, or were since it was given."""
    hits = [replace(m, item=replace(m.item, quarantined=True)) if m.item.id in items else m for m in one.matches]
    return replace(one, matches=tuple(hits))


def _read(things: Sequence[Thing], seconds: float, options: Options, on_progress: decoders.OnProgress) -> list[Read]:
    contents = [t.content for t in things if isinstance(t, Content)]
    paths = [t.path for t in things if isinstance(t, File)]
    pool = decoders.shared()
    fingerprinted = iter(pool.contents(contents, seconds=seconds, options=options) if contents else ())
    limit = config().max_file_bytes
    files = iter(pool.files(paths, max_bytes=limit, options=options, on_progress=on_progress) if paths else ())
    read: list[Read] = []
    for thing in things:
        if isinstance(thing, Content | File):
            read.append((thing.place, next(fingerprinted if isinstance(thing, Content) else files)))
        else:
            value, body = registry.signal(thing.signal).read(thing.value)
            read.append((thing.place, Value(thing.signal, value, thing.place, body)))
    return read


def answer(read: Sequence[Read], *, lists: Iterable[str] = ()) -> list[Answer]:
    """Match what was read. Writes nothing.

    Raises:
        UnknownList: a name is wrong.
    """
    names = [find_list(name).name for name in lists]
    wanted = [_values(one) for _, one in read]
    bodies = {value: body for _, one in read for value, body in _bodies(one)}
    alone = _alone(wanted, bodies)
    for signal in sorted({signal for signal, _ in alone}):
        bodies |= queries.bodies(signal, [value for name, value in alone if name == signal])
    found = matching.find(wanted, only=names, limit=config().max_matches, bodies=bodies)
    unknown = {thing for thing in alone if thing[1] not in bodies}
    return [
        replace(_answer(place, one, tuple(hits.matches), unknown), suppressed=tuple(hits.suppressed))
        for (place, one), hits in zip(read, found, strict=True)
    ]


def _alone(wanted: Iterable[matching.Thing], bodies: Container[str]) -> set[tuple[str, str]]:
    """Values of composite signals without what they are the digest of, as (signal, value)."""
    composite = {name for name, signal in registry.signals().items() if signal.composite}
    return {
        (signal, value) for thing in wanted for signal, value, _ in thing if signal in composite and value not in bodies
    }


def _values(one: Fingerprinted | Skipped | Value) -> list[tuple[str, str, str]]:
    if isinstance(one, Value):
        return [(one.signal, one.value, "")]
    if isinstance(one, Skipped):
        return []
    return [(f.signal, f.value, f.variant) for f in one.fingerprints]


def _bodies(one: Fingerprinted | Skipped | Value) -> list[tuple[str, bytes]]:
    if isinstance(one, Value):
        return [(one.value, one.body)] if one.body else []
    return [(f.value, f.body) for f in one.fingerprints if f.body] if isinstance(one, Fingerprinted) else []


def _answer(
    place: str,
    one: Fingerprinted | Skipped | Value,
    hits: tuple[matching.Found, ...],
    unknown: Container[tuple[str, str]],
) -> Answer:
    if isinstance(one, Value):
        problems = {one.signal: UNKNOWN_DIGEST} if (one.signal, one.value) in unknown else {}
        return Answer(place, ((one.signal, one.value, None),), hits, problems)
    if isinstance(one, Skipped):
        return Answer(place, skipped=one)
    values = tuple((f.signal, f.value, f.quality) for f in one.fingerprints if not f.variant)
    return Answer(place, values, hits, one.problems, one.media_type, one.size)


def _opened(
    answers: Sequence[Answer],
    read: Sequence[Read],
    shown: Sequence[Shown],
    *,
    by: str,
) -> list[Answer]:
    """Open or join a case for every answer that calls for one; all of them commit together."""
    met = zip(answers, read, shown, strict=True)
    seen = [_seen(one, source, how) for one, (_, source), how in met if one.calls]
    cases = iter(open_cases(seen, by=by) if seen else ())
    return [replace(one, case=next(cases)) if one.calls else one for one in answers]


def _subject(one: Answer, source: Fingerprinted | Skipped | Value) -> str:
    """What names the content."""
    return f"sha256:{source.sha256}" if isinstance(source, Fingerprinted) else ":".join(one.fingerprints[0][:2])


def _seen(one: Answer, source: Fingerprinted | Skipped | Value, how: Shown) -> Seen:
    exact = isinstance(source, Fingerprinted)
    matches = [
        SeenMatch(
            m.item.id, m.item.list_name, m.item.signal, m.item.value, m.distance, m.item.radius, m.item.state,
            m.item.scheme, m.item.code, m.item.source, m.item.added_by, m.item.added_at, m.variant, m.overlap,
        )
        for m in one.matches
    ]  # fmt: skip
    place = one.place or ("" if exact else "a fingerprint was sent")
    return Seen(
        _subject(one, source), one.fingerprints, matches, how.origin, how.occasion, place, one.media_type, one.size,
        how.at, how.by,
    )  # fmt: skip


def _outcome(one: Answer) -> str:
    if one.is_unscreened:
        return "skipped"
    if one.matches:
        return "hit" if one.calls else "disputed" if one.disputed else "quarantined"
    return "suppressed" if one.suppressed else "miss"
