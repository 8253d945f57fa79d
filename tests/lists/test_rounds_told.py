"""What a round brings beside fingerprints: a dispute, why and when something is gone, and trouble nobody foresaw."""

from __future__ import annotations

import errno
import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from tests.lists.test_subscribing import again, follow, recorded, run
from tests.plugins.recorded import misp_server, taxii
from tests.plugins.recorded.taxii import AT, indicator

from himaya.core import registry
from himaya.ledger.queries import entries
from himaya.lists import subscribing
from himaya.lists.models import HashList, Item, Statement
from himaya.lists.subscribing import due
from himaya.lists.subscribing.spool import directory

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def serving(name: str) -> Iterator[Any]:
    source = recorded(name)
    source.name = name
    with source.serving():
        yield source


def states() -> list[str]:
    return sorted(set(Item.objects.values_list("state", flat=True)))


def said(*acts: str) -> list[tuple[Any, ...]]:
    rows = Statement.objects.filter(act__in=acts).order_by("pk")
    return list(rows.values_list("organisation__name", "act", "reason", "at"))


# --- disputes --------------------------------------------------------------------------------------------------------


def test_what_a_taxii_server_labels_as_disputed_is_a_dispute_of_that_source_until_the_label_is_gone(
    hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = AT + timedelta(days=1)
    monkeypatch.setattr(taxii, "FIRST", [(1, {**indicator("a"), "labels": ["disputed"]})])
    monkeypatch.setattr(taxii, "SECOND", [(10, indicator("a", modified=later))])
    with serving("taxii") as source:
        one = follow(source, hotline)  # its members are not believed; what it says itself is
        run(one)
        assert states() == ["disputed"]
        assert said("vouch", "dispute") == [("from-taxii", "vouch", "", AT), ("from-taxii", "dispute", "", AT)]
        source.round = 2
        run(one)
    assert states() == ["active"]


def test_what_a_misp_server_tags_as_disputed_is_a_dispute_of_that_source(
    hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = misp_server.attribute(1, Tag=[{"name": "himaya:disputed"}])
    monkeypatch.setattr(misp_server, "FIRST", [misp_server.attribute(0), tagged])
    with serving("misp-server") as source:
        run(follow(source, hotline))
    assert dict(Item.objects.values_list("value", "state")) == {
        misp_server.attribute(0)["value"]: "active", tagged["value"]: "disputed",
    }  # fmt: skip


# --- what is gone ----------------------------------------------------------------------------------------------------


def test_a_source_s_reason_and_time_stand_in_the_statement_that_takes_its_word_back(hotline: HashList) -> None:
    with serving("stopncii") as source:
        one = follow(source, hotline)
        run(one)
        source.round = 2
        run(one)
    assert sorted(said("retract"), key=str) == [
        ("from-stopncii", "retract", "Deleted", datetime.fromtimestamp(1760000101, UTC)),
        ("from-stopncii", "retract", "Withdrawn", datetime.fromtimestamp(1760000100, UTC)),
    ]


def test_what_is_only_not_named_any_more_is_taken_back_for_that_reason(
    hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taxii, "SECOND", [])
    with serving("taxii") as source:
        one = follow(source, hotline)
        run(one)
        begun = datetime.now(UTC)
        monkeypatch.setattr(taxii, "FIRST", taxii.FIRST[:2])
        subscribing.change(one.name, by="x", options={"api_root": f"{source.url}/api1"})
        run(one)
    gone = said("retract")
    assert [(who, why) for who, _, why, _ in gone] == [("from-taxii", "not named any more")] * 3
    assert all(at >= begun for *_, at in gone)


def test_an_indicator_that_has_become_benign_is_gone_with_that_reason(
    hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = AT + timedelta(days=1)
    harmless = {**indicator("a", modified=later), "indicator_types": ["benign"]}
    monkeypatch.setattr(taxii, "FIRST", [(1, indicator("a")), (2, {**indicator("b"), "indicator_types": ["benign"]})])
    monkeypatch.setattr(taxii, "SECOND", [(10, harmless)])
    with serving("taxii") as source:
        one = follow(source, hotline)
        run(one)
        assert states() == ["active"]
        assert Item.objects.count() == 1
        source.round = 2
        run(one)
    assert states() == ["withdrawn"]
    assert said("retract") == [("from-taxii", "retract", "it is said to be benign", later)]


# --- trouble nobody foresaw ------------------------------------------------------------------------------------------


def test_a_place_on_disk_that_cannot_be_written_is_shown_as_trouble_and_tried_again_later(hotline: HashList) -> None:
    with serving("stopncii") as source:
        one = follow(source, hotline)
        barred = directory() / f"{one.pk}.sqlite3"
        barred.unlink(missing_ok=True)  # of a subscription that another test numbered likewise
        barred.mkdir()
        try:
            with pytest.raises(Exception, match="unable to open database file"):
                run(one)
        finally:
            barred.rmdir()
        now = again(one)
        assert subscribing.health(now).state == "failing"
        assert not subscribing.health(now).reading
        assert "OperationalError: unable to open database file" in now.trouble["what"]
        assert "disk" in now.trouble["remedy"]
        assert 0 < (now.due_at - datetime.now(UTC)).total_seconds() <= 60
        assert [entry.act for entry in entries() if entry.act == "subscription.failed"] == ["subscription.failed"]
        run(one)
        assert subscribing.health(again(one)).state == "fine"


def test_a_full_disk_and_a_defect_of_a_connector_are_shown_when_a_worker_meets_them(
    hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("stopncii") as source:
        one = follow(source, hotline)
        for error, words in (
            (OSError(errno.ENOSPC, "No space left on device"), "OSError: No space left on device"),
            (KeyError("secret"), "KeyError"),
        ):

            def broken(*_: Any, error: Exception = error, **__: Any) -> Any:
                raise error

            monkeypatch.setattr(type(registry.exchange("stopncii")), "pull", broken)
            due._room.acquire()
            due._run(again(one))
            told = again(one).trouble["what"]
            assert words in told
            assert "secret" not in json.dumps(again(one).trouble)
    assert again(one).failures == 2


def test_a_database_that_does_not_answer_takes_no_room_from_later_rounds(
    hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as context:
        context.setattr(subscribing, "claim", away)
        for _ in range(due.AT_ONCE + 1):
            with pytest.raises(OperationalError):
                due.run_due()
    assert due._room.acquire(blocking=False)
    due._room.release()


# --- another account -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "option", "other"), [("threatexchange", "privacy_group", 778), ("stopncii", "member", "Another Node")]
)
def test_where_another_account_names_other_things_what_the_first_one_named_is_gone(
    hotline: HashList, monkeypatch: pytest.MonkeyPatch, name: str, option: str, other: Any
) -> None:
    module = importlib.import_module(f"tests.plugins.recorded.{name}")
    with serving(name) as source:
        one = follow(source, hotline)
        run(one)
        before = Item.objects.filter(state="active").count()
        monkeypatch.setattr(module, "FIRST", (module.FIRST[0][:1], module.FIRST[1][:1]))
        if option == "privacy_group":
            monkeypatch.setattr(module, "GROUP", other)
        subscribing.change(one.name, by="x", options={option: other})
        run(one)
        assert Item.objects.filter(state="active").count() == before - 1
        assert states() == ["active", "withdrawn"]
