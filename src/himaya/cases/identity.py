"""Which case a content has. Exact digests name a content, whoever computed them; perceptual values do not.

A file has several names, a hash that was sent is one of them: whichever came first, both are one case. A value of a
perceptual signal, sent without the file, names only itself: different contents share it. So does a digest that two
contents were made to share (MD5 and SHA-1 can be): where any other digest differs, the contents do.

Two cases that were opened by different names of one content, before a file said that they are one, stay two: each may
have its own verdict by then. What is met from then on joins the one with the lower number; the ledger tells each of the
other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from himaya.cases.models import Case, Identity
from himaya.core import registry

Name = tuple[str, str]
"""Signal and canonical value."""
CHUNK = 500
"""SQLite takes some thousand parameters at once, not any number."""


def names(subject: str, fingerprints: Iterable[Sequence[object]]) -> set[Name]:
    """What names the content: its subject, and each exact one of its ``(signal, value, …)``."""
    signal, _, value = subject.partition(":")
    return {(signal, value), *_exact(fingerprints).items()}


def _exact(fingerprints: Iterable[Sequence[object]]) -> dict[str, str]:
    return {str(s): str(v) for s, v, *_ in fingerprints if registry.is_exact(str(s))}


class Register:
    """The names of some contents, locked until the transaction ends, and their cases.

    Everybody claims names in one order, then locks cases in one order: two who meet the same contents at once wait
    for each other in turn, never mutually. A name that is new is a row without a case until :meth:`give` fills it in;
    the database's uniqueness lets one transaction make it, and the others wait and find it.
    """

    def __init__(self, wanted: Iterable[Name]) -> None:
        ordered = sorted(set(wanted))
        Identity.objects.bulk_create([Identity(signal=s, value=v) for s, v in ordered], CHUNK, ignore_conflicts=True)
        self._rows = {(row.signal, row.value): row for row in _locked(ordered)}
        taken = sorted({row.case_id for row in self._rows.values() if row.case_id})
        self._cases: dict[int, Case] = {}
        for start in range(0, len(taken), CHUNK):
            some = Case.objects.select_for_update(no_key=True).filter(pk__in=taken[start : start + CHUNK])
            self._cases.update({case.pk: case for case in some.order_by("pk")})

    def cases(self, wanted: Iterable[Name], fingerprints: Iterable[Sequence[object]]) -> list[Case]:
        """The cases of one content, lowest number first; several, where its names came apart."""
        digests = _exact(fingerprints)
        found = {row.case_id for name in wanted if (row := self._rows[name]).case_id}
        return [self._cases[pk] for pk in sorted(found) if not _differ(digests, _exact(self._cases[pk].fingerprints))]

    def give(self, wanted: Iterable[Name], case: Case, *, instead_of: Sequence[Case] = ()) -> None:
        """Let the names be those of ``case``: the new ones, and those of the cases that it takes the place of."""
        free = {None, *(one.pk for one in instead_of)}
        rows = [row for name in wanted if (row := self._rows[name]).case_id in free]
        self._cases[case.pk] = case
        if rows:
            Identity.objects.filter(pk__in=[row.pk for row in rows]).update(case=case)
        for row in rows:
            row.case_id = case.pk


def _differ(one: dict[str, str], other: dict[str, str]) -> bool:
    return any(one[signal] != other[signal] for signal in one.keys() & other.keys())


def _locked(ordered: Sequence[Name]) -> Iterator[Identity]:
    values: dict[str, list[str]] = defaultdict(list)
    for signal, value in ordered:
        values[signal].append(value)
    for signal, some in values.items():
        for start in range(0, len(some), CHUNK):
            rows = Identity.objects.filter(signal=signal, value__in=some[start : start + CHUNK])
            yield from rows.select_for_update(no_key=True).order_by("value")
