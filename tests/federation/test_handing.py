"""A root put in force, and a list fetched as one file, by programs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.federation.native import Holders
from tests.program import Program, is_problem

from himaya.core.repository import bundle
from himaya.federation.native import keys, publishing
from himaya.ledger.queries import entries
from himaya.lists.models import HashList

pytestmark = pytest.mark.django_db


def put(program: Program, content: bytes) -> Any:
    return program.send("PUT", "/exchange/root", content)


def test_a_program_puts_a_finished_root_in_force_and_its_signatures_count(nothing_published: None, db: None) -> None:
    program, holders = Program("publishing:read", "publishing:write"), Holders()
    is_problem(program.get("/exchange/root"), 409, "no-root")
    root = holders.signed()
    forged = json.loads(root)
    forged["signatures"] = forged["signatures"][:1]
    for wrong in (json.dumps(forged).encode(), b"{}", b"[", b""):
        assert put(program, wrong).status_code == 422
        assert not entries(act="node.root").exists()
    for _ in range(2):
        assert put(program, root).json() == {"version": 1}
    assert program.get("/exchange/root").content == root
    assert entries(act="node.root")[0].actor == program.key.actor


def test_a_program_fetches_a_list_as_one_file_on_record(filled: HashList, holders: Holders, tmp_path: Path) -> None:
    program = Program("publishing:read", "publishing:write")
    is_problem(program.get("/exchange/bundles/hotline"), 409, "nothing-published")
    assert not entries(act="list.published").exists(), "it takes long, and nobody waits for it"
    assert publishing.publish_due(), "a worker was told"
    answer = program.get("/exchange/bundles/hotline")
    assert answer["Content-Disposition"] == 'attachment; filename="hotline.bundle"'
    (tmp_path / "came").write_bytes(b"".join(answer.streaming_content))
    with bundle.opened(tmp_path / "came", directory=tmp_path / "follower", root=holders.root) as (follower, _, _):
        assert [name for name, _ in follower.refresh().offers] == ["hotline"]
    assert entries(act="list.bundled").get().actor == program.key.actor
    is_problem(program.get("/exchange/bundles/none"), 404, "unknown-list")
    is_problem(program.get("/exchange/bundles/hotline", since="-1"), 422)


@contextmanager
def publishing_now() -> Iterator[None]:
    """Somebody else publishes within the block, or for ten seconds at most: nobody waits for ever."""
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with keys.alone():
            begun.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert begun.wait(10)
        yield
    finally:
        done.set()
        thread.join()


def test_no_answer_waits_for_long_while_lists_are_published(
    filled: HashList, holders: Holders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE", 0.1)
    program = Program("publishing:read", "publishing:write")
    assert publishing.publish(filled)
    with publishing_now():
        is_problem(program.get("/exchange/bundles/hotline"), 409, "being-published")
        assert not entries(act="list.bundled").exists()
    with publishing_now():
        is_problem(put(program, holders.root), 409, "being-published")
    assert put(program, holders.root).status_code == 200
    assert b"".join(program.get("/exchange/bundles/hotline").streaming_content)


def test_without_a_root_there_is_nothing_to_fetch(nothing_published: None, hotline: HashList) -> None:
    is_problem(Program("publishing:write").get("/exchange/bundles/hotline"), 409, "no-root")
