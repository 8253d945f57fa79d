"""The reader of the ledger: every entry is followed once, in order, together with the note that it was read."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from himaya.core import faults
from himaya.core.errors import HimayaError
from himaya.flow import reactor
from himaya.flow.reactor import react, when
from himaya.ledger import outbox, worker
from himaya.ledger.models import Cursor, Entry, Job, Lane
from himaya.ledger.services import record
from himaya.ledger.worker import run_until_idle

pytestmark = pytest.mark.django_db


class Refused(HimayaError):
    """The rule does not want to."""


@pytest.fixture(autouse=True)
def no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose only rules are the test's, and where nobody else reads the ledger."""
    monkeypatch.setattr(worker, "_ticks", [reactor.react])
    monkeypatch.setattr(reactor, "_rules", defaultdict(dict))


def happen(*acts: str) -> None:
    with transaction.atomic():
        for act in acts:
            record(act, by="system", about="case:1")


def queue(entry: Entry, name: str = "") -> None:
    """What a rule does: something that has to be done outside."""
    outbox.enqueue("scripted", lane="l", key=f"{name}{entry.seq}", about=entry.about, payload={})


def named(name: str, rule: Callable[[Entry], Any]) -> Callable[[Entry], None]:
    """The same rule under a name of its own."""

    def follow(entry: Entry) -> None:
        rule(entry)

    follow.__name__ = name
    return follow


def hasten() -> None:
    """The time passes for which jobs and lanes wait."""
    Job.objects.filter(state__in=("ready", "running")).update(due=0)
    Lane.objects.update(rests_until=0)


def jobs() -> dict[str, str]:
    """Key → state of what is followed again."""
    return dict(Job.objects.filter(kind="follow").values_list("key", "state"))


def queued() -> list[str]:
    """The effects of rules."""
    return sorted(Job.objects.filter(kind="scripted").values_list("key", flat=True))


def read() -> int:
    return Cursor.objects.get(name="flow").seq


def acts() -> list[str]:
    return [entry.act for entry in Entry.objects.order_by("seq")]


def test_every_entry_is_followed_once_and_in_order() -> None:
    followed: list[int] = []
    when("a")(lambda entry: followed.append(entry.seq))
    happen("a", "b", "a")
    assert react() is True
    assert react() is False
    happen("a")
    assert react() is True
    assert followed == [1, 3, 4]
    assert read() == 4


def test_acts_that_no_rule_follows_are_passed_by() -> None:
    happen("a", "b")
    assert react() is True
    assert read() == 2
    assert react() is False


def test_more_entries_than_a_batch_are_followed_in_several_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "BATCH", 3)
    followed: list[int] = []
    when("a")(lambda entry: followed.append(entry.seq))
    happen(*["a"] * 8)
    rounds = 0
    while react():
        rounds += 1
    assert rounds == 3
    assert followed == list(range(1, 9))


def test_what_a_rule_puts_on_record_is_read_in_the_next_round() -> None:
    when("a")(lambda entry: record("b", by="system", about=entry.about) and None)
    when("b")(queue)
    happen("a")
    assert [react(), react(), react()] == [True, True, False]
    assert Job.objects.count() == 1


def test_several_rules_follow_one_act() -> None:
    when("a")(named("one", lambda entry: queue(entry, "first")))
    when("a")(named("other", lambda entry: queue(entry, "second")))
    happen("a")
    react()
    assert queued() == ["first1", "second1"]


def test_two_rules_of_one_name_are_refused_because_a_job_names_its_rule() -> None:
    when("a")(named("same", queue))
    when("b")(named("same", queue))
    with pytest.raises(ValueError, match="two rules for a are named same"):
        when("a")(named("same", queue))


