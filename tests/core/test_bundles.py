"""Bundles of evidence: what is written, and that the field's own tools and an expert's bare Python prove it."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import bagit
import pyrage
import pytest
from tests import bundling
from tests.bundling import ANNA, BEN, EVE, Authority

from himaya.core import faults
from himaya.core.bundles import facts, reading, standalone, writing
from himaya.core.bundles.alone import bag, program
from himaya.core.bundles.facts import Bundle
from himaya.core.vault import custody, verifier
from himaya.core.vault.recipients import NotRecipients
from himaya.plugins.formats.vics import PLUGIN

REPORTS = {"en.html": [b"<!doctype html>\n"]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.at(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def made(authority: Authority) -> Bundle:
    first = bundling.exhibit(0)
    stamps = (
        authority.stamp(first.digests["sha256"]),
        authority.stamp(hashlib.sha256(first.custody[2]).hexdigest(), token=True),
        authority.stamp(first.digests["sha512"], algorithm="sha512"),
    )
    return bundling.bundle(3, stamps=stamps, certificates=(authority.certificate,))


@pytest.fixture(scope="module")
def folder(made: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(made, tmp_path_factory.mktemp("bundle") / "bag")


def written(made: Bundle, path: Path) -> Path:
    given: dict[str, Any] = {"contents": bundling.contents(made), "reports": REPORTS, "signer": ANNA}
    write = bundling.zipped if path.suffix == ".zip" else writing.write_folder
    write(made, path, **given)
    return path


@pytest.fixture(scope="module")
def packed(made: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(made, tmp_path_factory.mktemp("bundle") / "bag.zip")


# --- others' tools ---------------------------------------------------------------------------------------------------


def test_it_is_a_bag_of_version_1_to_the_reference_implementation(folder: Path, made: Bundle) -> None:
    read = bagit.Bag(str(folder))
    assert read.validate()
    assert (read.version_info, sorted(read.algorithms)) == ((1, 0), ["sha256", "sha512"])
    assert read.info["External-Identifier"] == made.number
    assert read.info["Bagging-Date"] == "2026-11-29"
    assert "no PDF" in read.info["Himaya-Reports"]


def test_its_case_conforms_to_the_ontology(folder: Path) -> None:
    validate = Path(sys.executable).with_name("case_validate")
    ran = subprocess.run([validate, folder / "data" / "case.jsonld"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[1]) == (0, "Conforms: True"), ran.stdout + ran.stderr


def test_its_case_tells_who_did_what_by_what_right(folder: Path, made: Bundle) -> None:
    nodes = {one["@id"]: one for one in json.loads((folder / "data" / "case.jsonld").read_bytes())["@graph"]}
    of = lambda kind: [one for one in nodes.values() if one["@type"].endswith(kind)]  # noqa: E731
    assert [one["case-investigation:exhibitNumber"] for one in of("ProvenanceRecord")] == [
        one.label for one in made.exhibits
    ]
    (right,) = of("Authorization")
    assert (right["case-investigation:authorizationType"], right["uco-core:name"]) == (
        "production order",
        "District Court of Example",
    )
    actions = of("InvestigativeAction")
    assert [one["uco-core:name"] for one in actions[:3]] == ["acquire", "analyse", "transfer"]
    assert actions[1]["case-investigation:wasInformedBy"] == {"@id": actions[0]["@id"]}
    assert nodes[actions[0]["uco-action:instrument"][0]["@id"]]["uco-core:name"] == "himaya"
    assert nodes[actions[0]["uco-action:location"][0]["@id"]]["uco-core:name"] == "intake desk"
    assert nodes[actions[2]["uco-action:performer"]["@id"]]["uco-core:name"] == "person:3"


def test_its_vics_is_read_by_our_own_reader(folder: Path, made: Bundle) -> None:
    with (folder / "data" / "vics.json").open("rb") as file:
        rows = list(PLUGIN.read(file))
    assert {(row.signal, row.value) for row in rows} >= {  # type: ignore[union-attr]
        (name, one.digests[name]) for one in made.exhibits for name in ("md5", "sha1", "sha256")
    }
    assert "Miniature" not in (folder / "data" / "vics.json").read_text()


def test_its_exhibits_open_with_the_key_of_a_recipient_alone(folder: Path, made: Bundle) -> None:
    secret = pyrage.x25519.Identity.from_str(bundling.IDENTITY.text().splitlines()[1])
    for number, one in enumerate(made.exhibits):
        closed = (folder / "data" / "exhibits" / f"{one.uuid}.age").read_bytes()
        assert pyrage.decrypt(closed, [secret]) == bundling.content(number)
        assert b"exhibit" not in closed
        with pytest.raises(pyrage.DecryptError):
            pyrage.decrypt(closed, [pyrage.x25519.Identity.generate()])


def test_openssl_verifies_the_time_stamps_as_the_program_says(folder: Path) -> None:
    commands = [one for one in program.verify_bundle(str(folder)).commands if one.startswith("openssl")]
    assert len(commands) == 3
    for command in commands:
        asked = command.replace("THE-CERTIFICATE-YOU-TRUST", "data/timestamps/ca.pem").split()
        ran = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout) == (0, "Verification: OK\n"), ran.stderr


# --- the program that lies in it -------------------------------------------------------------------------------------


def test_the_program_in_it_can_be_read_by_python_3_9() -> None:
    ast.parse(standalone.source(), feature_version=(3, 9))


def test_the_program_in_it_needs_nothing_but_python(folder: Path, packed: Path, tmp_path: Path) -> None:
    python = sys.executable
    for path in (folder, packed):
        ran = subprocess.run(
            [python, "-I", "-S", folder / "verify.py", path], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (ran.returncode, ran.stderr, ran.stdout.splitlines()[-1].split(",")[0]) == (0, "", "PROVED")
    ran = subprocess.run([python, folder / "verify.py", "nowhere"], capture_output=True, check=False, cwd=tmp_path)
    assert ran.returncode == 2
    ran = subprocess.run([python, folder / "verify.py", folder / "data", "--json"], capture_output=True, check=False)
    assert (ran.returncode, json.loads(ran.stdout)["proved"]) == (1, False)


def test_no_part_of_the_program_covers_a_name_of_another() -> None:
    named = [name for part in standalone.PARTS for name in standalone.own_names(part)]
    assert len(named) > 100
    assert sorted(named) == sorted(set(named))


def test_a_time_stamp_and_a_proof_are_told_for_what_they_are_of(folder: Path, made: Bundle) -> None:
    outcome = program.verify_bundle(str(folder))
    first = made.exhibits[0].uuid
    for what in ("the sha256", "custody step 2", "the sha512"):
        assert f"{what} of exhibit {first} was there at 20" in "\n".join(outcome.claimed)
        assert f"{what} of exhibit" not in "\n".join(outcome.proved), "nobody has looked yet who signed it"
    proved = "\n".join(outcome.proved)
    assert f"leaf 3 of 7 of the log log.hotline.example is about exhibit {first}" in proved


def test_keys_that_are_not_trusted_prove_nothing(folder: Path) -> None:
    names = [verifier.key_name(bundling.public(key)) for key in (ANNA, BEN)]
    trusted = [*names, str(bundling.LOG.verifier)]
    assert not program.verify_bundle(str(folder), trusted).problems
    for lacking in names:
        found = program.verify_bundle(str(folder), [one for one in trusted if one != lacking])
        assert any("not known" in why for _, why in found.problems)


def test_where_no_key_of_a_log_is_named_its_proofs_are_the_maker_s_word(folder: Path) -> None:
    names = [verifier.key_name(bundling.public(key)) for key in (ANNA, BEN)]
    found = program.verify_bundle(str(folder), names)
    assert not found.problems
    assert not [one for one in found.proved if "of the log" in one]
    assert [one for one in found.claimed if "of the log" in one and "name it with --key" in one]
    assert str(bundling.LOG.verifier) not in found.keys, "it was not believed"


def test_the_reference_and_the_program_agree_on_paths() -> None:
    for path in ("data/a b", "data/100%", "data/a\nb", "data/%0A\r"):
        assert bag.unescaped(bag.escaped(path)) == path
    assert bag.escaped("a%\r\n") == "a%25%0D%0A"


# --- what is not proved ----------------------------------------------------------------------------------------------


def problems(made: Bundle, path: Path, *, spoil: Any = lambda data: None) -> str:
    """What the program says of a bundle whose maker lies: the bag itself is whole."""
    written(made, path)
    for name in ("bundle.json", "keys.json", "case.jsonld", "vics.json"):
        place = path / "data" / name
        data = json.loads(place.read_bytes())
        spoil({name: data})
        place.write_bytes(facts.pretty(data))
    bundling.rebag(path)
    found = program.verify_bundle(str(path))
    return "\n".join(f"{where}: {why}" for where, why in found.problems)


def _bundle(change: Any) -> Any:
    return lambda data: change(data["bundle.json"]) if "bundle.json" in data else None


LIES: list[tuple[Any, str]] = [
    (lambda d: None, ""),
    (_bundle(lambda d: d.update(number="other")), "bag-info.txt: External-Identifier is another"),
    (_bundle(lambda d: d["exhibits"][0]["digests"].update(md5="0" * 32)), "custody and data/bundle.json tell another"),
    (_bundle(lambda d: d["exhibits"][0].update(size=999)), "custody and data/bundle.json tell another size"),
    (_bundle(lambda d: d["exhibits"].pop()), "it belongs to no exhibit"),
    (_bundle(lambda d: d["exhibits"][0].update(timestamps=9)), "it is missing"),
    (_bundle(lambda d: d["exhibits"].append(d["exhibits"][0])), "its number is there twice"),
    (_bundle(lambda d: d.update(more=1)), "it is of another format"),
    (_bundle(lambda d: d["exhibits"][0].update(size=True)), "size is no number"),
    (_bundle(lambda d: d.update(case="a\nb")), "printable"),
    (lambda d: [n.update({"@type": "x"}) for n in d.get("case.jsonld", {}).get("@graph", []) if "File" in n["@type"]],
     "CASE and data/bundle.json do not both have it"),
    (lambda d: d["vics.json"]["value"][0]["Media"][0].update(SHA1="0" * 40) if "vics.json" in d else None,
     "VICS and data/bundle.json tell another sha1"),
    (lambda d: d["vics.json"].update(value=1) if "vics.json" in d else None, "vics.json is not as Himaya writes it"),
    (lambda d: d["keys.json"]["custody"].clear() if "keys.json" in d else None, "a key that is not known"),
    (lambda d: d["keys.json"]["logs"].clear() if "keys.json" in d else None, "no key that is known"),
    (lambda d: d["keys.json"].update(logs=["x"]) if "keys.json" in d else None, "data/keys.json:"),
]  # fmt: skip


@pytest.mark.parametrize(("lie", "why"), LIES)
def test_a_maker_who_lies_is_found(lie: Any, why: str, tmp_path: Path) -> None:
    found = problems(bundling.bundle(2), tmp_path / "bag", spoil=lie)
    assert (why in found and found) if why else not found


def test_a_stamp_or_a_proof_of_something_else_proves_nothing(authority: Authority, tmp_path: Path) -> None:
    other = authority.stamp("00" * 32)
    lies = [(other, "its imprint is no digest"), (b"0\x03\x02\x01\x00", "no time stamp"), (b"", "no time stamp")]
    for number, (stamp, why) in enumerate(lies):
        made = bundling.bundle(1, stamps=(stamp,))
        assert why in problems(made, tmp_path / str(number))
    elsewhere = bundling.exhibit(0)
    for number, (content, why) in enumerate(
        [
            (bundling.proof("another"), "it is about something else"),
            (bundling.proof(str(elsewhere.uuid)).replace(b'"index": 3', b'"index": 2'), "another root"),
            (b"[" * 100_000, "proves nothing"),
            (b"{}", "proves nothing"),
        ]
    ):
        one = bundling.exhibit(0, logged=False)
        lying = bundling.replaced(bundling.bundle(1), exhibits=(bundling.replaced(one, proofs=(content,)),))
        assert why in problems(lying, tmp_path / f"p{number}")


# --- writing ---------------------------------------------------------------------------------------------------------


def test_two_zips_of_one_bundle_differ_in_what_is_encrypted_alone(made: Bundle, packed: Path, tmp_path: Path) -> None:
    again = written(made, tmp_path / "again.zip")
    with zipfile.ZipFile(packed) as one, zipfile.ZipFile(again) as other:
        assert one.namelist() == other.namelist()
        assert {info.date_time for info in one.infolist()} == {(2026, 11, 29, 4, 0, 0)}
        differ = {name for name in one.namelist() if one.read(name) != other.read(name)}
    follows = (
        "bag-info.txt",
        "manifest-sha256.txt",
        "manifest-sha512.txt",
        bag.SIGNATURE,
    )  # even the size of what is encrypted varies
    assert {name for name in differ if not name.endswith((".age", *follows))} == set()


def test_a_zip_goes_into_a_stream_that_cannot_seek(made: Bundle, tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        parts: list[bytes] = []

        def writable(self) -> bool:
            return True

        def write(self, part: Any) -> int:
            self.parts.append(bytes(part))
            return len(part)

    pipe = Pipe()
    writing.stream_zip(made, pipe, contents=bundling.contents(made), reports=REPORTS, signer=ANNA)  # type: ignore[arg-type]
    (tmp_path / "bag.zip").write_bytes(b"".join(pipe.parts))
    assert not program.verify_bundle(str(tmp_path / "bag.zip")).problems


@pytest.mark.parametrize("name", ["bag", "bag.zip"])
def test_nothing_is_written_over(name: str, made: Bundle, tmp_path: Path) -> None:
    for kind in ("file", "folder", "link"):
        path = tmp_path / kind / name
        path.parent.mkdir()
        if kind == "file":
            path.write_bytes(b"mine")
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("nowhere")
        with pytest.raises((writing.BundleExists, FileExistsError)):
            written(made, path)
        assert [one.name for one in path.parent.iterdir()] == [name]
        assert kind != "file" or path.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["bag", "bag.zip"])
def test_what_was_not_acquired_is_not_handed_over(name: str, made: Bundle, tmp_path: Path) -> None:
    def other(uuid: UUID) -> list[bytes]:
        return [b"exhibit 0\n" * 100]

    def broken(uuid: UUID) -> Any:
        yield b"exhibit"
        raise OSError("the disk is gone")

    given: dict[str, Any] = {"reports": {}}
    write = bundling.zipped if name.endswith(".zip") else writing.write_folder
    with pytest.raises(writing.ExhibitDiffers):
        write(made, tmp_path / name, contents=other, signer=ANNA, **given)
    with pytest.raises(OSError, match="the disk is gone"):
        write(made, tmp_path / name, contents=broken, signer=ANNA, **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "point"), [("bag", "bundles.folder"), ("bag.zip", "files.created")])
def test_a_bundle_is_there_whole_or_not_at_all(name: str, point: str, made: Bundle, tmp_path: Path) -> None:
    faults.arm(f"{point}:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            written(made, tmp_path / name)
    finally:
        faults.arm("")
    assert list(tmp_path.iterdir()) == []
    assert not program.verify_bundle(str(written(made, tmp_path / name))).problems


def test_what_could_not_be_proved_is_not_written(tmp_path: Path) -> None:
    good = bundling.bundle(2)
    one = good.exhibits[0]
    forged = bundling.chain(one.uuid, bundling.content(0), (("acquire", (EVE,)),))
    bad = [
        bundling.replaced(good, keys=()),
        bundling.replaced(good, recipients=()),
        bundling.replaced(good, number="a\nb"),
        bundling.replaced(good, exhibits=(one, one)),
        bundling.replaced(good, exhibits=(bundling.replaced(one, size=3),)),
        bundling.replaced(good, exhibits=(bundling.replaced(one, custody=tuple(forged)),)),
        bundling.replaced(good, exhibits=(bundling.replaced(one, custody=good.exhibits[1].custody),)),
        bundling.replaced(good, about={"a": "b"}),
    ]
    for made in bad:
        with pytest.raises(writing.UnfitBundle):
            written(made, tmp_path / "bag")
    with pytest.raises(NotRecipients):
        written(bundling.replaced(good, recipients=(facts.Recipient("who", "age1nobody"),)), tmp_path / "bag")
    with pytest.raises(writing.UnfitBundle):
        writing.check_fit(good, {"../x.html": [b""]}, ANNA)
    with pytest.raises(writing.UnfitBundle, match="who signs it"):
        writing.check_fit(good, {}, EVE)
    assert list(tmp_path.iterdir()) == []


# --- taking it -------------------------------------------------------------------------------------------------------


def test_who_receives_it_reads_the_same_and_continues_the_chain(folder: Path, packed: Path, made: Bundle) -> None:
    for path in (folder, packed):
        with reading.opened(path) as received:
            assert received.bundle == made
            for number, one in enumerate(made.exhibits):
                clear = io.BytesIO()
                received.take(one.uuid, clear, identity=bundling.IDENTITY)
                assert clear.getvalue() == bundling.content(number)
            first = received.bundle.exhibits[0]
            step = custody.step(
                first.uuid, number=3, act="transfer", at=bundling.AT.replace(hour=9), by="person:9",
                facts=bundling.between(bundling.BEN, EVE), before=first.custody[-1],
            )  # fmt: skip
            longer = [*first.custody, custody.line(step, [custody.sign(step, key) for key in (bundling.BEN, EVE)])]
            keys = {one.name: one.public for one in received.bundle.keys}
            keys[verifier.key_name(bundling.public(EVE))] = bundling.public(EVE)
            assert len(verifier.check_chain(longer, keys)) == 4
