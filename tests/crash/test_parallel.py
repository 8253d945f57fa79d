"""Many at once: writers take turns, the same act has one effect, and nobody waits for each other mutually."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from tests.casework import digest, match
from tests.crash.conftest import SCALE, Node
from tests.crash.invariants import broken

from himaya.cases.models import Case, Sighting
from himaya.cases.services import Seen, open_cases
from himaya.ledger import outbox
from himaya.ledger.models import Entry, Job

AT_ONCE = 50


def together(number: int, act: Callable[[int], object]) -> list[BaseException]:
    """Run ``act`` in so many threads at the same moment; what went wrong."""
    failures: list[BaseException] = []
    start = threading.Barrier(number)

    def one(n: int) -> None:
        try:
            start.wait(30)
            act(n)
        except BaseException as error:  # noqa: BLE001 - every failure is the test's to judge
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return failures


def test_four_writers_that_read_and_then_write_never_find_the_database_locked(node: Node) -> None:
    times = int(100 * SCALE)
    writers = [node.start("count_up", times=times) for _ in range(4)]
    for writer in writers:
        node.end(writer, patience=120)
    last, *numbers = node.run("counted")
    assert last == 4 * times
    assert numbers == list(range(1, 4 * times + 1)), "each saw what the one before it wrote"
    assert node.run("check", idle=False) == []


@pytest.mark.django_db(transaction=True)
def test_r14_one_key_fifty_times_at_once_is_one_job() -> None:
    made: list[int] = []

    def queue(_: int) -> None:
        with transaction.atomic():
            made.append(outbox.enqueue("scripted", lane="l", key="same", about="case:1", payload={}).pk)

    assert together(AT_ONCE, queue) == []
    assert len(made) == AT_ONCE
    assert set(made) == {Job.objects.get().pk}


def seen(number: int, *, occasion: str) -> Seen:
    subject = f"sha256:{digest(number)}"
    return Seen(subject, [("sha256", digest(number), None)], [match(number)], "scan", occasion, f"/{number}")


@pytest.mark.django_db(transaction=True)
def test_the_same_content_met_fifty_times_at_once_is_one_case_with_fifty_sightings() -> None:
    assert together(AT_ONCE, lambda n: open_cases([seen(1, occasion=f"scan:{n}")], by="system")) == []
    assert Case.objects.get().sightings == AT_ONCE == Sighting.objects.count()
    assert broken(idle=False) == []


@pytest.mark.django_db(transaction=True)
def test_the_same_sighting_told_many_times_at_once_is_one() -> None:
    assert together(20, lambda _: open_cases([seen(1, occasion="scan:1")], by="system")) == []
    assert Case.objects.get().sightings == Sighting.objects.count() == 1
    assert broken(idle=False) == []


@pytest.mark.django_db(transaction=True)
def test_two_who_meet_the_same_contents_in_opposite_order_do_not_block_each_other() -> None:
    """PostgreSQL would end one of them as a deadlock, and a scan or a request with it."""
    contents = list(range(12))

    def meet(n: int) -> None:
        for round_ in range(8):
            order = contents if n % 2 else contents[::-1]
            open_cases([seen(number, occasion=f"{n}:{round_}") for number in order], by="system")

    assert together(4, meet) == []
    assert [case.sightings for case in Case.objects.all()] == [32] * 12
    assert broken(idle=False) == []


@pytest.mark.django_db(transaction=True)
def test_files_and_hashes_of_the_same_contents_met_at_once_are_one_case_each() -> None:
    def meet(n: int) -> None:
        for round_ in range(6):
            order = list(range(8)) if (n + round_) % 2 else list(range(8))[::-1]
            open_cases([as_file_or_hash(number, hashed=n % 2, occasion=f"{n}:{round_}") for number in order], by="s")

    assert together(6, meet) == []
    assert [case.sightings for case in Case.objects.all()] == [36] * 8
    assert all(len(case.fingerprints) == 2 for case in Case.objects.all())
    assert broken(idle=False) == []


def as_file_or_hash(number: int, *, hashed: bool | int, occasion: str) -> Seen:
    """Names of neighbours sort the other way round by MD5: locks taken as they come would cross."""
    md5, sha256 = f"{number:032x}", f"{99 - number:064x}"
    values = [("md5", md5, None)] if hashed else [("md5", md5, None), ("sha256", sha256, None)]
    subject = f"md5:{md5}" if hashed else f"sha256:{sha256}"
    return Seen(subject, values, [match(number)], "api", occasion, f"/{number}")


@pytest.mark.django_db(transaction=True)
def test_two_cases_of_one_content_are_linked_once_however_many_meet_the_file_at_once() -> None:
    values = [("md5", "a" * 32, None), ("sha256", "b" * 64, None)]
    first, second = [
        open_cases([Seen(f"{v[0]}:{v[1]}", [v], [match(1)], "api", v[0], "")], by="system")[0] for v in values
    ]
    whole = [Seen(f"sha256:{'b' * 64}", values, [match(1)], "api", f"{n}", "") for n in range(20)]
    assert together(20, lambda n: open_cases([whole[n]], by="system")) == []
    assert [case.sightings for case in Case.objects.order_by("pk")] == [21, 1]
    assert Entry.objects.filter(act="case.linked", about=first.about).count() == 1
    assert Entry.objects.filter(act="case.linked", about=second.about).count() == 1
    assert broken(idle=False) == []
