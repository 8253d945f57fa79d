"""A repository in which several organisations sign, as a hub's: what one of them does is its own affair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.federation.hostile import Line, matching, refused
from tests.repositories import ORGANISATION, OTHER, TERMS, delta, full, said

from himaya.core import clock
from himaya.core.exchange import SourceTrouble
from himaya.core.repository import files, keys
from himaya.core.repository.publishing import Repository
from himaya.core.repository.states import NotAttached
from himaya.core.words import unpacked
from himaya.lists import subscribing
from himaya.lists.subscribing import BadSubscription

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]


@pytest.fixture
def line(db: None, tmp_path: Path) -> Iterator[Line]:
    """Fifty statements of one signatory and five of another, under the name that its list has at home."""
    made = Line(tmp_path)
    path = tmp_path / "theirs"
    how: dict[str, Any] = {"organisation": OTHER, "sequence": 1, "terms": replace(TERMS, name="elsewhere")}
    files.write_full(path, said(5, seed=7, organisation=OTHER), **how)
    made.stage.made.publish(OTHER, path)
    with made.shelf.serving() as made.url:
        made.follow()
        made.run()
        yield made


def without(line: Line, name: str) -> Repository:
    """The repository, where a signatory's key is not at hand."""
    own = [signer for who, signer in line.stage.held.own.items() if who != name]
    return Repository(line.stage.directory, [*line.stage.held.online.values(), *own])


def test_a_list_that_is_called_otherwise_at_home_is_taken_all_the_same(line: Line) -> None:
    assert len(matching()) == 55


def test_of_a_signatory_with_several_lists_only_the_one_of_this_name_is_taken(line: Line) -> None:
    path = line.folder / "second"
    how: dict[str, Any] = {"organisation": OTHER, "sequence": 2, "terms": TERMS}
    files.write_full(path, said(2, seed=8, organisation=OTHER), **how)
    line.stage.made.publish(OTHER, path)
    line.run()
    assert len(matching()) == 52


@pytest.mark.parametrize("cut", [ORGANISATION, OTHER])
def test_where_the_files_of_one_are_cut_off_those_of_others_are_not_fetched_again(line: Line, cut: str) -> None:
    files.write_full(
        line.folder / "more", said(6, seed=9, organisation=OTHER), organisation=OTHER, sequence=2,
        terms=replace(TERMS, name="elsewhere"),
    )  # fmt: skip
    line.stage.made.publish(OTHER, line.folder / "more")
    line.stage.made.publish(ORGANISATION, full(line.folder / "whole", 2, said(20)))
    there = {path.relative_to(line.folder / "r").as_posix(): path for path in line.folder.glob("r/known/targets/**/*")}
    broken = {name: b"" for name, path in there.items() if path.is_file() and f"/{cut}/" in name}
    assert broken
    line.shelf.instead |= broken
    line.shelf.asked.clear()
    with pytest.raises(SourceTrouble):
        line.run()
    for name in broken:
        del line.shelf.instead[name]
    line.run()
    assert len(matching()) == 26
    fetched = [path for path, _ in line.shelf.asked if "/targets/" in path and path not in broken]
    assert len(fetched) == 1
    assert not list((subscribing.client(line.one).keep / "files").iterdir())


def test_a_signatory_that_is_removed_is_gone_though_nothing_else_is_new(line: Line) -> None:
    line.stage.made.remove_signatory(OTHER)
    line.run()
    assert len(matching()) == 50


def test_a_signatory_whose_signature_has_ended_stops_nobody_else(line: Line, time_machine: Any) -> None:
    hub = without(line, OTHER)
    for days in (25, 6):
        time_machine.move_to(clock.now() + timedelta(days=days))
        hub.renew()
    new = said(1, seed=2)
    hub.publish(ORGANISATION, delta(line.folder / "w2", 1, 2, new))
    line.run()
    assert len(matching()) == 56  # and what it said before stays in force
    told = line.one.told
    assert (told["refused"], told["first"][0]["excerpt"]) == (1, OTHER)
    line.run()
    assert len(matching()) == 56
    hub.remove_signatory(OTHER)
    line.run()
    assert len(matching()) == 51


def test_where_all_would_be_told_anew_a_signature_that_has_ended_is_waited_for(line: Line, time_machine: Any) -> None:
    hub = without(line, OTHER)
    for days in (25, 6):
        time_machine.move_to(clock.now() + timedelta(days=days))
        hub.renew()
    hub.publish(ORGANISATION, full(line.folder / "w2", 2, said(20)))
    refused(line, "[freeze]")
    assert len(matching()) == 55


def test_what_was_removed_may_come_back_as_it_was_signed(line: Line) -> None:
    made, own = line.stage.made, line.stage.held.own[OTHER].public_key
    content = made.store.role(OTHER, made.store.snapshot().signed)
    assert content is not None
    made.remove_signatory(OTHER)
    line.run()
    made.add_signatory(OTHER, [own], signed=content)
    line.run()
    assert len(matching()) == 55


def test_a_key_under_the_name_of_another_is_not_admitted(line: Line) -> None:
    theirs, forged = line.stage.held.own[OTHER].public_key, keys.new().public_key
    forged.keyid = theirs.keyid
    assert not keys.is_named_rightly(forged)
    with pytest.raises(NotAttached, match="the name of another"):
        line.stage.made.add_signatory("third.example", [forged])


def test_a_key_other_than_the_pinned_one_is_found_out(line: Line) -> None:
    key = line.stage.held.own[OTHER].public_key.keyid
    subscribing.change("theirs", by="system", options={"signatories": f"{OTHER}={key}"})
    line.run()
    assert len(matching()) == 55
    mine = keys.new()
    line.stage.held.own[OTHER] = mine
    Repository(line.stage.directory, line.stage.held.ring).add_signatory(OTHER, [mine.public_key])
    assert mine.public_key.keyid in refused(line, "which is not pinned")
    assert "exchanged its key" in line.one.trouble["remedy"]


@pytest.mark.parametrize("text", [f"{OTHER}=abc", "=" + "0" * 64, f"{OTHER}:{'0' * 64}", f"{OTHER}={'0' * 64}x"])
def test_a_pin_that_is_none_is_refused(line: Line, text: str) -> None:
    with pytest.raises(BadSubscription):
        subscribing.change("theirs", by="system", options={"signatories": text})


def test_of_whom_another_key_than_the_pinned_one_signs_each_round_says_that_nothing_is_taken(line: Line) -> None:
    key = line.stage.held.own[ORGANISATION].public_key.keyid
    line.follow(
        "pinned", signatories=f"{ORGANISATION}={'0' * 64} {OTHER}={line.stage.held.own[OTHER].public_key.keyid}"
    )
    for _ in range(2):
        found = subscribing.run(subscribing.find("pinned"))
        assert found.refused == 1
        assert key in str(unpacked(found.first[0]["why"]).facts)
        assert subscribing.vouched(subscribing.find("pinned")) == 5
