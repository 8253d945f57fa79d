"""A backup is of one moment, whole or not there, and never has the keys in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyrage import x25519
from tests.backup.conftest import DO, PROJECT, MakeNode, decide, do, head, only
from tests.nodes import Node

pytestmark = pytest.mark.django_db
MIB = 1024**2
WRITES = """
from tests.casework import opened
print("begun", flush=True)
for number in range(100, 100_000):
    opened(number)
"""
SEALED = [f"{n:02x}/{n:032x}.sealed" for n in range(40)]


def seal(node: Node, names: list[str]) -> None:
    """Files as the vault keeps them: named once, and never changed."""
    for name in names:
        path = node.data / "evidence" / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 50)


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if path.name != ".himaya-backup.lock")


def test_a_backup_that_is_made_while_others_write_is_of_one_moment(node: Node, tmp_path: Path) -> None:
    environment = {**node.environment, "DJANGO_SETTINGS_MODULE": "himaya.site.settings"}
    command = [sys.executable, "-c", f"import django; django.setup()\n{DO.format(act=WRITES)}"]
    writing = subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert writing.stdout is not None
        assert writing.stdout.readline() == "begun\n"
        before = head(node)[0]
        for _ in range(2):
            node.run("backup", "--to", tmp_path / "kept")
        assert writing.poll() is None, "somebody wrote all the time"
    finally:
        writing.kill()
        writing.communicate()
    told = [json.loads((one / "manifest.json").read_text()) for one in sorted((tmp_path / "kept").glob("himaya-*"))]
    assert before <= told[0]["ledger"]["entries"] < told[1]["ledger"]["entries"]
    ran = node.run("drill", tmp_path / "kept")
    assert f"ledger entries: {told[1]['ledger']['entries']:,};" in ran.stderr
    assert head(node)[0] > told[1]["ledger"]["entries"]


def test_sealed_files_are_copied_once_and_each_backup_is_whole_by_itself(node: Node, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    seal(node, SEALED[:30])
    node.run("backup", "--to", kept)
    first = only(kept)
    (node.data / "evidence" / SEALED[3]).unlink()  # destroyed in between
    seal(node, SEALED[30:])
    ran = node.run("backup", "--to", kept)
    assert "not copied: 29" in ran.stderr
    second = next(one for one in kept.glob("himaya-*") if one != first)
    assert (second / "evidence" / SEALED[0]).samefile(first / "evidence" / SEALED[0])
    assert not (second / "evidence" / SEALED[3]).exists()
    node.run("backup", "--to", kept, "--keep", 1)
    third = only(kept)
    assert third not in (first, second)
    assert [(third / "evidence" / name).read_bytes() for name in (SEALED[0], SEALED[39])] == [
        SEALED[0].encode() * 50,
        SEALED[39].encode() * 50,
    ]
    assert "sealed files read: 39" in node.run("drill", kept).stderr


def test_backups_of_another_node_in_the_same_place_are_neither_built_on_nor_removed(
    make_node: MakeNode, tmp_path: Path
) -> None:
    one, other = make_node("one"), make_node("other", empty=True)
    other.run("lists", "create", "another")
    one.run("backup", "--to", tmp_path / "kept")
    theirs = only(tmp_path / "kept")
    other.run("backup", "--to", tmp_path / "kept", "--keep", 1)
    assert (theirs / "manifest.json").exists()
    assert "backup of another node" in other.run("drill", theirs, status=2).stderr


@pytest.mark.parametrize("point", ["database", "files", "before_rename", "renamed", "removed"])
def test_killed_at_any_point_it_leaves_the_older_ones_whole(node: Node, tmp_path: Path, point: str) -> None:
    kept = tmp_path / "kept"
    seal(node, SEALED[:5])
    node.run("backup", "--to", kept)
    first = only(kept)
    fault = {"HIMAYA_FAULT": f"backup.{point}:kill"}
    node.run("backup", "--to", kept, "--keep", 1, status=-9, env=fault)
    whole = sorted(kept.glob("himaya-*"))
    assert len(whole) == (2 if point == "renamed" else 1)
    assert (first in whole) == (point != "removed")
    node.run("drill", whole[-1])
    node.run("backup", "--to", kept, "--keep", 2)
    assert len(names(kept)) == 2, "what was cut off is gone"
    assert all(name.startswith("himaya-") for name in names(kept))
    node.run("drill", kept)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a disk of 6 MiB: three backups of an empty node, and a little more."""
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={6 * MIB},mode=700,uid={os.getuid()}"
    if shutil.which("mount") is None or subprocess.call(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]):
        pytest.skip("this machine lets us have no small disk")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_on_a_full_disk_it_says_so_and_the_older_ones_are_whole(node: Node, disk: Path) -> None:
    seal(node, SEALED[:5])
    node.run("backup", "--to", disk / "kept")
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - 64 * 1024))
    before = names(disk / "kept")
    ran = node.run("backup", "--to", disk / "kept", status=3)
    assert "The disk is full" in ran.stderr
    assert str(disk) in ran.stderr
    assert names(disk / "kept") == before
    (disk / "ballast").unlink()
    node.run("drill", disk / "kept")
    node.run("backup", "--to", disk / "kept")


def test_two_at_once_into_one_place_are_refused(node: Node, tmp_path: Path) -> None:
    first = node.begin("backup", "--to", tmp_path / "kept", env={"HIMAYA_FAULT": "backup.files:sleep=20"})
    lock = tmp_path / "kept" / ".himaya-backup.lock"
    while not list((tmp_path / "kept").glob(".himaya-*.partial")) if lock.exists() else True:
        assert first.poll() is None
    assert "Another backup is being written" in node.run("backup", "--to", tmp_path / "kept", status=2).stderr
    first.terminate()
    assert "Interrupted" in first.communicate()[1]
    assert first.returncode == 130
    assert names(tmp_path / "kept") == [], "an interrupted one leaves nothing"


