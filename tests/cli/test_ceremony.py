"""Several people make a root together, each with a stick and nothing but files between them."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from tests.cli.conftest import Node
from tests.repositories import ORGANISATION, full, said
from tuf.api.metadata import Metadata

from himaya.core.repository import keys
from himaya.core.repository.publishing import Repository

pytestmark = pytest.mark.one_database
WORDS = "five quiet words by lot"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "words").write_text(WORDS + "\n")
    return tmp_path


def test_three_people_make_a_root_and_exchange_a_key(node: Node, desk: Path) -> None:
    asked = ("--passphrase-file", "words")
    for name in ("anna", "ben", "cleo", "node", "newer"):
        told = node.run("keys", "make", f"{name}.key", *asked, cwd=desk).stderr
        assert f"hand {name}.key.pub to whoever runs" in told
    assert stat.S_IMODE((desk / "anna.key").stat().st_mode) == 0o600
    holders = [word for name in ("anna", "ben", "cleo") for word in ("--key", f"{name}.key.pub")]
    online = [word for role in ("targets", "snapshot", "timestamp") for word in (f"--{role}", "node.key.pub")]
    told = node.run("keys", "new-root", *holders, *online, "--name", "A node", "--to", "root-1", cwd=desk)
    assert "himaya keys sign root-1 --key FILE" in told.stderr
    assert "signed by nobody; still missing: 2" in told.stdout

    (desk / "copy").write_bytes((desk / "root-1").read_bytes())
    told = node.run("keys", "sign", "root-1", "--key", "anna.key", *asked, cwd=desk)
    assert "root 1 of A node" in told.stdout
    assert "signed by nobody" not in told.stdout, "that was before"
    assert "still missing: 1 of its keys" in told.stdout
    assert "Next: 1 more signature; pass it on." in told.stderr
    refused = node.run("keys", "finish-root", "root-1", "--to", "root.json", status=1, cwd=desk).stderr
    assert "The root has too few signatures: of its own keys 1 must still sign." in refused
    assert (
        "himaya keys finish-root"
        in node.run("keys", "show", "root-1", cwd=desk).stdout
        + node.run("exchange", "root", "root-1", status=2, cwd=desk).stderr
    )
    assert "is none of those that may sign this" in node.run(
        "keys", "sign", "root-1", "--key", "node.key", *asked, status=2, cwd=desk
    ).stderr  # fmt: skip
    node.run("keys", "sign", "copy", "--key", "cleo.key", *asked, cwd=desk)
    done = node.run("keys", "finish-root", "root-1", "copy", "--to", "root.json", cwd=desk)
    assert "himaya exchange root root.json" in done.stderr
    digest = hashlib.sha256((desk / "root.json").read_bytes()).hexdigest()
    shown = node.run("keys", "show", "root.json", cwd=desk).stdout
    for told in (done.stdout, shown):
        assert digest in told.replace(" ", "")
    signers = [keys.read_public(desk / f"{name}.key.pub").keyid[:16] for name in ("anna", "cleo")]
    assert all(one in shown.partition("signed by")[2] for one in signers)

    signer = keys.read(desk / "node.key", WORDS)
    made = Repository.create(desk / "r", root=(desk / "root.json").read_bytes(), ring=[signer])
    newer = [word for role in ("targets", "snapshot", "timestamp") for word in (f"--{role}", "newer.key.pub")]
    told = node.run(
        "keys",
        "new-root",
        "--previous",
        "root.json",
        *newer,
        "--basis",
        "by-decree=by decree",
        "--to",
        "root-2",
        cwd=desk,
    )
    assert f"- targets {signer.public_key.keyid[:16]}" in told.stdout
    assert "+ legal basis by-decree" in told.stdout
    for name in ("ben", "cleo"):
        node.run("keys", "sign", "root-2", "--key", f"{name}.key", *asked, cwd=desk)
    node.run("keys", "finish-root", "root-2", "--to", "root-2.json", cwd=desk)
    both = Repository(desk / "r", [signer, keys.read(desk / "newer.key", WORDS)])
    both.install_root((desk / "root-2.json").read_bytes())
    assert "by-decree" in made.bases()


def test_a_signatory_looks_and_signs_what_a_node_prepared(node: Node, desk: Path) -> None:
    from tests.repositories import Keys, new_repository

    held = Keys()
    made, _ = new_repository(desk / "r", held)
    keys.write(desk / "own.key", held.own[ORGANISATION], WORDS)
    (desk / "prepared").write_bytes(made.prepare(ORGANISATION, [full(desk / "w", 1, said(5))]))
    told = node.run("keys", "sign", "prepared", "--key", "own.key", "--passphrase-file", "words", cwd=desk)
    assert f"known/{ORGANISATION}/full-1.gz" in told.stdout
    made.attach({ORGANISATION: (desk / "prepared").read_bytes()}, [desk / f"w/{ORGANISATION}-full-1"])
    assert Metadata.from_bytes((desk / "prepared").read_bytes()).signed.version == 1


def test_what_is_wrong_is_told_in_words(node: Node, desk: Path) -> None:
    (desk / "short").write_text("short")
    keys.write(desk / "own.key", keys.new(), WORDS)
    (desk / "other").write_text("six other words by lot")
    for words, told in (
        (("make", "own.key", "--passphrase-file", "words"), "own.key is there already"),
        (("make", "x.key", "--passphrase-file", "short"), "has 5 characters; it takes 12"),
        (("show", "nothing"), "The file nothing cannot be read"),
        (("show", "words"), "This is nothing that can be signed"),
        (("sign", "words", "--key", "own.key", "--passphrase-file", "words"), "This is nothing that can be signed"),
        (("new-root", "--to", "x"), "it has no key for root"),
        (("new-root", "--key", "words", "--to", "x"), "words is no key file that can be used"),
        (("new-root", "--basis", "word", "--to", "x"), "'word' is no word with its meaning"),
    ):
        assert told in node.run("keys", *words, status=2, cwd=desk).stderr.replace("\n", " ")
    assert not (desk / "x").exists()
