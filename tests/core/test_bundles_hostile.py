"""Bundles of strangers: what was changed is found, and what was made to do harm does none."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import bundling

from himaya.core.bundles import reading, writing
from himaya.core.bundles.alone import bag, program
from himaya.core.bundles.alone.stamps import read_stamp
from himaya.core.vault import recipients
from himaya.core.vault.verifier import NotProved, key_name

MADE = bundling.bundle(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "bag"
    reports = {"en.html": [b"<!doctype html>\n"]}
    writing.write_folder(MADE, path, contents=bundling.contents(MADE), reports=reports, signer=bundling.ANNA)
    return path


@pytest.fixture(scope="module")
def archive(folder: Path) -> bytes:
    """The same, packed as anybody packs a folder."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, f"bag/{path.relative_to(folder)}")
    return made.getvalue()


def why(path: Path) -> str:
    """What is wrong, by the program and by the reader alike; empty where nothing is."""
    found = program.verify_bundle(str(path)).problems
    if not found:
        with reading.opened(path) as received:
            assert received.bundle == MADE
        return ""
    with pytest.raises(reading.BundleNotProved), reading.opened(path):
        pass
    return "\n".join(f"{where}: {text}" for where, text in found)


def test_the_one_that_nobody_touched_is_proved(folder: Path, archive: bytes, tmp_path: Path) -> None:
    (tmp_path / "bag.zip").write_bytes(archive)
    assert why(folder) == why(tmp_path / "bag.zip") == ""


# --- changed ---------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_any_file_is_found(folder: Path, data: st.DataObject) -> None:
    names = sorted(path for path in folder.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(names))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[at] ^ data.draw(st.integers(1, 255))
    try:
        path.write_bytes(whole[:at] + bytes([changed]) + whole[at + 1 :])
        assert program.verify_bundle(str(folder)).problems
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("algorithm", bag.ALGORITHMS)
def test_what_no_manifest_covers_is_read_strictly(folder: Path, algorithm: str) -> None:
    path = folder / f"tagmanifest-{algorithm}.txt"
    whole = path.read_bytes()
    try:
        for at in range(len(whole)):
            for bit in (1, 0x20):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
                assert next(bag.check_bag(bag.Folder(str(folder))), None), at
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_file_that_is_cut_or_longer_is_found(folder: Path, cut: int) -> None:
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        whole = path.read_bytes()
        try:
            path.write_bytes(whole[:-cut] if cut else whole + b"\n")
            assert program.verify_bundle(str(folder)).problems, path
        finally:
            path.write_bytes(whole)


@pytest.mark.parametrize(
    "name", ["fetch.txt", "more.txt", "data/more", "data/exhibits/more.age", "tagmanifest-md5.txt"]
)
def test_a_file_that_was_added_is_found(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    try:
        assert name in why(folder)
    finally:
        (folder / name).unlink()


def test_a_file_that_was_taken_is_found(folder: Path) -> None:
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        whole = path.read_bytes()
        path.unlink()
        try:
            assert program.verify_bundle(str(folder)).problems, path
        finally:
            path.write_bytes(whole)


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes((folder / "verify.py").read_bytes())
    whole = (folder / "verify.py").read_bytes()
    (folder / "verify.py").unlink()
    try:
        (folder / "verify.py").symlink_to(secret)
        assert "is a link" in why(folder)
        (folder / "verify.py").unlink()
        os.mkfifo(folder / "verify.py")
        assert "no plain file" in why(folder)
    finally:
        (folder / "verify.py").unlink()
        (folder / "verify.py").write_bytes(whole)
    (folder / "away").symlink_to(tmp_path)
    try:
        assert "is a link" in why(folder)
    finally:
        (folder / "away").unlink()


# --- made to do harm -------------------------------------------------------------------------------------------------


def zipped(*members: tuple[str, bytes], change: Callable[[zipfile.ZipInfo], object] = lambda one: None) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            about = zipfile.ZipInfo(name)
            about.compress_type = zipfile.ZIP_DEFLATED
            change(about)
            packed.writestr(about, content)
    return made.getvalue()


def _link(one: zipfile.ZipInfo) -> None:
    one.external_attr = (stat.S_IFLNK | 0o777) << 16


HARM: list[tuple[Callable[[], bytes], str]] = [
    (lambda: b"", "neither a folder nor a ZIP"),
    (lambda: b"PK\5\6" + bytes(18), "does not hold one folder"),
    (lambda: zipped(("bag/../../etc/x", b"")), "no safe name"),
    (lambda: zipped(("/bag/x", b"")), "does not hold one folder"),
    (lambda: zipped(("bag//x", b"")), "no safe name"),
    (lambda: zipped(("bag/./x", b"")), "no safe name"),
    (lambda: zipped(("bag/C:x", b"")), "no safe name"),
    (lambda: zipped(("bag/a\\b", b"")), "no safe name"),
    (lambda: zipped(("bag/a\u202eb", b"")), "no safe name"),
    (lambda: zipped(("bag/" + "d/" * 20 + "x", b"")), "no safe name"),
    (lambda: zipped(("bag/" + "x" * 500, b"")), "no safe name"),
    (lambda: zipped(("bag/x", b"target"), change=_link), "is a link"),
    (lambda: zipped(("bag/x", b""), ("other/y", b"")), "does not hold one folder"),
    (lambda: zipped(("../x", b"")), "does not hold one folder"),
    (lambda: zipped(("bag/data/x", bytes(200 * 1024**2))), "far more than it has bytes"),
    (lambda: zipped(("bag/x", b"")) + b"comment", "without a comment"),
    (lambda: b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, 2**31, 0, 0), "list of files is too long"),
]


