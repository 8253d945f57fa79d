"""An import on its way: nobody sees it, nobody waits for it, and it holds in one moment or never."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from tests.program import sha256

from himaya.core import faults, registry
from himaya.core.ports import ItemRow
from himaya.ledger.queries import entries
from himaya.ledger.services import record
from himaya.lists import arrivals, importing, queries, services
from himaya.lists.arrivals import arrival, sweeping
from himaya.lists.models import Amendment, HashList, Item, Portion, Revision
from himaya.screening import matching

Put = Callable[..., services.ImportResult]
HEAD = "signal,value,scheme,code,note"
VALUES = [sha256(str(n)) for n in range(10)]
PDQ = sha256("a picture")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few lines are several batches."""
    monkeypatch.setattr(importing, "BATCH", 2)


def file(*lines: str) -> io.BytesIO:
    return io.BytesIO("\n".join([HEAD, *lines]).encode())


def staging(hotline: HashList, *lines: str, **more: Any) -> Any:
    return services.staged(hotline, stream=file(*lines), format_name="csv", by="system", **more)


def seen(hotline: HashList) -> dict[str, Any]:
    """What every reader makes of the list."""
    matches = matching.find([[("sha256", value, "")] for value in VALUES] + [[("pdq", PDQ, "")]], limit=9)
    return {
        "items": list(queries.items(hotline).values_list("value", "note")),
        "exported": b"".join(registry.format_("csv").render(queries.rows(hotline))),
        "matches": [(one.item.value, one.item.code) for found in matches for one in found.matches],
        "standings": queries.standings(),
        "composition": queries.composition(hotline),
        "tally": queries.tally(),
        "any": not queries.nothing_to_match(),
        "revision": queries.revision(),
    }


def counted() -> Counter[tuple[Any, ...]]:
    """The portions, counted anew."""
    kinds = Item.objects.values_list("list", "signal", "scheme", "code", "state", "negative")
    return Counter({tuple(kind): n for *kind, n in kinds.annotate(n=Count("pk")).order_by()})


def written() -> Counter[tuple[Any, ...]]:
    rows = Portion.objects.exclude(number=0).values_list(
        "list", "signal", "scheme", "code", "state", "negative", "number"
    )
    return Counter({tuple(kind): n for *kind, n in rows})


# --- unseen, then seen -----------------------------------------------------------------------------------------------


def test_what_arrives_is_seen_by_nobody_before_it_is_published_and_then_by_all(put: Put, hotline: HashList) -> None:
    put([HEAD, f"sha256,{VALUES[0]},interpol,baseline,old", f"sha256,{VALUES[1]},,,old"])
    before = seen(hotline)
    lines = [f"sha256,{VALUES[0]},,,new", *(f"sha256,{value},interpol,baseline,new" for value in VALUES[2:])]
    with staging(hotline, *lines, f"pdq,{PDQ},,,new") as read:
        assert seen(hotline) == before
        result = read.publish()
    assert (result.added, result.changed, result.unchanged) == (9, 1, 0)
    after = seen(hotline)
    assert [note for _, note in after["items"]] == ["new", "old"] + ["new"] * 9
    assert len(after["matches"]) == 11
    assert (VALUES[0], "") in after["matches"]
    assert after["standings"][hotline.pk].active == 11
    assert after["revision"] > before["revision"]
    assert written() == counted()
    assert not Amendment.objects.exists()


@pytest.mark.parametrize("how", ["given up", "a fault in a batch", "a fault in the end"])
def test_what_is_not_published_leaves_no_trace(put: Put, hotline: HashList, how: str) -> None:
    put([HEAD, f"sha256,{VALUES[0]},,,old"])
    before, numbers = seen(hotline), list(Revision.objects.values_list("pk", flat=True))
    lines = [f"sha256,{value},,,new" for value in VALUES]
    faults.arm("lists.import_batch:raise@3" if how == "a fault in a batch" else "")
    try:
        with staging(hotline, *lines) as read, transaction.atomic():
            if how == "a fault in the end":
                read.publish()
                raise faults.InjectedFault
    except faults.InjectedFault:
        assert how != "given up"
    finally:
        faults.arm("")
    assert seen(hotline) == before
    assert (Item.everything.count(), Amendment.objects.count()) == (1, 0)
    assert list(Revision.objects.values_list("pk", flat=True)) == numbers
    assert put([HEAD, *lines]).added == 9


