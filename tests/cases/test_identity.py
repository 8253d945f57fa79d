"""One content is one case, whether it comes as a file or as a hash, in whatever order."""

from __future__ import annotations

import hashlib
from itertools import count

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.casework import match, opened

from himaya.cases import queries
from himaya.cases.history import history
from himaya.cases.models import Case
from himaya.cases.services import Seen, open_cases
from himaya.cases.words import happened
from himaya.ledger.models import Entry

pytestmark = pytest.mark.django_db
occasions = count()
PDQ = "5a" * 32


def digests(content: str) -> dict[str, str]:
    return {name: hashlib.new(name, content.encode(), usedforsecurity=False).hexdigest() for name in NAMES}


NAMES = ("md5", "sha1", "sha256")


def as_file(content: str = "meadow", **changed: str) -> Seen:
    """The content as screening tells of a file; ``changed`` digests are of another one."""
    found = {**digests(content), **changed}
    values = [*((name, value, None) for name, value in found.items()), ("pdq", PDQ, 97)]
    return Seen(f"sha256:{found['sha256']}", values, [match(1)], "scan", f"o{next(occasions)}", "/a", "image/png", 7)


def as_hash(name: str, content: str = "meadow") -> Seen:
    value = PDQ if name == "pdq" else digests(content)[name]
    return Seen(f"{name}:{value}", [(name, value, None)], [match(1)], "api", f"o{next(occasions)}", "sent")


def met(*seen: Seen) -> list[int]:
    """Numbers of the cases, each thing met by itself."""
    return [open_cases([one], by="system")[0].pk for one in seen]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("file_first", [True, False])
def test_a_file_and_a_hash_of_it_are_one_case_that_knows_what_the_file_told(
    name: str, together: bool, file_first: bool
) -> None:
    seen = [as_file(), as_hash(name)][:: 1 if file_first else -1]
    cases = {one.pk for one in open_cases(seen, by="system")} if together else set(met(*seen))
    case = Case.objects.get()
    assert cases == {case.pk}
    assert (case.sightings, case.media_type, case.size) == (2, "image/png", 7)
    assert {signal for signal, *_ in case.fingerprints} == {*NAMES, "pdq"}
    assert [entry.act for entry in Entry.objects.order_by("seq")] == ["case.opened", "case.seen"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(["md5", "sha1", "sha256", "pdq", "file", "file again", "other"]), split=st.integers(1, 7))
def test_which_things_are_one_content_does_not_depend_on_their_order(db: None, order: list[str], split: int) -> None:
    things = {
        **{name: as_hash(name) for name in (*NAMES, "pdq")},
        "file": as_file(),
        "file again": as_file(),
        "other": as_file("another meadow"),
    }
    with transaction.atomic():
        some = [things[name] for name in order]
        found = [*open_cases(some[:split], by="system"), *open_cases(some[split:], by="system")]
        groups = linked({case.pk for case in found})
        told: dict[int, set[str]] = {}
        for name, case in zip(order, found, strict=True):
            told.setdefault(groups[case.pk], set()).add(name)
        assert sorted(map(sorted, told.values())) == [
            ["file", "file again", "md5", "sha1", "sha256"],
            ["other"],
            ["pdq"],
        ]
        assert sum(Case.objects.values_list("sightings", flat=True)) == len(order)
        transaction.set_rollback(True)


def linked(cases: set[int]) -> dict[int, int]:
    """Case → the lowest case that the ledger says is about the same content."""
    lowest = {pk: pk for pk in cases}
    numbers = {case.reference: case.pk for case in Case.objects.all()}
    for entry in Entry.objects.filter(act="case.linked"):
        one, other = int(entry.about.partition(":")[2]), numbers[entry.data["case"]]
        lowest[max(one, other)] = min(one, other)
    return lowest


def test_two_cases_that_turn_out_to_be_one_content_stay_two_and_are_told_of_each_other_once() -> None:
    first, second = met(as_hash("md5"), as_hash("sha1"))
    assert first < second
    assert met(as_file(), as_file(), as_hash("sha1"), as_hash("md5"), as_hash("sha256")) == [first] * 5
    one, other = Case.objects.order_by("pk")
    assert (one.sightings, other.sightings) == (6, 1)
    links = Entry.objects.filter(act="case.linked").order_by("seq")
    assert [(entry.about, entry.data["case"]) for entry in links] == [
        (one.about, other.reference),
        (other.about, one.reference),
    ]
    assert f"The same content as case {one.reference}" in [happened(line) for line in history(other).lines]


def test_a_perceptual_value_names_only_itself() -> None:
    a, b, c, d = met(as_file(), as_hash("pdq"), as_file("another meadow"), as_hash("pdq"))
    assert len({a, b, c}) == 3
    assert d == b


def test_contents_that_were_made_to_share_a_digest_are_two_cases() -> None:
    twin = as_file("another meadow", md5=digests("meadow")["md5"])
    a, b, c, d = met(as_file(), twin, as_hash("sha256", "another meadow"), as_hash("md5"))
    assert (a, b) == (d, c)
    assert a != b
    assert met(twin, as_file()) == [b, a]


def test_a_case_is_found_by_every_digest_of_its_content() -> None:
    [case] = met(as_file())
    for value in digests("meadow").values():
        assert [one.pk for one in queries.queue(search=value.upper())] == [case]


def test_a_case_is_found_by_its_own_number_and_not_by_that_of_something_else() -> None:
    case = opened(1)
    for text in (case.reference, case.reference.lower(), f"{case.pk}"):
        assert list(queries.queue(search=text)) == [case]
    for text in (f"E-2026-{case.pk:06d}", f"D-2026-{case.pk:06d}", f"x-{case.pk}"):
        assert not queries.queue(search=text)
