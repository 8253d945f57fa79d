"""Killed while it keeps, and while it ends what is over: what was acknowledged opens, what ended never does, what was
held stays, and what nobody acknowledged is gone after a sweep.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from tests.crash.conftest import Node
from tests.crash.test_guarded_killed import POINTS as GUARDED

import himaya

THINGS = 6
SOURCE = "".join(path.read_text() for path in (Path(himaya.__file__).parent / "evidence").rglob("*.py"))
KEEPING = ("evidence.sealed", "evidence.preserved", "stores.written", "stores.linked", "stores.lasting")
ENDING = (
    "evidence.moved", "evidence.key-destroyed", "evidence.destroyed", "evidence.removed", "epochs.marked",
    "epochs.overwritten", "stores.unlinked",
)  # fmt: skip
READING = ("evidence.read", "evidence.looked", "demands.answer")
"""Reached by no run here: what is cut off there was counted, see ``evidence/test_granting``, ``test_looking``
and ``evidence/test_demands_answers``."""


def test_every_fault_point_of_the_room_is_killed_at_here() -> None:
    points = set(re.findall(r"faults\.point\(\"([^\"]+)\"\)", SOURCE))
    assert points <= {*KEEPING, *ENDING, *READING, *GUARDED}


def kept(number: int) -> list[object]:
    return [f"act {number}", "kept", f"text {number}", ["acquire"]]


def ended(number: int) -> list[object]:
    return [f"act {number}", "destroyed", "exhibit-ended", ["acquire", "destroy"]]


@pytest.mark.parametrize("point", KEEPING)
@pytest.mark.parametrize("passed", [1, 4])
def test_what_was_acknowledged_opens_and_what_was_not_is_swept(node: Node, point: str, passed: int) -> None:
    killed = node.start("keep_things", upto=THINGS, fault=f"{point}:kill@{passed}")
    killed.join(60)
    assert killed.exitcode == -9, node.log(killed)
    before = node.run("read_all")
    assert before == [kept(number) for number in range(len(before))]
    assert passed - 1 <= len(before) <= passed
    node.run("keep_things", upto=THINGS)
    assert node.run("read_all") == [kept(number) for number in range(THINGS)]
    assert node.run("sweep_over") == THINGS
    assert node.run("read_all") == [kept(number) for number in range(THINGS)]
    assert node.run("check", idle=False) == []


@pytest.mark.parametrize("point", ["evidence.sealed", "cases.filed"])
def test_a_file_that_was_being_added_to_a_case_is_kept_and_noted_or_neither(node: Node, point: str) -> None:
    killed = node.start("file_things", upto=3, fault=f"{point}:kill@2")
    killed.join(60)
    assert killed.exitcode == -9, node.log(killed)
    assert node.run("read_all") == [kept(0)]
    assert node.run("filed") == 1
    assert node.run("sweep_over") == 1
    node.run("file_things", upto=3)
    assert node.run("read_all") == [kept(number) for number in range(3)]
    assert node.run("sweep_over") == 3
    assert node.run("check", idle=False) == []


@pytest.mark.parametrize("point", ENDING)
def test_what_is_over_ends_once_and_what_is_held_is_never_lost(node: Node, point: str) -> None:
    node.run("keep_things", upto=THINGS)
    node.run("hold_case", case="case:2")  # things 1 and 4
    killed = node.start("end_over", fault=f"{point}:kill")
    killed.join(60)
    assert killed.exitcode == -9, node.log(killed)
    for number, told in enumerate(node.run("read_all")):
        if number in (1, 4):
            assert told == kept(number)
        else:
            assert told[2] in (f"text {number}", "exhibit-ended", "epoch-destroyed")
    assert node.run("end_over") == {"destroyed": 4, "kept": 2}
    assert node.run("read_all") == [kept(n) if n in (1, 4) else ended(n) for n in range(THINGS)]
    assert node.run("sweep_over") == 2
    assert node.run("check", idle=False) == []


def test_keepers_and_enders_that_are_killed_at_random_lose_nothing(node: Node) -> None:
    node.run("keep_things", upto=2)
    for passed in (1, 2, 3):
        for name, point in (("keep_things", "evidence.sealed"), ("end_over", "evidence.key-destroyed")):
            arguments = {"upto": 2 + 2 * passed} if name == "keep_things" else {}
            killed = node.start(name, fault=f"{point}:kill@{passed}", **arguments)
            killed.join(60)
    node.run("keep_things", upto=8)
    node.run("end_over")
    told = node.run("read_all")
    assert [one[0] for one in told] == [f"act {number}" for number in range(8)]
    assert {tuple(one[1:3]) for one in told} == {("destroyed", "exhibit-ended")}
    assert node.run("check", idle=False) == []


def forms(secret: bytes) -> list[bytes]:
    """How a key can stand in a file: as it is, in hexadecimal, in base64, at whichever of its three places."""
    texts = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + secret)
        texts.append(coded[(shift * 4 + 2) // 3 + 1 : -4])
    return texts


def test_what_ended_is_in_no_file_of_the_node_and_in_no_backup_neither_its_bytes_nor_a_key(
    node: Node, tmp_path: Path
) -> None:
    data, backups = Path(node.environment["HIMAYA_DATA"]), tmp_path / "backups"
    places = (data, data.with_name(f"{data.name}-epoch-keys"), backups)
    node.run("keep_things", upto=2)
    node.run("hold_case", case="case:2")  # thing 1
    gone, _ = ([bytes.fromhex(key) for key in keys] for keys in node.run("secrets_of", upto=2))
    node.run("back_up", to=str(backups))
    before = {path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()}
    assert any(form in content for content in before for form in forms(gone[1])), "the outer key is looked for rightly"
    node.run("end_over")
    node.run("sweep_over")
    node.run("back_up", to=str(backups))
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    everything = [path.read_bytes() for path in files] + [node.run("dumped").encode()]
    assert len([path for path in files if path.is_relative_to(backups)]) > 4
    for secret in (*gone[:2], b"text 0"):
        for form in forms(secret):
            assert not [number for number, content in enumerate(everything) if form in content]
    now = [path.read_bytes() for path in data.rglob("*") if path.is_file()]
    assert not [content for content in now for form in forms(gone[2]) if form in content], "wrapped, it is gone as well"
    assert node.run("read_all") == [ended(0), kept(1)]
