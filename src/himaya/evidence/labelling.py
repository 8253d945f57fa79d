"""What other bodies say of what is kept: kept with who said so, beside one another where they differ, never ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.intake.offered import KINDS, MAX_VALUE, Label
from himaya.core.vault.sealed import DIGESTS
from himaya.core.words import N_, printable
from himaya.evidence.models import Exhibit
from himaya.evidence.models import Label as Row
from himaya.ledger.services import record

STEP = 200
MOST = 100
"""Labels of one exhibit by one body."""
ONE_VALUE = frozenset({"category", "series"})
"""Kinds of which a thing has one: where two bodies name two, they contradict one another."""


class BadLabel(HimayaError):
    """The label cannot be kept: {why}."""

    status = 422


@transaction.atomic
def add_labels(exhibit: Exhibit, *, labels: Iterable[Label], said_by: str, came_with: str, by: str) -> list[Label]:
    """Keep what somebody else says of an exhibit. Told twice it is kept once; nothing that stands is overwritten.

    Args:
        exhibit: of what.
        labels: what they say.
        said_by: who says so, 1 to 300 characters.
        came_with: by what it came: ``intake:12``.
        by: who took it.

    Returns:
        Those that are new.

    Raises:
        BadLabel: a kind is not known, or a field is too long.
    """
    who = printable(said_by).strip()[:300]
    wanted = list(dict.fromkeys(labels))
    if not who:
        raise BadLabel(why=N_("it does not say who says so"))
    for one in wanted:
        if one.kind not in KINDS or not 0 < len(one.value) <= MAX_VALUE:
            raise BadLabel(why=N_("its kind is not known here, or its value is empty or too long"))
    if not wanted:
        return []
    Exhibit.objects.select_for_update().get(pk=exhibit.pk)
    have = set(Row.objects.filter(exhibit=exhibit, said_by=who).values_list("kind", "value"))
    new = [one for one in wanted if (one.kind, one.value) not in have][: max(MOST - len(have), 0)]
    now = clock.now()
    Row.objects.bulk_create(
        Row(
            exhibit=exhibit, kind=one.kind, value=one.value, said_by=who, came_with=came_with[:100], taken_by=by,
            taken_at=now,
        )
        for one in new
    )  # fmt: skip
    if new:
        record("evidence.labelled", by=by, about=exhibit.about, labels=len(new), with_=came_with[:100])
    return new


def share_labels(exhibit: Exhibit, *, by: str) -> None:
    """Let exhibits of the same content have the same labels: what was said of one is said of all."""
    same = list(Exhibit.objects.filter(blob=exhibit.blob_id).order_by("pk"))
    found = labels_of(same) if len(same) > 1 else {}
    every = {(row.said_by, row.came_with, row.kind, row.value): None for rows in found.values() for row in rows}
    for one in same if every else ():
        have = {(row.said_by, row.kind, row.value) for row in found.get(one.pk, ())}
        lacking = defaultdict[tuple[str, str], list[Label]](list)
        for who, came_with, kind, value in every:
            if (who, kind, value) not in have:
                lacking[who, came_with].append(Label(kind, value))
        for (who, came_with), labels in lacking.items():
            add_labels(one, labels=labels, said_by=who, came_with=came_with, by=by)


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says of whatever has these digests: ``md5``, ``sha1``, ``sha256``, ``sha512``."""

    digests: Mapping[str, str]
    labels: tuple[Label, ...]
    said_by: str


@dataclass(slots=True)
class Applied:
    """What came of it: exhibits that have new labels, new labels, things said of what is not here, contradictions."""

    exhibits: int = 0
    labels: int = 0
    unknown: int = 0
    contradicting: list[str] = field(default_factory=list)
    """References of exhibits of which two bodies say different things, as far as they were met; each once."""