def test_lines_of_one_file_about_one_item_are_taken_in_their_order(put: Put, hotline: HashList) -> None:
    put([HEAD, f"sha256,{VALUES[0]},,,old"])
    notes = ["a", "b", "b", "c", "a"]
    result = put([HEAD, *(f"sha256,{VALUES[n]},,,{note}" for note in notes for n in (0, 1))])
    assert dict(Item.objects.values_list("value", "note")) == {VALUES[0]: "a", VALUES[1]: "a"}
    assert (result.added, result.changed, result.unchanged) == (1, 7, 2)
    assert written() == counted()


def test_an_item_withdrawn_while_its_new_terms_are_on_their_way_stays_withdrawn(put: Put, hotline: HashList) -> None:
    put([HEAD, *(f"sha256,{value},,,old" for value in VALUES[:2])])
    withdrawn, disputed = Item.objects.order_by("pk")
    with staging(hotline, *(f"sha256,{value},interpol,baseline,new" for value in VALUES[:2])) as read:
        services.mark_item(withdrawn.pk, state="withdrawn", by="person:1", reason="Wrong.")
        services.mark_item(disputed.pk, state="disputed", by="person:1", reason="Unclear.")
        read.publish()
    kept = [("withdrawn", "", "old"), ("disputed", "baseline", "new")]
    assert list(Item.objects.order_by("pk").values_list("state", "code", "note")) == kept
    assert written() == counted()


# --- nobody waits ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_others_write_between_the_batches_of_an_import(hotline: HashList) -> None:
    failures: list[Exception] = []

    def write() -> None:
        try:
            with connection.cursor() as cursor:
                if connection.vendor == "sqlite":
                    cursor.execute("PRAGMA busy_timeout = 200")
                else:
                    cursor.execute("SET lock_timeout = 200")
            with transaction.atomic():
                record("test.written", by="system", about="test:1")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall show it
            failures.append(error)
        finally:
            connection.close()

    def progress(_: int, done: int) -> None:
        if done:
            thread = threading.Thread(target=write)
            thread.start()
            thread.join()

    lines = [f"sha256,{value},,," for value in VALUES]
    services.import_items(hotline, stream=file(*lines), format_name="csv", by="system", on_progress=progress)
    assert failures == []
    assert entries(act="test.written").count() == 5


def test_a_second_import_into_the_same_list_is_told_of_the_first_and_other_lists_are_free(hotline: HashList) -> None:
    other = services.create_list("other", by="system")
    with staging(hotline, f"sha256,{VALUES[0]},,,") as read:
        with pytest.raises(services.ImportUnderWay):
            services.add_items(hotline, rows=[ItemRow(1, "sha256", VALUES[1])], by="system")
        assert services.add_items(other, rows=[ItemRow(1, "sha256", VALUES[1])], by="system").added == 1
        read.publish()
    assert services.add_items(hotline, rows=[ItemRow(1, "sha256", VALUES[1])], by="system").added == 1


# --- killed, and taken for dead --------------------------------------------------------------------------------------


def left_behind(hotline: HashList, *, holder: str, alive: float = 60) -> Revision:
    """What an import that was killed leaves."""
    come = arrivals.Arrival(hotline, by="system").__enter__()
    come.take([ItemRow(n, "sha256", value) for n, value in enumerate(VALUES)])
    revision = Revision.objects.get(number=None)
    Revision.objects.filter(pk=revision.pk).update(holder=holder, alive_until=arrival.Now() + alive)
    return revision


def gone() -> str:
    """A process of this machine that is no more."""
    return f"{sweeping.HOST}:{2**22 + 1}"


def test_an_import_whose_process_is_gone_gives_way_at_once(put: Put, hotline: HashList) -> None:
    left_behind(hotline, holder=gone())
    assert put([HEAD, f"sha256,{VALUES[0]},,,"]).added == 1
    assert Item.everything.count() == 1


