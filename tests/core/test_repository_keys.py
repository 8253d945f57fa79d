"""Keys in files, and a root that several people agree to without their keys ever meeting."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests.repositories import Keys
from tuf.api.metadata import Metadata, Root

from himaya.core.repository import ceremony, keys
from himaya.core.repository.ceremony import DifferentProposals, NoProposal, NotAsked, TooFewSignatures, UnfitRoot
from himaya.core.repository.keys import KeyThere, NoKeyFile, WeakPassphrase, WrongPassphrase
from himaya.core.statements import BASES

WORDS = "five quiet words by lot"


def root_of(document: bytes) -> Root:
    return Metadata[Root].from_bytes(document).signed


def online(held: Keys) -> dict[str, list[object]]:
    return {role: [signer.public_key] for role, signer in held.online.items()}


def test_a_key_comes_back_with_its_passphrase_and_with_no_other(tmp_path: Path) -> None:
    made, path = keys.new(), tmp_path / "anna.key"
    beside = keys.write(path, made, WORDS)
    assert keys.read(path, WORDS).public_key == keys.read_public(beside) == keys.read_public(path) == made.public_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.secret(made).split(b"\n")[1] not in path.read_bytes()
    with pytest.raises(WrongPassphrase):
        keys.read(path, WORDS + ".")


def test_a_key_file_with_somebody_elses_public_half_does_not_open(tmp_path: Path) -> None:
    path = tmp_path / "anna.key"
    keys.write(path, keys.new(), WORDS)
    other = json.loads(keys.public(keys.new().public_key))
    path.write_text(json.dumps({**json.loads(path.read_text()), "public": other}))
    with pytest.raises(WrongPassphrase):
        keys.read(path, WORDS)


def test_no_key_is_written_over_and_none_under_a_short_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "anna.key"
    with pytest.raises(WeakPassphrase):
        keys.write(path, keys.new(), "short")
    assert list(tmp_path.iterdir()) == []
    keys.write(path, keys.new(), WORDS)
    with pytest.raises(KeyThere):
        keys.write(path, keys.new(), WORDS)


def test_a_file_that_is_no_key_is_refused_in_words(tmp_path: Path) -> None:
    path, pub = tmp_path / "anna.key", tmp_path / "anna.key.pub"
    keys.write(path, keys.new(), WORDS)
    data = json.loads(path.read_text())
    dear = {**data, "scrypt": {**data["scrypt"], "n": 2**30}}
    for content in ("", "[]", "[" * 9000, '{"format": "himaya-key", "version": 1}', json.dumps(dear), pub.read_text()):
        path.write_text(content)
        with pytest.raises(NoKeyFile):
            keys.read(path, WORDS)
    pub.write_text(json.dumps({**json.loads(keys.public(keys.new().public_key)), "keyid": "0" * 64}))
    with pytest.raises(NoKeyFile, match="missing or changed"):
        keys.read_public(pub)


def test_two_of_three_make_a_root_on_machines_that_never_meet(tmp_path: Path) -> None:
    held = Keys()
    proposal = ceremony.propose([one.public_key for one in held.root], online=online(held), name="A node")
    assert ceremony.look(proposal).missing == (2, 2)
    at_anna, at_ben = ceremony.sign(proposal, held.root[0]), ceremony.sign(proposal, held.root[2])
    with pytest.raises(TooFewSignatures, match="of its own keys 1 must still sign"):
        ceremony.finish(at_anna)
    root = root_of(ceremony.finish(at_anna, at_ben))
    assert (root.version, root.roles["root"].threshold, root.consistent_snapshot) == (1, 2, True)
    assert dict(ceremony.bases_of(root)) == dict(BASES)


def test_a_new_root_takes_the_quorum_of_the_old_one_and_its_own() -> None:
    held, others = Keys(), Keys()
    first = held.new_root()
    proposal = ceremony.propose([one.public_key for one in others.root], previous=first)
    proposal = ceremony.sign(ceremony.sign(proposal, others.root[0]), others.root[1])
    assert ceremony.look(proposal).missing == (0, 2)
    proposal = ceremony.sign(proposal, held.root[0])
    with pytest.raises(
        TooFewSignatures, match="of its own keys 0 must still sign, and 1 of those of the root before it"
    ):
        ceremony.finish(proposal)
    second = root_of(ceremony.finish(ceremony.sign(proposal, held.root[1])))
    assert second.version == 2
    assert second.roles["targets"].keyids == root_of(first).roles["targets"].keyids


def test_a_word_for_a_legal_basis_comes_with_the_quorum_alone() -> None:
    held = Keys()
    second = held.new_root(previous=held.new_root(), bases={**BASES, "by-decree": "by decree"})
    assert ceremony.bases_of(root_of(second))["by-decree"] == "by decree"
    assert ceremony.bases_of(root_of(held.new_root(previous=second))) == ceremony.bases_of(root_of(second))
    with pytest.raises(TooFewSignatures):
        held.new_root(previous=second, bases=BASES, by=(1,))


def test_a_key_that_is_not_asked_does_not_sign() -> None:
    held = Keys()
    proposal = ceremony.propose([one.public_key for one in held.root], online=online(held))  # type: ignore[arg-type]
    with pytest.raises(NotAsked):
        ceremony.sign(proposal, held.online["targets"])


def test_proposals_that_say_different_things_are_not_joined() -> None:
    held = Keys()
    first, second = (
        ceremony.propose([one.public_key for one in held.root], online=online(held), name=name)  # type: ignore[arg-type]
        for name in ("A node", "Another")
    )
    with pytest.raises(DifferentProposals):
        ceremony.join(first, second)


def test_a_signature_over_something_else_does_not_count() -> None:
    held = Keys()
    chosen = [one.public_key for one in held.root]
    proposal = ceremony.sign(ceremony.propose(chosen, online=online(held)), held.root[0])  # type: ignore[arg-type]
    other = ceremony.sign(ceremony.propose(chosen, online=online(held), name="Another"), held.root[1])  # type: ignore[arg-type]
    data = json.loads(proposal)
    data["root"]["signatures"] += json.loads(other)["root"]["signatures"]
    with pytest.raises(TooFewSignatures, match="of its own keys 1"):
        ceremony.finish(json.dumps(data).encode())


def test_a_root_that_cannot_be_is_not_proposed() -> None:
    held = Keys()
    chosen = [one.public_key for one in held.root]
    mixed = {**online(held), "snapshot": [chosen[0]]}
    for more, why in (
        ({"keys": chosen, "online": {}}, "no key for targets"),
        ({"keys": [chosen[0], chosen[0]], "online": online(held)}, "named twice"),
        ({"keys": chosen, "online": online(held), "threshold": 4}, "fewer keys than must sign: 3, and 4 must"),
        ({"keys": chosen, "online": mixed}, "may not also be the key for snapshot"),
        ({"keys": chosen, "online": online(held), "bases": {"Ä": ""}}, "no word for a legal basis"),
        ({"keys": chosen, "online": online(held), "name": "a\nb"}, "its name"),
    ):
        with pytest.raises(UnfitRoot, match=why):
            ceremony.propose(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format":"himaya-root-proposal"}', b"[" * 9000])
def test_what_is_no_proposal_is_refused_in_words(content: bytes) -> None:
    for read in (ceremony.look, ceremony.finish, ceremony.join, lambda data: ceremony.sign(data, keys.new())):
        with pytest.raises(NoProposal):
            read(content)
