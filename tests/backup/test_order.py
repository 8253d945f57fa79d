"""Which backup is the newest, what is in it as it was stored, and what an archive of keys opens once it is old."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from tests.backup.conftest import MakeNode, do, only
from tests.backup.test_making import KEEP, READ
from tests.backup.test_over import CLEAR, END, NAMED, sealed
from tests.nodes import Node

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeps(make_node: MakeNode) -> Node:
    """A node with three exhibits."""
    node = make_node("keeps")
    do(node, KEEP)
    return node


def backups(place: Path) -> set[str]:
    return {path.name for path in place.glob("himaya-*")}


def as_if_made_in(year: int, place: Path) -> Path:
    """The backup as the node would have written it while its clock stood in another year."""
    told = json.loads((place / "manifest.json").read_text())
    name = f"himaya-{year}{place.name[11:]}"
    told |= {"name": name, "made_at": f"{year}{told['made_at'][4:]}"}
    content = json.dumps(told).encode()
    (place / "manifest.json").write_bytes(content)
    (place / "manifest.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  manifest.json\n")
    return place.rename(place.with_name(name))


def said(ran: object) -> str:
    return " ".join(ran.stderr.split())  # type: ignore[attr-defined]


def test_the_newest_is_the_one_with_the_longest_ledger_whatever_a_clock_said(node: Node, tmp_path: Path) -> None:
    place = tmp_path / "data"
    node.run("backup", "--to", place)
    wrong = as_if_made_in(2099, only(place))
    ran = node.run("backup", "--to", place, "--keep", 2)
    assert wrong.name in said(ran)
    (new,) = backups(place) - {wrong.name}
    ran = node.run("restore", place, "--over", input=NAMED)
    assert f"{new}, of" in ran.stderr
    assert f"{wrong.name} says that it was made later" in said(ran)
    node.run("backup", "--to", place, "--keep", 1)
    (last,) = backups(place)
    assert last not in (wrong.name, new)


def test_what_was_just_made_is_never_removed_nor_what_the_node_has_left_behind(node: Node, tmp_path: Path) -> None:
    place = tmp_path / "data"
    node.run("backup", "--to", place)
    first = only(place)
    do(node, "with transaction.atomic(): [services.record('test.act', by='system', about='test') for _ in range(50)]")
    node.run("backup", "--to", place)
    (second,) = backups(place) - {first.name}
    node.run("restore", first, "--over", input=NAMED)
    ran = node.run("backup", "--to", place, "--keep", 1)
    (third,) = backups(place) - {second}
    assert second in said(ran), "it is named, and stays: nothing else has what came after the first"
    assert f"{third} can be put back" in node.run("drill", place).stderr, "not the one that was left behind"


def test_where_several_nodes_keep_theirs_one_has_to_be_named(
    node: Node, make_node: MakeNode, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    other, new = make_node("other", empty=True), make_node("new", empty=True)
    other.run("lists", "create", "theirs")
    for one in (other, node):
        one.run("backup", "--to", tmp_path / "data")
    node.run("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    archive = ("--keys", only(tmp_path / "keys"), "--identity", keeper[1])
    assert "backups of several nodes" in new.run("restore", tmp_path / "data", *archive, status=2).stderr
    node.run("restore", tmp_path / "data", "--over", input=NAMED)


# --- sealed files ----------------------------------------------------------------------------------------------------


def test_a_file_that_has_rotted_is_not_handed_on_and_a_good_copy_stays_in_the_backups(
    keeps: Node, tmp_path: Path
) -> None:
    place, one = tmp_path / "data", sealed(keeps)[0]
    good = one.read_bytes()
    os.chmod(one, 0o600)
    one.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "not what was stored: 1" in said(keeps.run("backup", "--to", place))
    assert "1 sealed files in it are not what its database knows" in said(keeps.run("drill", place, status=1))
    first = backups(place)

    one.write_bytes(good)
    ran = keeps.run("backup", "--to", place)
    (second,) = backups(place) - first
    assert "not what was stored" not in said(ran)
    assert (place / second / one.relative_to(keeps.data)).read_bytes() == good
    keeps.run("drill", place)

    one.write_bytes(bytes(len(good)))
    keeps.run("backup", "--to", place)
    (third,) = backups(place) - first - {second}
    assert (place / third / one.relative_to(keeps.data)).read_bytes() == good, "as the one before has it"
    one.unlink()
    assert "neither here" not in said(keeps.run("backup", "--to", place))
    keeps.run("drill", place)


def test_a_file_that_the_database_does_not_know_is_linked_only_while_it_is_the_same(node: Node, tmp_path: Path) -> None:
    place, one = tmp_path / "data", node.data / "evidence" / "ab" / "cd" / "of-nobody.sealed"
    one.parent.mkdir(parents=True)
    for content in (b"first", b"first", b"other"):
        one.write_bytes(content)
        node.run("backup", "--to", place)
    first, second, third = (path / one.relative_to(node.data) for path in sorted(place.glob("himaya-*")))
    assert first.samefile(second)
    assert (first.read_bytes(), third.read_bytes()) == (b"first", b"other")


def test_what_a_backup_lacks_is_said_when_it_is_made(keeps: Node, tmp_path: Path) -> None:
    sealed(keeps)[1].unlink()
    assert "not in this one: 1" in said(keeps.run("backup", "--to", tmp_path / "data"))
    told = do(keeps, "say([entry.data['lacking'] for entry in queries.entries(act='backup.made')])")
    assert told == [1]


def test_a_link_below_a_folder_is_not_left_out_in_silence(keeps: Node, tmp_path: Path) -> None:
    folder, far = sealed(keeps)[0].parent.parent, tmp_path / "another-disk"
    folder.rename(far)
    folder.symlink_to(far)
    assert do(keeps, READ) == CLEAR
    assert f"{folder} is a link" in said(keeps.run("backup", "--to", tmp_path / "data", status=3))
    assert backups(tmp_path / "data") == set()
    folder.unlink()
    far.rename(folder)
    evidence = keeps.data / "evidence"
    evidence.rename(far)
    evidence.symlink_to(far)
    keeps.run("backup", "--to", tmp_path / "data")
    keeps.run("drill", tmp_path / "data")


# --- what is old, and knows it ---------------------------------------------------------------------------------------

MAKE = """
from datetime import date
from himaya.evidence.holding import place_hold
from himaya.evidence.models import Hold
from tests.casework import opened
one = opened(7)
place_hold(f"case:{one.pk}", reason="r", authority="a court", review_on=date(2099, 1, 1), by="system")
say([one.pk, Hold.objects.latest("pk").pk])
"""
SESSION = """
from importlib import import_module
from django.conf import settings
Store = import_module(settings.SESSION_ENGINE).SessionStore
"""


def test_numbers_go_on_far_above_also_where_a_table_was_empty(node: Node, tmp_path: Path) -> None:
    node.run("backup", "--to", tmp_path / "data")
    before = do(node, MAKE)
    node.run("restore", tmp_path / "data", "--over", input=NAMED)
    after = do(node, MAKE)
    assert all(now > 1000 > then for now, then in zip(after, before, strict=True)), (before, after)


def test_no_session_lives_again_and_who_may_do_something_is_named(node: Node, tmp_path: Path) -> None:
    do(
        node,
        """
