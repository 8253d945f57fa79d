"""What a subscription makes of a hostile publisher or line: the list stays, and a person reads what it was."""

from __future__ import annotations

import gzip
import shutil
import socket
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.federation.hostile import Line, matching, refused
from tests.peer import answer, endlessly, peer
from tests.repositories import ORGANISATION, OTHER, Keys, Stage, delta, full, said
from tuf.api.metadata import Metadata, Targets

from himaya.core import clock
from himaya.lists import subscribing
from himaya.lists.subscribing import BadSubscription

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]
LITTLE = 48 * 1024**2
"""Bytes that a round may take, whatever comes."""


# --- what is old, held back, mixed -----------------------------------------------------------------------------------


def test_a_line_that_goes_back_to_an_earlier_state_is_found_out(line: Line) -> None:
    old = line.copy("old")
    [new] = line.publish(2)
    line.run()
    assert new.value in matching()
    line.shelf.directory = old
    refused(line, "[rollback]")
    line.shelf.directory = line.folder / "r"
    line.publish(3)
    line.run()  # and the true one goes on
    assert len(matching()) == 52
    assert subscribing.health(line.one).state == "fine"


def test_a_signatory_that_goes_back_to_an_earlier_state_is_found_out(line: Line) -> None:
    first = line.stage.made.store.role(ORGANISATION, line.stage.made.store.snapshot().signed)
    assert first is not None
    old = Metadata[Targets].from_bytes(first).signed.targets
    line.publish(2)
    line.run()
    line.stage.sign_role(lambda signed: signed.targets.clear() or signed.targets.update(old))
    refused(line, "[rollback]")


def test_a_line_that_holds_back_what_is_new_is_found_out_within_a_day(line: Line, time_machine: Any) -> None:
    line.shelf.directory = line.copy("old")
    time_machine.move_to(clock.now() + timedelta(hours=3))
    line.publish(2)
    refused(line, "it has said nothing since")
    time_machine.shift(timedelta(hours=22))
    refused(line, "[freeze]")


def test_metadata_that_was_signed_for_a_stick_does_not_hold_back_a_line(line: Line) -> None:
    stick, _ = line.stage.made.for_stick(timedelta(days=30))
    for name, content in stick.items():
        line.shelf.instead[f"known/metadata/{name}"] = content
    refused(line, "[freeze]")


def test_old_metadata_of_the_signatory_under_new_of_the_others_does_not_fit(line: Line) -> None:
    old = (line.stage.directory / f"metadata/1.{ORGANISATION}.json").read_bytes()
    line.publish(2)
    line.shelf.instead[f"known/metadata/2.{ORGANISATION}.json"] = old
    refused(line, "[mix-and-match]")


def test_what_one_signatory_says_is_not_gone_where_its_metadata_is_spoiled(line: Line) -> None:
    theirs = said(5, seed=7, organisation=OTHER)
    line.stage.made.publish(OTHER, full(line.folder / "w", 1, theirs, organisation=OTHER))
    line.run()
    assert len(matching()) == 55
    line.publish(2)
    for spoiled in (OTHER, ORGANISATION):
        name = max(line.stage.directory.glob(f"metadata/*.{spoiled}.json"), key=lambda path: path.name).name
        line.shelf.instead = {f"known/metadata/{name}": b"{}"}
        shutil.rmtree(subscribing.client(line.one).keep / "line")  # nor where nothing is remembered
        refused(line, "[")
    line.shelf.instead.clear()
    line.run()
    assert len(matching()) == 56


def test_a_file_that_is_missing_is_told(line: Line) -> None:
    line.publish(2)
    for path in line.stage.directory.rglob("*.delta-1-2.gz"):
        path.unlink()
    refused(line, "404")


def test_a_delta_that_was_there_before_under_a_new_name_is_refused(line: Line) -> None:
    line.publish(2)
    line.run()
    [old] = line.stage.directory.rglob("*.delta-1-2.gz")
    name = f"known/{ORGANISATION}/delta-2-3.gz"
    line.stage.put(f"targets/known/{ORGANISATION}/{old.name.replace('delta-1-2', 'delta-2-3')}", old.read_bytes())

    def replay(signed: Targets) -> None:
        like = signed.targets[f"known/{ORGANISATION}/delta-1-2.gz"]
        signed.targets[name] = type(like).from_dict(like.to_dict(), name)

    line.stage.sign_role(replay)
    assert "delta-1-2" in refused(line, "delta-2-3")