def apply_labels(every: Iterable[Said], *, came_with: str, by: str) -> Applied:
    """Keep what others say of exhibits of equal digest. What is said of things that are not here is dropped.

    Raises:
        BadLabel: as :func:`add_labels`; what came before it stays.
    """
    done, source = Applied(), iter(every)
    while some := list(islice(source, STEP)):
        for said, exhibits in zip(some, of_equal_digest([one.digests for one in some]), strict=True):
            done.unknown += not exhibits
            for exhibit in exhibits:
                new = add_labels(exhibit, labels=said.labels, said_by=said.said_by, came_with=came_with, by=by)
                done.exhibits, done.labels = done.exhibits + bool(new), done.labels + len(new)
                if contradictions(labels_of([exhibit])[exhibit.pk]) and exhibit.reference not in done.contradicting:
                    done.contradicting.append(exhibit.reference)
    return done


def of_equal_digest(wanted: Sequence[Mapping[str, str]]) -> list[list[Exhibit]]:
    """For each thing the exhibits, kept or destroyed, that share a digest with it and differ in none."""
    rows = Q()
    for name in DIGESTS:
        if values := sorted({one[name] for one in wanted if one.get(name)}):
            rows |= Q(**{f"{name}__in": values})
    found = list(Exhibit.objects.filter(rows).order_by("pk")) if rows else []
    by_digest = defaultdict[tuple[str, str], list[Exhibit]](list)
    for exhibit in found:
        for name in DIGESTS:
            by_digest[name, exhibit.digests.get(name, "")].append(exhibit)
    return [_equal(one, by_digest) for one in wanted]


def _equal(digests: Mapping[str, str], by_digest: Mapping[tuple[str, str], list[Exhibit]]) -> list[Exhibit]:
    told = {name: value for name, value in digests.items() if name in DIGESTS and value}
    near = {one.pk: one for name, value in told.items() for one in by_digest.get((name, value), ())}
    return [
        one
        for _, one in sorted(near.items())
        if all(one.digests.get(name, value) == value for name, value in told.items())
    ]


def all_labels(*, case: str = "") -> Iterator[tuple[Exhibit, list[Row]]]:
    """Every exhibit of which somebody says something, with what; of one case, or all. In constant memory."""
    found = Exhibit.objects.filter(Exists(Row.objects.filter(exhibit=OuterRef("pk")))).order_by("pk")
    found, after = found.filter(case=case) if case else found, 0
    while some := list(found.filter(pk__gt=after)[:STEP]):
        said = labels_of(some)
        yield from ((one, said[one.pk]) for one in some)
        after = some[-1].pk


def labels_of(exhibits: Iterable[Exhibit]) -> Mapping[int, list[Row]]:
    """What others say of some exhibits, by their numbers: by who, kind and value."""
    found = defaultdict[int, list[Row]](list)
    numbers = [one.pk for one in exhibits]
    for start in range(0, len(numbers), 500):
        some = Row.objects.filter(exhibit__in=numbers[start : start + 500])
        for one in some.order_by("exhibit", "said_by", "kind", "value"):
            found[one.exhibit_id].append(one)
    return found


def contradictions(rows: Sequence[Row]) -> set[str]:
    """Kinds in which two bodies contradict one another."""
    said = defaultdict[str, dict[str, set[str]]](lambda: defaultdict(set))
    for one in rows:
        if one.kind in ONE_VALUE:
            said[one.kind][one.said_by].add(one.value)
    return {kind for kind, each in said.items() if len({frozenset(values) for values in each.values()}) > 1}


def labelled(found: QuerySet[Exhibit], text: str) -> QuerySet[Exhibit]:
    """Those of some exhibits of which somebody says this: a value, or ``kind:value``."""
    kind, colon, value = text.partition(":")
    rows = Row.objects.filter(exhibit=OuterRef("pk"))
    rows = rows.filter(kind=kind, value__iexact=value) if colon and kind in KINDS else rows.filter(value__iexact=text)
    return found.filter(Exists(rows))
