"""What was destroyed is nowhere any more: not in the database, its journal, the store, the keys, nor in a backup."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from tests.backup.conftest import MakeNode, do
from tests.backup.test_making import KEEP
from tests.nodes import Node

KEYS = """
from himaya.evidence.keys import epoch_keys, epoch_name, opened
from himaya.evidence.models import Exhibit
every = list(Exhibit.objects.select_related("blob", "epoch"))
say([[opened(one).hex() for one in every], sorted({epoch_keys().key(epoch_name(one)).hex() for one in every})])
"""
END = """
from datetime import timedelta
from himaya.evidence.ending import end_due
from himaya.evidence.models import Exhibit
Exhibit.objects.update(until=now() - timedelta(days=2), review=False)
while end_due(): pass
say(sorted(Exhibit.objects.values_list("state", flat=True)))
"""
SERVER = """
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SHOW data_directory")
        say(cursor.fetchone()[0])
else:
    say("")
"""


def bytes_of(places: list[Path]) -> Iterator[tuple[Path, bytes]]:
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes()


def shapes(key: str) -> list[bytes]:
    """A key as its bytes, as digits, and as it could stand in a text."""
    raw = bytes.fromhex(key)
    return [raw, key.encode(), key.upper().encode(), base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw)]


def found(needles: list[bytes], places: list[Path]) -> list[str]:
    return [str(path) for path, held in bytes_of(places) if any(needle in held for needle in needles)]


def everywhere(node: Node) -> list[Path]:
    server = do(node, SERVER)
    places = [node.data, node.data.with_name(f"{node.data.name}-epoch-keys")]
    return [place for place in [*places, *([Path(server)] if server else [])] if place.exists()]


def test_r14_bytes_and_keys_of_what_was_destroyed_are_nowhere(make_node: MakeNode, tmp_path: Path) -> None:
    node = make_node("ends")
    do(node, KEEP)
    inner, outer = do(node, KEYS)
    sealed = [path.read_bytes() for path in (node.data / "evidence").rglob("*.sealed")]
    assert len(sealed) == 3
    secret = [shape for key in outer for shape in shapes(key)]
    assert found(secret, everywhere(node)), "what is searched for is found while it is there"
    assert found(sealed, everywhere(node))
    old, new = tmp_path / "old", tmp_path / "new"
    node.run("backup", "--to", old)

    assert do(node, END) == ["destroyed"] * 3
    node.run("backup", "--to", new)
    secret += [shape for key in inner for shape in shapes(key)]
    contents = [b"a neutral text %d" % n for n in range(3)]
    assert found([*secret, *contents, *sealed], [*everywhere(node), new]) == []
    assert found([*secret, *contents], [old]) == [], "the sealed files that are in it open with nothing that is left"