@pytest.mark.parametrize(("content", "said"), HARM)
def test_a_zip_that_was_made_to_do_harm_does_none(content: Callable[[], bytes], said: str, tmp_path: Path) -> None:
    (tmp_path / "bag.zip").write_bytes(content())
    assert said in why(tmp_path / "bag.zip")
    assert [one.name for one in tmp_path.iterdir()] == ["bag.zip"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        content = zipped(("bag/x", b"one"), ("bag/x", b"two"))
    (tmp_path / "bag.zip").write_bytes(content)
    assert "is there twice" in why(tmp_path / "bag.zip")


def test_more_files_than_a_bundle_has_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bag, "MAX_FILES", 3)
    (tmp_path / "bag.zip").write_bytes(zipped(*((f"bag/{n}", b"") for n in range(4))))
    assert "more than 3 files" in why(tmp_path / "bag.zip")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"format":1,"format":2}', b'{"a":NaN}', b"1" * 5000,
        b'{"format":"himaya-bundle/1"}', b'{"@graph":[{}]}', b'{"@graph":[{"@type":1,"@id":2}]}', b'{"value":[]}',
        b'{"custody":[],"logs":{}}', b'{"custody":{"a":{}},"logs":[]}', b'{"custody":{},"logs":[1]}', b'"\\ud800"',
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["bundle.json", "keys.json", "case.jsonld", "vics.json"])
def test_malformed_json_is_told_of(folder: Path, name: str, content: bytes) -> None:
    path = folder / "data" / name
    whole = path.read_bytes()
    try:
        path.write_bytes(content)
        found = program.verify_bundle(str(folder)).problems
        assert any(where == "" or "data/" in text or "exhibit" in where for where, text in found)
    finally:
        path.write_bytes(whole)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_facts_of_any_shape_are_refused_in_words(folder: Path, data: st.DataObject) -> None:
    """One value somewhere in one of the files is another one."""
    name = data.draw(st.sampled_from(["bundle.json", "keys.json", "case.jsonld", "vics.json"]))
    path = folder / "data" / name
    whole = path.read_bytes()
    told = json.loads(whole)
    at, places = told, list[tuple[Any, Any]]()
    while isinstance(at, dict | list) and at:
        key = data.draw(st.sampled_from(sorted(at)) if isinstance(at, dict) else st.integers(0, len(at) - 1))
        places.append((at, key))
        at = at[key]
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(st.sampled_from([None, True, -1, 2**70, 1.5, "", "x", "\n", [], [1], {}, {"a": 1}]))
    try:
        path.write_text(json.dumps(told))
        assert program.verify_bundle(str(folder)).problems  # and nothing is raised
    finally:
        path.write_bytes(whole)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at_end=st.booleans(),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.none() | st.floats(0, 1),
)
def test_a_damaged_zip_is_told_of_or_reads_the_same(
    archive: bytes, tmp_path: Path, at_end: bool, damage: list[tuple[float, int]], cut: float | None
) -> None:
    changed = bytearray(archive)
    begin = len(archive) - 3000 if at_end else 0  # where the list of files is
    for at, value in damage:
        changed[begin + int(at * (len(archive) - begin - 1))] = value
    path = tmp_path / "bag.zip"
    path.write_bytes(changed if cut is None else changed[: int(cut * len(changed))])
    with suppress(reading.BundleNotProved), reading.opened(path) as received:
        assert received.bundle == MADE


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_what_is_no_time_stamp_is_told_of(content: bytes) -> None:
    with pytest.raises(NotProved):
        read_stamp(content)
    with pytest.raises(NotProved):
        read_stamp(b"\x30\x81" + bytes([len(content)]) + content)