# --- what is not signed ----------------------------------------------------------------------------------------------


def test_a_root_that_too_few_signed_is_refused(line: Line) -> None:
    second = Metadata.from_bytes(line.stage.held.new_root(previous=line.stage.root))
    second.signatures.popitem()
    line.stage.put("metadata/2.root.json", second.to_bytes())
    refused(line, "[forged]")


def test_a_root_of_other_people_is_refused_though_all_of_them_signed(line: Line) -> None:
    other = Keys(online=line.stage.held.online)
    line.stage.put("metadata/2.root.json", other.new_root(previous=other.new_root(), by=(0, 1, 2)))
    refused(line, "[forged]")


def test_a_whole_repository_of_somebody_else_is_refused(line: Line, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    stranger = Stage(tmp_path / "else", at=tmp_path / "else" / "known")
    stranger.made.publish(ORGANISATION, delta(tmp_path / "else" / "w", 1, 2, said(3, seed=9)))
    line.shelf.directory = tmp_path / "else"
    refused(line, "[forged]")


def test_a_file_with_one_bit_changed_is_refused(line: Line) -> None:
    line.publish(2)
    [path] = line.stage.directory.rglob("*.delta-1-2.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(line, "[file-changed]")


def test_a_root_that_is_none_is_told_at_once(line: Line) -> None:
    with pytest.raises(BadSubscription) as caught:
        line.follow("other", root="{}")
    assert caught.value.errors == [
        {"where": "root", "why": "give what stands in the file root.json, not its name: it is no root.json"}
    ]
    assert not subscribing.subscriptions().filter(name="other").exists()


# --- what has no end -------------------------------------------------------------------------------------------------


def little(line: Line, why: str) -> None:
    """As :func:`refused`, in little memory."""
    tracemalloc.start()
    try:
        refused(line, why)
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()


def test_metadata_without_an_end_is_given_up(line: Line) -> None:
    line.shelf.endless.add("known/metadata/timestamp.json")
    little(line, "[endless-data]")
    assert line.shelf.sent < 2 * LITTLE


def test_a_file_without_an_end_is_given_up(line: Line) -> None:
    line.publish(2)
    [path] = line.stage.directory.rglob("*.delta-1-2.gz")
    line.shelf.endless.add(str(path.relative_to(line.folder / "r")))
    little(line, "[endless-data]")


def test_an_answer_that_unpacks_without_end_is_given_up(line: Line) -> None:
    line.shelf.packed["known/metadata/timestamp.json"] = gzip.compress(bytes(200 * 1024**2))
    little(line, "[endless-data]")


@pytest.mark.parametrize(
    "turn",
    [
        answer(status=302, Location="http://127.0.0.1:1/"),
        answer(b"x", Content_Length="100000000000"),
        answer(b"not packed", Content_Encoding="gzip"),
        answer(b"x", Content_Encoding="br"),
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 100_000 + b"\r\n",
        b"\0\1\2",
        answer(b"[" * 100_000),
        answer(b'{"signed": {"version": 1e999}}'),
        answer(status=500),
        endlessly(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)),
    ],
    ids=["redirect", "announced", "unpackable", "brotli", "headers", "bytes", "deep", "infinite", "500", "endless"],
)
def test_a_peer_that_answers_nonsense_costs_little_and_changes_nothing(line: Line, turn: Any) -> None:
    with peer(turn) as hostile:
        subscribing.change("theirs", by="system", options={"address": f"{hostile.url}/known", "key": "k"})
        little(line, "")


def test_a_peer_that_hangs_up_changes_nothing(line: Line) -> None:
    def hang_up(to: socket.socket) -> None:
        to.shutdown(socket.SHUT_RDWR)

    with peer(hang_up) as hostile:
        subscribing.change("theirs", by="system", options={"address": f"{hostile.url}/known", "key": "k"})
        refused(line, "")
