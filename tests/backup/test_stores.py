"""Sealed files in a bucket are in the backup, and come back into whatever store there is; exhibits open in a drill."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.backup.conftest import MakeNode, do, only
from tests.backup.test_making import KEEP, READ
from tests.nodes import Node
from tests.s3 import Store

pytestmark = pytest.mark.django_db
MORE = (
    KEEP.replace("a neutral text", "more of it")
    .replace('"act %d"', '"more %d"')
    .replace("set_rule(", "0 and set_rule(")
)
CLEAR = [f"a neutral text {n}".encode() for n in range(3)]


def in_bucket(node: Node, store: Store, prefix: str) -> Node:
    """The same machine with its sealed files in a bucket."""
    address = f"s3://{store.bucket}/{prefix}?endpoint={store.endpoint}"
    return Node({**node.environment, **store.environment(), "HIMAYA_EVIDENCE_STORE": address})


def objects(store: Store, prefix: str) -> dict[str, bytes]:
    found = store.client.list_objects_v2(Bucket=store.bucket, Prefix=f"{prefix}/").get("Contents", ())
    return {
        one["Key"].rpartition("/")[2]: store.client.get_object(Bucket=store.bucket, Key=one["Key"])["Body"].read()
        for one in found
    }


@pytest.fixture
def kept(make_node: MakeNode, store: Store) -> Node:
    """A node with three exhibits in a bucket."""
    made = in_bucket(make_node("bucket"), store, "first")
    do(made, KEEP)
    assert len(objects(store, "first")) == 3
    return made


def test_what_lies_in_a_bucket_is_copied_once_and_comes_back_into_the_store_of_the_setting(
    kept: Node, make_node: MakeNode, store: Store, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    to, keys = tmp_path / "kept", tmp_path / "keys"
    assert "not in this backup" not in kept.run("backup", "--to", to).stderr
    first = only(to)
    do(kept, MORE)
    ran = kept.run("backup", "--to", to)
    assert "that were not copied: 3" in ran.stderr
    [second] = [one for one in to.glob("himaya-*") if one != first]
    held = {path.stem: path for path in second.rglob("*.sealed")}
    assert {name: path.read_bytes() for name, path in held.items()} == objects(store, "first")
    assert sorted(path.stat().st_nlink for path in held.values()) == [1, 1, 1, 2, 2, 2]
    kept.run("backup", "--keys", "--to", keys, "--recipient", keeper[0])
    archive = ("--keys", only(keys), "--identity", keeper[1])

    # Into another bucket: each object as it was sealed; repeated, nothing is written twice.
    other = in_bucket(make_node("other", empty=True), store, "second")
    other.run("restore", to, *archive)
    assert objects(store, "second") == objects(store, "first")
    assert len(do(other, READ)) == 6
    assert not list(other.data.rglob("*.sealed"))

    # And into a directory, where there is no bucket any more.
    plain = make_node("plain", empty=True)
    plain.run("restore", to, *archive)
    assert do(plain, READ)[:3] == [text.decode() for text in CLEAR]


def test_a_sealed_file_that_was_changed_in_the_backup_gets_into_no_bucket(
    kept: Node, make_node: MakeNode, store: Store, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    kept.run("backup", "--to", tmp_path / "kept")
    kept.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    path = next((tmp_path / "kept").rglob("*.sealed"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    other = in_bucket(make_node("other", empty=True), store, "second")
    archive = ("--keys", only(tmp_path / "keys"), "--identity", keeper[1])
    assert "cannot be used" in other.run("restore", tmp_path / "kept", *archive, status=1).stderr
    assert objects(store, "second") == {}


def test_without_them_a_backup_says_so_and_a_drill_too(
    kept: Node, store: Store, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    to = tmp_path / "kept"
    ran = kept.run("backup", "--to", to, "--without-sealed")
    assert f"sealed files lie in s3://{store.bucket}/first, and are not in this backup" in " ".join(ran.stderr.split())
    assert not list(to.rglob("*.sealed"))
    assert "the sealed files are not in this backup" in kept.run("drill", to).stderr


def test_a_bucket_that_does_not_answer_leaves_no_backup_behind(kept: Node, tmp_path: Path) -> None:
    away = Node({**kept.environment, "HIMAYA_EVIDENCE_STORE": "s3://bucket/first?endpoint=http://127.0.0.1:9"})
    assert "does not do its work" in away.run("backup", "--to", tmp_path / "kept", status=3).stderr
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [".himaya-backup.lock"]


# --- exhibits that are opened in a drill -----------------------------------------------------------------------------


def test_a_drill_opens_exhibits_with_the_archive_of_keys_and_writes_them_nowhere(
    make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    node = make_node("opens")
    do(node, KEEP)
    node.run("backup", "--to", tmp_path / "kept")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    archive = ("--keys", only(tmp_path / "keys"), "--identity", keeper[1])
    assert "for want of keys" in node.run("drill", tmp_path / "kept").stderr
    # The keys of the node itself are of no use to it: those of the archive have to do.
    epochs = node.data.with_name(f"{node.data.name}-epoch-keys")
    epochs.rename(epochs.with_name("aside"))
    assert "exhibits opened: 3 of 3" in node.run("drill", tmp_path / "kept", *archive).stderr
    assert "exhibits opened: 2 of 2" in node.run("drill", tmp_path / "kept", *archive, "--open", "2").stderr
    told = do(node, "say([entry.data.get('opened') for entry in queries.entries(act='backup.drilled')])")
    assert sorted(map(str, told)) == ["2", "3", "None"]
    for path in (path for place in (node.data, tmp_path) for path in place.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not any(text in content for text in CLEAR), path


def test_a_drill_names_exhibits_that_do_not_open(make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]) -> None:
    """An archive that is older than the epoch; and a file that is whole as a file, and is another one."""
    node = make_node("older")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    do(node, KEEP)
    node.run("backup", "--to", tmp_path / "kept")
    old = ("--keys", only(tmp_path / "keys"), "--identity", keeper[1])
    ran = node.run("drill", tmp_path / "kept", *old, status=1)
    assert "exhibits opened: 0 of 3" in ran.stderr
    assert "it is older" in ran.stderr
    assert "3 exhibits of the backup do not open" in ran.stderr


def test_what_was_destroyed_since_is_not_opened_again(
    make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    node = make_node("destroyed")
    do(node, KEEP)
    node.run("backup", "--to", tmp_path / "kept")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    do(node, "from himaya.evidence.keys import epoch_keys\n[epoch_keys().destroy(n) for n in epoch_keys().names()]")
    archive = ("--keys", only(tmp_path / "keys"), "--identity", keeper[1])
    assert "exhibits opened: 0 of 0" in node.run("drill", tmp_path / "kept", *archive).stderr


@pytest.mark.parametrize("command", [("drill", "here"), ("backup", "--to", "here")])
def test_where_there_is_no_node_none_is_begun(make_node: MakeNode, command: tuple[str, ...]) -> None:
    node = make_node("nowhere", empty=True)
    assert "There is no node in" in node.run(*command, status=3).stderr
    assert not node.data.exists()