def test_an_import_on_another_machine_gives_way_when_its_time_is_over(put: Put, hotline: HashList) -> None:
    left_behind(hotline, holder="elsewhere:1")
    with pytest.raises(services.ImportUnderWay):
        put([HEAD, f"sha256,{VALUES[0]},,,"])
    Revision.objects.filter(number=None).update(alive_until=arrival.Now() - 1)
    assert put([HEAD, f"sha256,{VALUES[0]},,,"]).added == 1


def test_the_worker_sweeps_up_what_is_dead_and_nothing_that_lives(
    hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SWEPT", 4)
    left_behind(hotline, holder="elsewhere:1")
    assert arrivals.sweep() is False
    assert Item.everything.count() == 10
    Revision.objects.filter(number=None).update(holder=gone())
    rounds = 0
    while arrivals.sweep():
        rounds += 1
    assert rounds == 4
    assert not Item.everything.exists()
    assert not Revision.objects.filter(number=None).exists()


def test_a_long_file_that_brings_nothing_new_is_not_taken_for_dead(put: Put, hotline: HashList) -> None:
    put([HEAD, f"sha256,{VALUES[0]},,,"])
    with arrivals.Arrival(hotline, by="system") as come:
        Revision.objects.filter(number=None).update(alive_until=arrival.Now() + 1)
        come._shown -= arrival.LEASE / 2  # so long was read
        come.take([ItemRow(1, "sha256", VALUES[0], source="Drawn")])
        assert come.unchanged == 1
        assert Revision.objects.filter(number=None, alive_until__gt=arrival.Now() + arrival.LEASE / 2).exists()


def test_rows_of_a_request_do_not_wait_for_what_a_killed_import_left_to_be_removed(hotline: HashList) -> None:
    left_behind(hotline, holder=gone())
    with pytest.raises(services.ImportUnderWay):
        services.add_items(hotline, rows=[ItemRow(1, "sha256", VALUES[0])], by="system")
    while arrivals.sweep():
        pass
    assert services.add_items(hotline, rows=[ItemRow(1, "sha256", VALUES[0])], by="system").added == 1


def test_an_import_that_lives_costs_the_workers_that_ask_no_transaction(
    hotline: HashList, django_assert_num_queries: Any
) -> None:
    with arrivals.Arrival(hotline, by="system"):
        with django_assert_num_queries(2) as asked:
            assert arrivals.sweep() is False
        assert {query["sql"].split()[0] for query in asked.captured_queries} == {"SELECT"}


@pytest.mark.parametrize("when", ["between two batches", "before it is published"])
def test_an_import_that_was_taken_for_dead_cannot_go_on(hotline: HashList, when: str) -> None:
    def taken_for_dead(_: int, done: int) -> None:
        if done == (2 if when == "between two batches" else 4):
            Revision.objects.filter(number=None).update(alive_until=-1)

    lines = [f"sha256,{value},,," for value in VALUES[:4]]
    with pytest.raises(services.ImportLost):
        services.import_items(hotline, stream=file(*lines), format_name="csv", by="system", on_progress=taken_for_dead)
    assert not Item.everything.exists()
    assert not entries(act="list.imported")


# --- the counts ------------------------------------------------------------------------------------------------------

ROWS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["", "baseline"]), st.sampled_from("ab")), max_size=9)
ACTS = st.lists(st.one_of(ROWS, st.tuples(st.integers(0, 5), st.sampled_from(["active", "disputed", "withdrawn"]))))


class Portions(TestCase):
    """The written counts are those of counting."""

    @settings(max_examples=25, deadline=None)
    @given(ACTS)
    def test_after_any_imports_and_marks_the_portions_are_what_counting_finds(self, acts: list[Any]) -> None:
        hotline = services.create_list("hotline", by="system")
        for act in acts:
            if isinstance(act, list):
                rows = [
                    ItemRow(1, "sha256", VALUES[n], "interpol" if code else "", code, note=note)
                    for n, code, note in act
                ]
                services.add_items(hotline, rows=rows, by="system")
            elif item := Item.objects.filter(value=VALUES[act[0]]).first():
                services.mark_item(item.pk, state=act[1], by="system", reason="As drawn.")
            assert written() == counted()