# --- keys ------------------------------------------------------------------------------------------------------------


def test_the_keys_are_in_no_backup_of_the_data_and_in_the_clear_nowhere(
    node: Node, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    secret = json.loads((node.data / "secrets.json").read_text())["secret_key"].encode()
    epoch = do(
        node,
        """
from himaya.core.vault.epochs import EpochKeys
from himaya.core.config import config
say(EpochKeys(config().epoch_directory).key_for("2027-03.severe").hex())
""",
    )
    (node.data / "himaya.toml").write_text('contact = "a-password-of-somebody"\n')
    decide(node, 1, 3)
    node.run("backup", "--to", tmp_path / "kept")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    written = [path for place in ("kept", "keys") for path in (tmp_path / place).rglob("*") if path.is_file()]
    assert len(written) >= 4
    for path in written:
        content = path.read_bytes()
        for key in (secret, epoch.encode(), bytes.fromhex(epoch), b"a-password-of-somebody"):
            assert key not in content, path
        assert path.stat().st_mode & 0o077 == 0


def test_keys_and_data_are_refused_the_same_place(node: Node, tmp_path: Path, keeper: tuple[str, Path]) -> None:
    keys = ("backup", "--keys", "--recipient", keeper[0], "--to")
    node.run("backup", "--to", tmp_path / "kept")
    (tmp_path / "kept" / "below").mkdir()
    for place in (tmp_path / "kept", tmp_path / "kept" / "below", only(tmp_path / "kept")):
        assert "kept apart" in node.run(*keys, place, status=2).stderr
    node.run(*keys, tmp_path / "keys")
    assert "kept apart" in node.run("backup", "--to", tmp_path / "keys", status=2).stderr
    for place in (node.data, node.data / "evidence", node.data.with_name("node-epoch-keys")):
        assert "would be lost with it" in node.run("backup", "--to", place, status=2).stderr
        assert "would be lost with it" in node.run(*keys, place, status=2).stderr
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    assert "kept apart" in node.run(*keys, tmp_path / "link", status=2).stderr
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_keys_are_written_for_somebody_or_not_at_all(node: Node, tmp_path: Path, keeper: tuple[str, Path]) -> None:
    keys = ("backup", "--keys", "--to", tmp_path / "keys")
    assert "for somebody only" in node.run(*keys, status=2).stderr
    assert "no recipients" in node.run(*keys, "--recipient", "age1nobody", status=2).stderr
    assert "belongs to --keys" in node.run("backup", "--to", tmp_path / "k", "--recipient", keeper[0], status=2).stderr
    assert not (tmp_path / "keys").exists()
    node.run(*keys, "--recipient", keeper[0], status=-9, env={"HIMAYA_FAULT": "backup.keys:kill"})
    assert list((tmp_path / "keys").iterdir()) == []


def test_a_key_that_is_made_here_opens_the_archive_and_is_never_written_over(node: Node, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.txt", tmp_path / "other.txt"
    recipient = node.run("keys", "age", mine).stdout.strip()
    assert recipient.startswith("age1")
    assert mine.stat().st_mode & 0o077 == 0
    assert "File exists" in node.run("keys", "age", mine, status=3).stderr
    other.write_text(f"# of somebody else\n{x25519.Identity.generate()}\n")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", recipient)
    node.run("backup", "--to", tmp_path / "kept")
    archive = only(tmp_path / "keys")
    refused = node.run("drill", tmp_path / "kept", "--keys", archive, "--identity", other, status=1).stderr
    assert "the key is that of none of its recipients" in refused
    other.write_text(f"{other.read_text()}{mine.read_text()}")  # of several keys, one is enough
    assert (
        "exhibits opened: 0 of 0" in node.run("drill", tmp_path / "kept", "--keys", archive, "--identity", other).stderr
    )


KEEP = """
import io
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import Acquired, preserve
set_rule("a-law", terms=RuleTerms("a law", "LU", "legal-obligation", ["match"], minimum="1 year"), by="system")
facts = {"label": "a file", "occasion": "match", "how": "screened", "tool": "a program 1", "by": "system"}
for n in range(3):
    preserve(io.BytesIO(b"a neutral text %d" % n), acquired=Acquired(once="act %d" % n, **facts))
"""
READ = """
from himaya.evidence.models import Exhibit
from himaya.evidence.reading import unsafe_content
every = Exhibit.objects.select_related("blob", "epoch").order_by("pk")
say([b"".join(unsafe_content(one)).decode() for one in every])
"""


def test_exhibits_are_in_the_backup_where_they_lie_by_default_and_open_once_restored(
    make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    node, kept = make_node("keeps"), tmp_path / "kept"
    do(node, KEEP)
    node.run("backup", "--to", kept)
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    assert "sealed files read: 3" in node.run("drill", kept).stderr
    new = make_node("new", empty=True)
    (key,) = (tmp_path / "keys").glob("*.age")
    new.run("restore", kept, "--keys", key, "--identity", keeper[1])
    assert do(new, READ) == [f"a neutral text {n}" for n in range(3)]
    lost = next((node.data / "evidence").rglob("*.sealed"))
    lost.rename(tmp_path / "aside")
    node.run("backup", "--to", tmp_path / "lacking")
    assert "it lacks 1 sealed files" in node.run("drill", tmp_path / "lacking", status=1).stderr