def test_an_exhibit_that_is_something_else_is_not_taken(tmp_path: Path) -> None:
    """The maker of the bundle has encrypted another thing than the one that the bundle tells of."""
    one = MADE.exhibits[0]
    for number, clear in enumerate((b"", bytes(one.size), bytes(one.size + 1))):
        path = tmp_path / str(number)
        writing.write_folder(MADE, path, contents=bundling.contents(MADE), reports={}, signer=bundling.ANNA)
        with (path / "data" / "exhibits" / f"{one.uuid}.age").open("wb") as file:
            recipients.encrypt(io.BytesIO(clear), file, recipients=[bundling.IDENTITY.recipient])
        bundling.rebag(path)
        with reading.opened(path) as received:
            with pytest.raises(reading.ExhibitNotTaken):
                received.take(one.uuid, io.BytesIO(), identity=bundling.IDENTITY)
            with pytest.raises(recipients.NotOpened):
                received.take(one.uuid, io.BytesIO(), identity=recipients.Identity.new())
            with pytest.raises(KeyError):
                received.take(UUID(int=1), io.BytesIO(), identity=bundling.IDENTITY)


@pytest.mark.parametrize("size", [bag.MAX_TEXT + 3, 10 * 1024**2])
def test_a_bomb_of_json_fills_no_memory(folder: Path, size: int) -> None:
    """In a process that may have little: it ends with words, and not by the system."""
    path = folder / "data" / "vics.json"
    whole = path.read_bytes()
    try:
        path.write_bytes(b"[" + b"[]," * (size // 3) + b"[]]")
        ran = subprocess.run(
            [sys.executable, "-I", "-S", folder / "verify.py", folder], capture_output=True, check=False, timeout=120,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 * 1024**2,) * 2),
        )  # fmt: skip
        assert (ran.returncode, ran.stderr) == (1, b"")
        assert b"has more than" in ran.stdout
    finally:
        path.write_bytes(whole)


def test_what_would_be_held_in_memory_has_an_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_KEPT", 100)
    with pytest.raises(reading.BundleNotProved, match="larger than can be taken"), reading.opened(folder):
        pass


# --- who made the whole ----------------------------------------------------------------------------------------------


def _cut(top: Path) -> None:
    path = next((top / "data" / "custody").iterdir())
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _said(**fields: Any) -> Callable[[Path], None]:
    def change(top: Path) -> None:
        path = top / "data" / "bundle.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


def _exchanged(top: Path) -> None:
    out = io.BytesIO()
    recipients.encrypt(io.BytesIO(b"another text"), out, recipients=[bundling.IDENTITY.recipient])
    next((top / "data" / "exhibits").iterdir()).write_bytes(out.getvalue())


def _reported(top: Path) -> None:
    (top / "data" / "report.en.html").write_text("<!doctype html><p>made up</p>")


@pytest.mark.parametrize(
    "change",
    [
        _cut,
        _said(authorisation={"instrument": "made up", "number": "1", "authority": "nobody"}),
        _said(case="another"),
        _exchanged,
        _reported,
    ],
)
def test_what_was_changed_with_all_sums_made_anew_lacks_the_signature(
    change: Callable[[Path], None], folder: Path, tmp_path: Path
) -> None:
    top = tmp_path / "bag"
    shutil.copytree(folder, top)
    change(top)
    bundling.rebag(top, signer=None)
    trusted = [
        key_name(bundling.public(bundling.ANNA)),
        key_name(bundling.public(bundling.BEN)),
        str(bundling.LOG.verifier),
    ]
    found = program.verify_bundle(str(top), trusted).problems
    assert ("", "signature.json: it is not good: the bundle was changed after it was made") in found
    bundling.rebag(top, signer=bundling.EVE)
    assert "a key that is not known" in dict(program.verify_bundle(str(top), trusted).problems)[""]


def test_a_zip_with_something_in_front_or_in_between_is_none(tmp_path: Path) -> None:
    plain = tmp_path / "bag.zip"
    bundling.zipped(MADE, plain, contents=bundling.contents(MADE), reports={}, signer=bundling.ANNA)
    assert not program.verify_bundle(str(plain)).problems
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("bag/more.txt", "more")
    for number, front in enumerate((other.getvalue(), b"#!/bin/sh\n")):
        joined = tmp_path / f"{number}.zip"
        joined.write_bytes(front + plain.read_bytes())
        assert "bytes that its list of files does not tell of" in program.verify_bundle(str(joined)).problems[0][1]
    appended = tmp_path / "appended.zip"
    shutil.copy(plain, appended)
    with zipfile.ZipFile(appended, "a") as archive:  # the list moves behind it, what was the list stays in between
        archive.writestr("HMY-B-2026-17/zz.txt", "more")
    assert program.verify_bundle(str(appended)).problems
