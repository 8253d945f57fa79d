"""What others bring: a police force hands a hotline what it seized, the hotline passes on to a second node what it
knows of it, and what investigators say goes with it and comes back.

Both nodes are driven by their command lines alone, but for what two people do with a security key.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tests import brought
from tests.drawn import picture
from tests.nodes import Node
from tests.program import sha256
from tests.story.test_two_nodes import node

from himaya.core.vault.recipients import Identity

KNOWN, UNKNOWN, REPORT = picture(seed=1), picture(seed=2), b"a neutral page"
RULE = (
    "evidence", "rule", "set", "orders", "--unlisted", "--instrument", "An order", "--jurisdiction", "LU", "--basis",
    "legal-obligation", "--for", "received", "--minimum", "1 year",
)  # fmt: skip
CHAIN = ["acquire", "export", "export", "transfer"]
"""Of what was taken out twice: the first time whoever wrote it was killed."""
GRANTED = """
from himaya.accounts.models import Person
from himaya.accounts.services import add_person
from himaya.core import clock
from himaya.evidence import queries
from himaya.evidence.granting import Proof, ask_access, grant_access
for name, role in (("anna", "reviewer"), ("ben", "lead")):
    if not Person.objects.filter(username=name).exists():
        add_person(name, role=role, password="a long sentence that only they know", by="system")
