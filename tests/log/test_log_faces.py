"""What anybody reads of the log, what programs ask, and its page."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests.log.conftest import OtherNode, canonical
from tests.program import Program, is_problem

from himaya.core import merkle, tiles
from himaya.core.notes import NOTE, Checkpoint, Note, SigningKey, VerifierKey
from himaya.core.proofs import Proof
from himaya.log import queries, rounds
from himaya.log.services import add_watched, publish_checkpoint, raise_alarm

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]


def get(path: str) -> Any:
    return Client().get(f"/log/v1/{path}")


def test_a_stranger_rebuilds_the_signed_root_from_the_tiles(add: Add) -> None:
    add(700)
    publish_checkpoint()
    log, witness = (VerifierKey.read(line) for line in get("keys").content.decode().splitlines())
    note = Note.read(get("checkpoint").content)
    assert note.checked([log, witness]) == {log: 0}
    told = Checkpoint.read(note.text)
    held: dict[tuple[int, int], bytes] = {}
    for level, number, width in tiles.tiles_of(told.size):
        answer = get(f"tile/{tiles.tile_path(level, number, width)}")
        assert (answer.status_code, len(answer.content)) == (200, width * 32)
        assert "immutable" in answer["Cache-Control"]
        held[level, number] = answer.content
    hash_at = tiles.from_tiles(lambda level, number: held[level, number])
    assert merkle.root_at(told.size, hash_at) == told.root
    leaves = b"".join(held[0, n] for n in range(3))
    assert merkle.root_of(leaves[at : at + 32] for at in range(0, len(leaves), 32)) == told.root


def test_a_tile_keeps_its_content_under_its_name(add: Add) -> None:
    add(10)
    publish_checkpoint()
    before = get("tile/0/000.p/5").content
    add(300)
    publish_checkpoint()
    assert get("tile/0/000.p/5").content == before
    assert get("tile/0/000").content.startswith(before)


@pytest.mark.parametrize(
    "path",
    ["checkpoint", "keys", "tile/0/000", "tile/0/000.p/1", "tile/9/000", "tile/0/x/../000", "tile/", "nothing"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(path: str) -> None:
    assert get(path).status_code == 404
    assert Client().post(f"/log/v1/{path}").status_code in (404, 405)


def test_what_is_public_tells_nothing_of_what_was_logged(add: Add) -> None:
    add(20)
    publish_checkpoint()
    answers = [get(path) for path in ("checkpoint", "keys", f"tile/0/000.p/{queries.size()}")]
    told = b"".join(answer.content for answer in answers)
    assert b"item" not in told
    assert not any(canonical(n) in told for n in range(20))
    shown = queries.reveal([queries.leaf(0)])[0]
    assert shown.salt not in told
    assert all(not answer.cookies for answer in answers)


def test_a_program_asks_for_proofs_and_checks_them(add: Add) -> None:
    add(40)
    program = Program("log:read")
    assert program.get("/log").json()["checkpoint"] is None
    is_problem(program.get("/log/leaves/3"), 409, "not-published")
    old = publish_checkpoint()
    add(40)
    new = publish_checkpoint()
    told = program.get("/log").json()
    assert (told["size"], told["checkpoint"]["enough"]) == (queries.size(), False)
    for path in ("/log/leaves/3", "/log/events/test/3"):
        answer = program.get(path).json()
        note = Note.read(answer["checkpoint"]["note"])
        assert note.checked([VerifierKey.read(told["key"])])
        merkle.verify_inclusion(
            leaf=b64decode(answer["leaf"]),
            index=answer["index"],
            size=answer["size"],
            path=[b64decode(one) for one in answer["path"]],
            root=Checkpoint.read(note.text).root,
        )
    turned = program.get("/log/consistency", old=new.size, new=old.size)
    assert "logs only grow" in is_problem(turned, 422, "shrinking")["detail"]
    proof = program.get("/log/consistency", old=old.size, new=new.size).json()["proof"]
    merkle.verify_consistency(
        old=old.size, new=new.size, old_root=bytes(old.root), new_root=bytes(new.root),
        proof=[b64decode(one) for one in proof],
    )  # fmt: skip
    is_problem(program.get("/log/leaves/999"), 404, "no-such-leaf")
    is_problem(program.get("/log/events/test/999"), 404, "not-logged")
    is_problem(program.get("/log/consistency", old=5, new=999), 404, "no-checkpoint")
    is_problem(program.get("/log/consistency", old=9, new=5), 422, "shrinking")


def test_what_a_leaf_commits_to_is_for_keys_that_may_read_lists(add: Add) -> None:
    add(3)
    publish_checkpoint()
    is_problem(Program("log:read").get("/log/leaves/1/proof"), 403, "missing-scope")
    is_problem(Program("lists:read").get("/log/leaves/1/proof"), 403, "missing-scope")
    answer = Program("log:read", "lists:read").get("/log/leaves/1/proof")
    proved = Proof.read(answer.content).check(queries.verifier_keys())
    assert (proved.index, proved.event) == (1, canonical(1))


def test_a_proof_that_was_changed_proves_nothing(add: Add) -> None:
    from himaya.core.proofs import BadProof

    add(9)
    publish_checkpoint()
    whole = json.loads(str(queries.prove(4)))
    known = queries.verifier_keys()
    other = str(queries.prove(5))
    changes: list[dict[str, Any]] = [
        {"index": 5}, {"event": canonical(5).decode()}, {"salt": whole["path"][0]}, {"path": whole["path"][:-1]},
        {"path": json.loads(other)["path"]}, {"format": "x"}, {"checkpoint": "x"}, {"index": -1}, {"index": "4"},
        {"index": True}, {"path": 5}, {"keys": [5]}, {"event": 5}, {"salt": "!"}, {"path": whole["path"] * 30},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(BadProof):
            Proof.read(json.dumps({**whole, **change}).encode()).check(known)
    for content in (b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b" " * 300_000):
        with pytest.raises(BadProof):
            Proof.read(content)
    with pytest.raises(BadProof, match="signed by no key"):
        Proof.read(json.dumps(whole).encode()).check([])
    assert Proof.read(json.dumps(whole).encode()).check(known).index == 4


@pytest.fixture
def busy(add: Add, other_node: Callable[[str], OtherNode]) -> None:
    """A log of which its page has something to say everywhere."""
    from himaya.log import auditing

    other_node("hotline")
    add(30)
    audit = auditing.announce(number=3, auditor="Ombudsman", by="system")
    rounds.publish_with_witnesses()
    auditing.conclude(audit.pk, judged=dict.fromkeys(auditing.sample(audit.pk), True), by="system")
    add_watched(str(SigningKey("other.example/log", NOTE, bytes(32)).verifier), by="system")
    raise_alarm(queries.STRANGER_FORKED, origin="other.example/log", size=3, evidence="e")


@pytest.mark.parametrize("role", ["lead", "auditor", "admin"])
def test_the_page_says_how_large_the_log_is_who_looks_at_it_and_what_is_wrong(
    busy: None, sign_in: Callable[[str], Client], role: str
) -> None:
    page = sign_in(role).get("/log/").content.decode()
    newest = queries.latest()
    assert newest is not None
    for said in (
        newest.origin, "below the quorum", ">cosigned<", "hotline", "Ombudsman", "0.0% wrong",
        "two different histories", "other.example/log", "himaya log verify",
    ):  # fmt: skip
        assert said in page, said


def test_the_page_of_an_empty_log_says_what_to_do(sign_in: Callable[[str], Client]) -> None:
    page = sign_in("auditor").get("/log/").content.decode()
    assert "No checkpoint yet" in page
    assert "himaya log witness add" in page