# --- a rule that fails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused(), "refused"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (DataError("value too long"), "DataError"),
        (IntegrityError("not unique"), "IntegrityError"),
        (ProgrammingError("no such column"), "ProgrammingError"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_rule_that_fails_is_undone_put_on_record_and_queued_again_and_holds_nobody_up(
    error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(entry: Entry) -> None:
        queue(entry, "undone")
        raise error

    when("a")(fail)
    when("a")(named("other", lambda entry: queue(entry, "other")))
    when("b")(named("later", lambda entry: queue(entry, "later")))
    happen("a", "b")
    assert react() is True
    assert queued() == ["later2", "other1"]
    assert acts() == ["a", "b", "flow.failed"]
    again = Job.objects.get(kind="follow")
    assert (again.key, again.lane, again.about) == ("flow:1:fail", "flow:fail", "case:1")
    assert again.payload == {"entry": 1, "rule": "fail"}
    told = Entry.objects.get(act="flow.failed").data
    assert told == {"entry": 1, "rule": "fail", "error": code, "job": again.pk}
    assert [react(), react()] == [True, False], "the failure is read like any entry, and then there is peace"
    (line,) = [line for line in caplog.records if line.name == "himaya.flow"]
    assert line.levelno == logging.ERROR
    assert (line.exc_info is None) is isinstance(error, HimayaError), "a defect is told with its traceback"


@pytest.mark.parametrize("error", [Refused(), ZeroDivisionError("a defect"), OperationalError("locked")], ids=repr)
def test_a_rule_is_followed_again_and_once_it_is_mended_does_its_work_once(error: Exception) -> None:
    broken = True

    def rule(entry: Entry) -> None:
        queue(entry, "work")
        if broken:
            raise Refused if len(acts()) == 1 else error

    when("a")(rule)
    happen("a")
    for _ in range(3):
        run_until_idle()
        hasten()
    assert queued() == []
    again = Job.objects.get(kind="follow")
    assert (again.state, again.attempts) == ("ready", 3)
    assert str(error) in again.error
    broken = False
    run_until_idle(limit=1)
    assert queued() == ["work1"]
    assert jobs() == {"flow:1:rule": "done"}
    hasten()
    run_until_idle(limit=1)
    assert acts().count("flow.followed") == 1
    assert acts().count("flow.failed") == 1, "each entry fails on record once"


def test_what_cannot_be_followed_is_a_persons_who_lets_it_be_followed_again_once_mended() -> None:
    broken = True

    def rule(entry: Entry) -> None:
        if broken:
            raise ZeroDivisionError("a defect")
        queue(entry, "work")

    when("a")(rule)
    happen("a")
    for _ in range(10):
        run_until_idle()
        hasten()
    again = Job.objects.get()
    assert (again.state, again.attempts) == ("dead", 8)
    assert again.error == "ZeroDivisionError: a defect (attempt 8 of 8)"
    broken = False
    outbox.retry(again.pk, by="person:1")
    run_until_idle(limit=1)
    assert queued() == ["work1"]
    assert acts() == ["a", "flow.failed", "delivery.failed", "delivery.retried", "flow.followed"]


def test_one_entry_that_always_fails_rests_its_rule_and_no_other() -> None:
    mended: list[int] = []

    def poisoned(entry: Entry) -> None:
        if entry.seq not in mended:
            raise ZeroDivisionError

    when("a")(poisoned)
    when("b")(named("other", poisoned))
    happen("a", "b", "a")
    for _ in range(4):
        run_until_idle()
        Job.objects.filter(state="ready").update(due=0)
    assert Lane.objects.get(name="flow:poisoned").rests_until > 0
    mended.append(2)
    Job.objects.filter(key="flow:2:other").update(due=0)
    Lane.objects.filter(name="flow:other").update(rests_until=0)
    run_until_idle()
    assert jobs() == {"flow:1:poisoned": "ready", "flow:2:other": "done", "flow:3:poisoned": "ready"}
    mended.extend((1, 3))
    hasten()
    run_until_idle()
    assert set(jobs().values()) == {"done"}
    assert Lane.objects.get(name="flow:poisoned").failures == 0


@pytest.mark.parametrize("point", ["outbox.before_act", "outbox.after_act", "outbox.before_commit"])
def test_an_attempt_that_is_cut_off_has_not_happened_and_is_made_again(point: str) -> None:
    broken = True

    def rule(entry: Entry) -> None:
        if broken:
            raise Refused
        queue(entry, "work")

    when("a")(rule)
    happen("a")
    react()
    broken = False
    faults.arm(f"{point}:raise")
    with pytest.raises(faults.InjectedFault):
        run_until_idle()
    assert queued() == []
    assert jobs() == {"flow:1:rule": "running"}
    faults.arm("")
    hasten()
    run_until_idle(limit=1)
    assert (queued(), jobs()) == (["work1"], {"flow:1:rule": "done"})


def test_a_worker_that_was_thought_dead_undoes_what_it_followed() -> None:
    followed: list[int] = []

    def rule(entry: Entry) -> None:
        followed.append(entry.seq)
        if len(followed) == 1:
            raise Refused
        queue(entry, f"attempt {len(followed)}, ")
        if len(followed) == 2:  # meanwhile the lease is over, and another has the job
            Job.objects.filter(kind="follow").update(attempts=2)

    when("a")(rule)
    happen("a")
    run_until_idle()
    assert queued() == []
    hasten()
    run_until_idle(limit=1)
    assert queued() == ["attempt 3, 1"]


@pytest.mark.parametrize("gone", ["the rule", "the act"])
def test_a_rule_that_is_no_more_is_a_persons_to_judge(gone: str) -> None:
    @when("a")
    def rule(_: Entry) -> None:
        raise Refused

    happen("a")
    react()
    reactor._rules.clear()
    if gone == "the rule":
        when("a")(named("another", queue))
    run_until_idle()
    again = Job.objects.get()
    assert (again.state, again.error) == ("dead", "this version has no rule 'rule' for entry 1")


# --- a round that fails ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [DatabaseError("malformed"), OperationalError("locked"), InterfaceError("closed"), KeyboardInterrupt()],
    ids=lambda error: type(error).__name__,
)
def test_where_the_database_fails_the_next_round_begins_with_the_rule_that_it_failed(error: BaseException) -> None:
    failing = True

    def rule(entry: Entry) -> None:
        queue(entry, "work")
        if failing:
            raise error

    when("a")(queue)
    when("b")(named("before", lambda entry: queue(entry, "before")))
    when("b")(named("rule", rule))
    when("b")(named("after", lambda entry: queue(entry, "after")))
    happen("a", "b", "c")
    for _ in range(2):
        with pytest.raises(type(error)):
            react()
        assert queued() == ["1", "before2"], "each rule commits by itself, and what was followed is not followed again"
        assert read() == 1, "the entry is not read before all its rules were followed"
    assert acts() == ["a", "b", "c"]
    failing = False
    assert react() is True
    assert queued() == ["1", "after2", "before2", "work2"]
    assert read() == 3


def test_a_crash_before_the_commit_leaves_nothing_half_done() -> None:
    when("a")(queue)
    happen("a", "b")
    faults.arm("flow.before_commit:raise")
    with pytest.raises(faults.InjectedFault):
        react()
    assert not Job.objects.exists()
    faults.arm("")
    assert react() is True
    assert queued() == ["1"]
    assert read() == 2


@pytest.mark.django_db(transaction=True)
def test_workers_that_react_at_once_follow_every_entry_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "BATCH", 2)
    followed: list[int] = []
    when("a")(lambda entry: followed.append(entry.seq))
    happen(*["a"] * 20)
    failures: list[Any] = []
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait(10)
            while react():
                pass
        except Exception as error:  # noqa: BLE001 - the test's to judge
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert followed == list(range(1, 21))