anna, ben = (Person.objects.get(username=name) for name in ("anna", "ben"))
exhibits = [queries.by_reference(number) for number in {numbers!r}]
asked = ask_access(exhibits, purpose="transfer", reason="order 17/2026", recipient={recipient!r}, person=anna)
grant_access(asked.pk, person=ben, proof=Proof("webauthn", clock.now()))
print(asked.pk)
"""


def labels(at: Node, number: str) -> set[tuple[str, str, str]]:
    told = json.loads(at.run("evidence", "show", number, "--json").stdout)
    return {(one["kind"], one["value"], one["said_by"]) for one in told["labels"]}


def by_digest(at: Node, content: bytes) -> str:
    found = json.loads(at.run("evidence", "list", "--json").stdout)
    return next(one["reference"] for one in found if one["digests"]["sha256"] == sha256(content))


def test_what_others_bring(tmp_path: Path) -> None:
    hotline = node(tmp_path / "hotline", organisation="hotline.example", jurisdiction="LU")
    unit = node(tmp_path / "unit", organisation="unit.example", jurisdiction="NL")
    listed = tmp_path / "list.csv"
    listed.write_text(f"signal,value\nsha256,{sha256(KNOWN)}\n")
    for each in (hotline, unit):
        each.run("lists", "create", "known")
        each.run("lists", "import", "known", listed)

    # A police force brings what it seized: an export of its tool in a bag, of which one file was damaged on the way.
    folder = brought.vics(tmp_path / "seized", KNOWN, UNKNOWN, REPORT)
    whole = brought.again(folder, tmp_path / "whole")
    brought.bag(whole)
    brought.bag(folder)
    (folder / "data" / "Media" / "3.bin").write_bytes(REPORT[::-1])
    parcel = brought.zipped(folder)
    told = json.loads(hotline.run("evidence", "take", parcel, "--preview", "--json").stdout)
    assert (told["about"]["form"], told["about"]["differ"], told["about"]["known to the lists"]) == ("bagit+vics", 1, 1)

    # Without a rule nothing is kept, and --whole takes all or nothing.
    refused = hotline.run("evidence", "take", parcel, status=2)
    assert "no rule with a legal basis says so" in refused.stderr
    hotline.run(*RULE)
    refused = hotline.run("evidence", "take", parcel, "--whole", status=1)
    assert "Media\\3.BIN" in refused.stderr
    assert json.loads(hotline.run("evidence", "list", "--json").stdout) == []

    # What agrees is taken, what differs is named; a whole copy brings the rest, and nothing comes twice.
    sent = ("--from", "Police of the North", "--json")
    taken = json.loads(hotline.run("evidence", "take", parcel, *sent, status=1).stdout)
    assert taken["counts"] == {
        "waiting": 0, "kept": 3, "differs": 1, "absent": 0, "twice": 0, "unread": 0, "files": 4, "known": 1,
    }  # fmt: skip
    again = json.loads(hotline.run("evidence", "take", brought.zipped(whole), *sent).stdout)
    assert (again["id"], again["counts"]["kept"], again["case"]) == (taken["id"], 4, "case:1")
    assert len(json.loads(hotline.run("evidence", "list", "--json").stdout)) == 4
    exhibit = by_digest(hotline, KNOWN)
    assert ("series", "series 7", "Police of the North") in labels(hotline, exhibit)

    # What is known goes on at the unit, which shows its key; the court's program proves the bundle on its way.
    unit.run(*RULE)
    key = unit.run("evidence", "key").stdout.strip()
    mine = Identity.new()
    (tmp_path / "unit.key").write_text(mine.text())
    granted = GRANTED.format(numbers=[exhibit, by_digest(hotline, REPORT)], recipient=str(mine.recipient))
    bundle = tmp_path / "bundle.zip"
    over = ("evidence", "hand-over", hotline.do(granted), "--as", "anna", "--to", bundle)
    hotline.run(*over, status=-9, env={"HIMAYA_FAULT": "files.created:kill"})
    assert not bundle.exists()  # killed as the last byte was written: nothing that would pass for a bundle
    access = hotline.do(granted)
    hotline.run("evidence", "hand-over", access, "--as", "anna", "--to-node", key, "--to", bundle)
    with zipfile.ZipFile(bundle) as archive:
        program = next(name for name in archive.namelist() if name.endswith("verify.py"))
        (tmp_path / "verify.py").write_bytes(archive.read(program))
    command = [sys.executable, "-I", str(tmp_path / "verify.py"), str(bundle)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    shown = json.loads(unit.run("evidence", "take", bundle, "--preview", "--json").stdout)["about"]
    assert (shown["handed over to this node"], shown["exhibits"]) == ("yes", 2)

    # There it is opened, matched, sealed anew, and its custody goes on; the receipt closes the chain of who gave it.
    came = (
        "evidence",
        "take",
        bundle,
        "--identity",
        tmp_path / "unit.key",
        "--receipt",
        tmp_path / "receipt",
        "--json",
    )
    first = json.loads(unit.run(*came).stdout)
    again = json.loads(unit.run(*came).stdout)
    assert set(first.pop("fates").values()) == {"new"}
    assert set(again.pop("fates").values()) == {"known"}
    assert again == first
    there = by_digest(unit, KNOWN)
    shown = json.loads(unit.run("evidence", "show", there, "--json").stdout)
    assert shown["proved"]
    assert shown["case"] == "case:1"
    assert [json.loads(line)["step"]["act"] for line in shown["custody"]] == CHAIN
    said = labels(unit, there)
    assert ("series", "series 7", "Police of the North, passed on by hotline.example") in said
    hotline.run("evidence", "receipt", tmp_path / "receipt", "--node", key)
    shown = json.loads(hotline.run("evidence", "show", exhibit, "--json").stdout)
    assert [json.loads(line)["step"]["act"] for line in shown["custody"]] == CHAIN
    hotline.run("evidence", "receipt", tmp_path / "receipt", "--node", hotline.run("evidence", "key").stdout, status=2)

    # The unit says more of it, in a file of labels by digest; here both stand, and nothing was overwritten.
    before = labels(hotline, exhibit)
    unit.run("evidence", "tags", "export", "--to", tmp_path / "tags.json")
    document = json.loads((tmp_path / "tags.json").read_text())
    assert "Miniature" not in str(document)
    assert not any(media["MediaFiles"] for media in document["value"])
    for media in document["value"]:
        media |= {"Series": "series 8", "PrecategorizationSource": None}
    (tmp_path / "tags.json").write_text(json.dumps(document))
    back = ("evidence", "tags", "import", tmp_path / "tags.json", "--from", "Unit of the West", "--json")
    found = json.loads(hotline.run(*back).stdout)
    assert exhibit in found["contradicting"]
    assert labels(hotline, exhibit) > before
    assert ("series", "series 8", "Unit of the West") in labels(hotline, exhibit)
    assert json.loads(hotline.run(*back).stdout)["labels"] == 0
    listed_as = json.loads(hotline.run("evidence", "list", "--label", "series:series 8", "--json").stdout)
    assert exhibit in {one["reference"] for one in listed_as}
    for each in (hotline, unit):
        each.run("ledger", "verify")