from django.contrib.auth import get_user_model
get_user_model().objects.create(username="sam", name="Sam", role="reviewer")
get_user_model().objects.create(username="kim", name="Kim", role="reviewer", is_active=False)
""",
    )
    node.run("keys", "add", "a-program", "--scope", "scan", status=None)
    key = do(node, SESSION + "one = Store(); one['x'] = 1; one.create(); say(one.session_key)")
    node.run("backup", "--to", tmp_path / "data")
    do(node, SESSION + f"Store({key!r}).delete()")
    ran = node.run("restore", tmp_path / "data", "--over", input=NAMED)
    assert do(node, SESSION + f"say(Store({key!r}).exists({key!r}))") is False
    assert "people who may sign in" in said(ran)
    assert "sam" in said(ran)
    assert "kim" not in said(ran)


# --- archives of keys ------------------------------------------------------------------------------------------------


def test_an_archive_that_opens_what_was_destroyed_is_named_until_somebody_says_that_it_is_gone(
    keeps: Node, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    keys = ("backup", "--keys", "--to", tmp_path / "keys", "--recipient", keeper[0])
    assert "opens what was destroyed" not in said(keeps.run(*keys))
    old = only(tmp_path / "keys").name
    do(keeps, END)
    doctor = keeps.run("doctor", status=None).stdout
    assert "archives of keys open what was destroyed" in " ".join(doctor.split())
    assert old in "".join(doctor.split())
    ran = keeps.run(*keys)
    assert f"{old} holds keys that were destroyed since" in said(ran)
    assert "has written no archive" in said(keeps.run("backup", "--keys-gone", "himaya-keys-none.age", status=2))
    keeps.run("backup", "--keys-gone", tmp_path / "keys" / old)
    assert "opens what was destroyed" not in said(keeps.run(*keys))
    assert "open what was destroyed" not in " ".join(keeps.run("doctor", status=None).stdout.split())


def test_older_archives_are_removed_but_for_one_with_a_key_that_is_nowhere_else(
    keeps: Node, tmp_path: Path, keeper: tuple[str, Path]
) -> None:
    place = tmp_path / "keys"
    keys = ("backup", "--keys", "--to", place, "--recipient", keeper[0])
    keeps.run(*keys)
    keeps.run(*keys, "--keep", 1)
    (kept,) = place.iterdir()
    for path in keeps.data.with_name(f"{keeps.data.name}-epoch-keys").glob("*.key"):
        path.rename(tmp_path / path.name)
    ran = keeps.run(*keys, "--keep", 1)
    assert f"{kept.name} stays" in said(ran)
    assert kept.exists()
    told = do(keeps, "say(queries.entries(act='backup.keys-gone').count())")
    assert told == 1


def test_a_backup_goes_somewhere(node: Node, tmp_path: Path) -> None:
    assert "not said where" in said(node.run("backup", status=2))
    assert "not said where" in said(node.run("backup", "--to", tmp_path, "--keys-gone", "x", status=2))
