"""What others bring is read as strangers' things: each form says what is offered, and nothing leads out of it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import brought

from himaya.core.errors import HimayaError
from himaya.core.intake import parcels
from himaya.core.intake.offered import Declared, Label, Offered, Proof, when
from himaya.core.intake.parcels import BadParcel
from himaya.core.intake.reading import UnknownForm, opened_delivery

ONE, TWO = b"a neutral text", b"another neutral text"


def read(path: Path) -> tuple[Any, list[Offered]]:
    with opened_delivery(path) as delivery:
        return delivery, list(delivery.offered())


def proved(path: Path) -> dict[str, str]:
    """Name → what does not agree."""
    found = {}
    with opened_delivery(path) as delivery:
        for one in delivery.offered():
            if one.trouble:
                found[one.called] = str(one.trouble)
                continue
            proof, file = Proof(one), delivery.open(one.name)
            while part := file.read(1000):
                proof.update(part)
            file.close()
            found[one.called] = str(proof.against())
    return found


# --- VICS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "zip", "file", "zip with a folder"])
def test_a_vics_export_offers_its_media_with_what_investigators_say(tmp_path: Path, kind: str) -> None:
    folder = brought.vics(tmp_path / "v", ONE, TWO)
    (folder / "notes.txt").write_text("beside")
    path = {
        "folder": lambda: folder, "file": lambda: folder / "case.json", "zip": lambda: brought.zipped(folder),
        "zip with a folder": lambda: brought.zipped(folder, top="export/"),
    }[kind]()  # fmt: skip
    delivery, (index, first, second) = read(path)
    assert (delivery.form, delivery.told.number, delivery.told.sender) == ("vics", "EX-2026-1", "Example Police")
    assert index.called.endswith("case.json")
    assert (first.name.endswith("Media/1.bin"), first.size) == (True, len(ONE))
    assert {(one.algorithm, one.digest) for one in first.declared} >= {("md5", brought.md5(ONE))}
    assert first.labels == (
        Label("category", "US:1"), Label("tag", "a tag"), Label("tag", "another"), Label("series", "series 7"),
        Label("victim-identified", "yes"),
    )  # fmt: skip
    assert first.facts["created"] == "2026-01-01T00:00:00+00:00"
    assert second.facts["source"] == "disk 1"
    assert [name.rpartition("/")[2] for name in delivery.left] == ([] if kind == "file" else ["notes.txt"])
    assert set(proved(path).values()) == {""}


def test_media_of_which_no_file_comes_are_told_of_and_those_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        media = document["value"][0]["Media"]
        media.append({"MediaID": 2, "MD5": "0" * 32, "Tags": "alone"})
        media.append({"MediaID": 3, "MD5": "0" * 32, "RelativeFilePath": "..\\..\\secret.txt"})
        media.append({"MediaID": 4, "MD5": "0" * 32, "RelativeFilePath": "C:\\secret.txt"})
        media.append({"MediaID": 5, "MD5": "0" * 32, "RelativeFilePath": "gone.bin"})
        media.append({**media[0], "MediaID": 6})

    (tmp_path / "secret.txt").write_text("not yours")
    _, found = read(brought.vics(tmp_path / "a" / "b", ONE, change=change))
    assert [str(one.trouble) for one in found] == [
        "", "", "no file comes with it", "its path leads out of the parcel", "its path leads out of the parcel",
        "it is not there", "it was told of before",
    ]  # fmt: skip
    assert found[2].labels == (Label("tag", "alone"),)


def test_the_older_model_is_read_too_and_a_mark_at_the_start_does_no_harm(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        document["odata.metadata"] = "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Cases"
        del document["@odata.context"]

    folder = brought.vics(tmp_path / "v", ONE, change=change)
    document = json.loads((folder / "case.json").read_text())
    document = {"odata.metadata": document.pop("odata.metadata"), **document}
    (folder / "case.json").write_text("\ufeff" + json.dumps(document))
    _, (_, media) = read(folder)
    assert Label("category", "1.3:1") in media.labels


def test_a_file_that_was_changed_on_the_way_is_found(tmp_path: Path) -> None:
    folder = brought.vics(tmp_path / "v", ONE, TWO)
    (folder / "Media" / "2.bin").write_bytes(TWO[:-1] + b"!")
    told = proved(folder)
    assert told["Media\\1.BIN"] == ""
    assert told["Media\\2.BIN"].startswith("its md5 is not the one in case.json, Media 2")
    (folder / "Media" / "2.bin").write_bytes(TWO + b"!")
    assert proved(folder)["Media\\2.BIN"] == f"it has {len(TWO) + 1} bytes, not {len(TWO)}"


def test_a_long_export_is_read_in_constant_memory(tmp_path: Path) -> None:
    def peak(number: int) -> int:
        with (tmp_path / "long.json").open("w") as file:
            file.write(f'{{"@odata.context": "{brought.CONTEXT}", "value": [{{"CaseNumber": "1", "Media": [')
            for n in range(number):
                file.write(("," if n else "") + json.dumps({"MediaID": n, "MD5": f"{n:032x}", "Tags": "x"}))
            file.write("]}]}")
        tracemalloc.start()
        with opened_delivery(tmp_path / "long.json") as delivery:
            assert sum(1 for _ in delivery.offered()) == number + 1
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(8000) < peak(1000) + 1024**2


# --- CyberTipline and CASE -------------------------------------------------------------------------------------------


def test_a_cybertipline_report_offers_its_files_and_copies_nothing_about_persons(tmp_path: Path) -> None:
    folder = brought.cybertip(tmp_path / "t", ONE, TWO)
    delivery, found = read(brought.zipped(folder))
    assert (delivery.form, delivery.occasion) == ("cybertip", "tip")
    assert (delivery.told.number, delivery.told.sender) == ("4564654", "Example Chat")
    assert delivery.told.at == when("2026-01-02T02:04:05+00:00")
    assert [one.called for one in found] == ["report-4564654.xml", "details-0.xml", "file-0.bin", "file-1.bin"]
    assert found[2].declared == (Declared("md5", brought.md5(ONE), "details-0.xml"),)
    assert found[2].labels == (Label("category", "industry:B2"), Label("tag", "viral"))
    assert found[3].declared == ()
    assert "duty@" not in str(delivery.told)
    assert set(proved(folder).values()) == {""}


def test_an_entity_bomb_is_no_report(tmp_path: Path) -> None:
    folder = brought.cybertip(tmp_path / "t", ONE)
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    report = folder / "report-4564654.xml"
    report.write_text(bomb + report.read_text().replace("Example Chat", "&b;"))
    with pytest.raises(BadParcel, match=r"report-4564654\.xml"):
        read(folder)


def test_a_case_bundle_offers_its_files_with_how_they_came(tmp_path: Path) -> None:
    folder = brought.case(tmp_path / "c", ONE, TWO)
    told = subprocess.run(
        [str(Path(sys.executable).with_name("case_validate")), str(folder / "bundle.jsonld")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout
    delivery, (_, first, second) = read(folder)
    assert (delivery.form, delivery.told.number, delivery.told.sender) == ("case", "EX-7", "Example Unit")
    assert (first.name, first.size, first.media_type) == ("f0.bin", len(ONE), "text/plain")
    assert first.facts == {"exhibit number": "X-0", "by": "Example Unit", "act": "seized"}
    assert second.at == when("2026-01-05T10:00:00Z")
    assert set(proved(folder).values()) == {""}


# --- bags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("top", ["", "bag/"])
@pytest.mark.parametrize("checksums", [("md5",), ("sha1", "sha512"), ("sha256",)])
def test_a_bag_of_others_offers_its_payload(tmp_path: Path, top: str, checksums: tuple[str, ...]) -> None:
    folder = brought.bag(tmp_path / "b", ONE, TWO, checksums=checksums)
    for path in (folder, brought.zipped(folder, top=top)):
        delivery, found = read(path)
        assert (delivery.form, delivery.told.number, delivery.told.sender) == ("bagit", "BAG-9", "Example Archive")
        assert [one.name for one in found] == ["data/b0.bin", "data/b1.bin"]
        assert {one.algorithm for one in found[0].declared} == set(checksums)
        assert set(proved(path).values()) == {""}


def test_in_a_bag_manifests_and_the_form_inside_both_count(tmp_path: Path) -> None:
    folder = brought.vics(tmp_path / "v", ONE, TWO)
    brought.bag(folder)
    delivery, found = read(folder)
    assert delivery.form == "bagit+vics"
    assert {one.where for one in found[1].declared} > {"manifest-md5.txt", "manifest-sha256.txt"}
    (folder / "data" / "Media" / "1.bin").write_bytes(ONE[:-1] + b"!")
    assert "manifest" in proved(folder)["Media\\1.BIN"]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda b: (b / "fetch.txt").write_text("http://x.example/ 1 data/x\n"), "fetched"),
        (lambda b: (b / "bag-info.txt").write_text("Payload-Oxum: 1.1\n"), "changed"),
        (lambda b: (b / "bagit.txt").write_text("BagIt-Version: 2.0\nTag-File-Character-Encoding: UTF-8\n"), "version"),
        (lambda b: (b / "manifest-md5.txt").write_text("0" * 32 + "  data/../../x\n"), "leads out"),
        (lambda b: (b / "manifest-md5.txt").write_text("nonsense\n"), "line 1"),
        (lambda b: (b / "manifest-md5.txt").write_text(("0" * 32 + "  data/b0.bin\n") * 2), "again"),
        (lambda b: (b / "manifest-crc32.txt").write_text("0\n"), "cannot be proved"),
        (lambda b: (b / "data" / "link").symlink_to("/etc/passwd"), "link"),
        (lambda b: os.mkfifo(b / "data" / "pipe"), "no plain file"),
        (lambda b: [one.unlink() for one in b.glob("manifest-*")], "no manifest"),
    ],
)  # fmt: skip
def test_a_bag_that_is_not_as_it_must_be_is_refused_as_a_whole(tmp_path: Path, damage: Any, why: str) -> None:
    folder = brought.bag(tmp_path / "b", ONE)
    if why != "changed":
        for one in folder.glob("tagmanifest-*"):
            one.unlink()
    damage(folder)
    with pytest.raises(BadParcel, match=why):
        read(folder)


def test_what_no_manifest_names_and_what_is_missing_is_told(tmp_path: Path) -> None:
    folder = brought.bag(tmp_path / "b", ONE, TWO)
    (folder / "data" / "b1.bin").unlink()
    told = proved(folder)
    assert told == {"data/b0.bin": "", "data/b1.bin": "it is not there"}


# --- parcels ---------------------------------------------------------------------------------------------------------


def archive(path: Path, *names: str, content: bytes = b"x", mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            made.writestr(info, content)
    return path


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "C:/x", "a//b", "a\\..\\x", "a\nb", "x/" * 30 + "x"])
def test_names_that_play_tricks_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadParcel):
        read(archive(tmp_path / "x.zip", "bagit.txt", name))


def test_links_bombs_locked_and_damaged_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadParcel, match="link"):
        read(archive(tmp_path / "l.zip", "a", mode=0o120777))
    monkeypatch.setattr(parcels, "LEAST", 1000)
    with pytest.raises(BadParcel, match="far more"):
        read(archive(tmp_path / "b.zip", "a", content=bytes(10**6)))
    whole = archive(tmp_path / "w.zip", "a", "b").read_bytes()
    for damaged in (whole[:-5], whole[:40], b"PK\3\4" + bytes(100), whole[: whole.rfind(b"PK\5\6")]):
        (tmp_path / "d.zip").write_bytes(damaged)
        with pytest.raises(BadParcel):
            read(tmp_path / "d.zip")
    end = whole.rfind(b"PK\5\6")
    (tmp_path / "d.zip").write_bytes(whole[: end + 12] + struct.pack("<L", 2**31) + whole[end + 16 :])
    with pytest.raises(BadParcel, match="too long"):
        read(tmp_path / "d.zip")


def test_a_member_that_is_not_what_its_checksum_says_is_told_with_its_place(tmp_path: Path) -> None:
    path = brought.zipped(brought.vics(tmp_path / "v", ONE), method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(ONE, ONE[::-1]))
    with opened_delivery(path) as delivery, pytest.raises(HimayaError, match=r"^Media/1\.bin: it cannot be read"):
        delivery.open("Media/1.bin").read(1000)


def test_what_is_nothing_that_is_known_says_what_is(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(UnknownForm, match="bagit, case, cybertip, vics"):
        read(tmp_path)


# --- whatever comes --------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
VICS_KEYS = st.sampled_from(
    ["MediaID", "MD5", "SHA1", "MediaSize", "RelativeFilePath", "Category", "Tags", "AlternativeHashes", "MediaFiles",
     "Series", "VictimIdentified", "DateUpdated", "MimeType", "Media", "CaseNumber"]
)  # fmt: skip
CASE_KEYS = st.sampled_from(
    ["@id", "@type", "uco-core:hasFacet", "uco-observable:hash", "uco-types:hashValue", "uco-types:hashMethod",
     "uco-core:object", "uco-action:result", "uco-observable:sizeInBytes", "uco-observable:filePath"]
)  # fmt: skip
TYPES = st.sampled_from(["uco-observable:File", "uco-types:Hash", "x:InvestigativeAction", "x:ProvenanceRecord"])
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tried(path: Path) -> None:
    """Whatever it is, it is read, or refused in words."""
    try:
        _, found = read(path)
    except HimayaError:
        return
    for one in found:
        assert ".." not in one.name.split("/")
        assert not one.name.startswith("/")
        assert all(len(each.value) <= 200 for each in one.labels)


@FUZZ
@given(st.lists(st.dictionaries(VICS_KEYS, JSON, max_size=6), max_size=4))
def test_whatever_a_vics_document_holds_is_read_or_refused(tmp_path: Path, media: list[Any]) -> None:
    document = {"@odata.context": brought.CONTEXT, "value": [{"CaseNumber": "1", "Media": media}, *media]}
    (tmp_path / "x.json").write_text(json.dumps(document))
    tried(tmp_path / "x.json")


@FUZZ
@given(st.lists(st.dictionaries(CASE_KEYS, JSON | TYPES | st.lists(TYPES, max_size=2), max_size=6), max_size=5))
def test_whatever_a_case_document_holds_is_read_or_refused(tmp_path: Path, graph: list[Any]) -> None:
    document = {"@context": {"uco-core": f"{brought.UCO}core/"}, "@graph": graph}
    (tmp_path / "x.jsonld").write_text(json.dumps(document))
    tried(tmp_path / "x.jsonld")


@FUZZ
@given(st.data())
def test_a_damaged_delivery_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["vics", "cybertip", "case", "bag"]))
    folder = tmp_path / kind
    if not folder.exists():
        getattr(brought, kind)(folder, ONE, TWO)
    names = sorted(one for one in folder.rglob("*") if one.is_file() and one.suffix != ".bin")
    chosen = data.draw(st.sampled_from(names))
    before = chosen.read_bytes()
    at = data.draw(st.integers(0, len(before)))
    new = data.draw(st.binary(max_size=6))
    gone = data.draw(st.integers(0, 30))
    try:
        chosen.write_bytes(before[:at] + new + before[at + gone :])
        tried(folder)
    finally:
        chosen.write_bytes(before)


@FUZZ
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "v.zip"
    if not whole.exists():
        brought.zipped(brought.vics(tmp_path / "v", ONE, TWO))
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(content[: data.draw(st.integers(4, len(content)))])
    tried(damaged)
