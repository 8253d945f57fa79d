"""Lent and returned: the police bring something to a hotline, which lends it to a unit's node and gets it back; then it
gives the police back what they brought, and they sign with a key of their own.

Both nodes are driven by their command lines alone, but for what two people do with a security key.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from tests import brought
from tests.nodes import Node
from tests.story.test_two_nodes import node
from tests.story.test_what_others_bring import RULE

from himaya.core.vault.recipients import Identity

TEXT = b"a neutral page"
PEOPLE = """
from himaya.accounts.services import add_person
for name, role in (("anna", "reviewer"), ("ben", "lead")):
    add_person(name, role=role, password="a long sentence that only they know", by="system")
"""
GRANTED = """
from himaya.accounts.models import Person
from himaya.core import clock
from himaya.evidence import queries
from himaya.evidence.granting import Proof, ask_access, grant_access
anna, ben = (Person.objects.get(username=name) for name in ("anna", "ben"))
exhibits = [queries.by_reference({number!r})]
asked = ask_access(exhibits, purpose={purpose!r}, reason="order 17/2026", recipient={recipient!r}, person=anna)
grant_access(asked.pk, person=ben, proof=Proof("webauthn", clock.now()))
print(asked.pk)
"""


def steps(at: Node, number: str) -> list[dict[str, Any]]:
    shown = json.loads(at.run("evidence", "show", number, "--json").stdout)
    assert shown["proved"], shown["why"]
    return [json.loads(line)["step"] for line in shown["custody"]]


def acts(at: Node, number: str) -> list[str]:
    return [step["act"] for step in steps(at, number)]


def hands(at: Node) -> list[tuple[str, str, str]]:
    found = json.loads(at.run("evidence", "hand-overs", "--json").stdout)
    return [(one["exhibit"], one["theirs"], one["state"]) for one in reversed(found)]


def test_lent_and_returned(tmp_path: Path) -> None:
    hotline = node(tmp_path / "hotline", organisation="hotline.example", jurisdiction="LU")
    unit = node(tmp_path / "unit", organisation="unit.example", jurisdiction="NL")
    keys = {name: Identity.new() for name in ("hotline", "unit", "police")}
    for name, mine in keys.items():
        (tmp_path / f"{name}.key").write_text(mine.text())
    for each in (hotline, unit):
        each.run(*RULE)
        each.do(PEOPLE)
    ours, theirs = (each.run("evidence", "key").stdout.strip() for each in (hotline, unit))

    def granted(at: Node, number: str, purpose: str, to: str) -> str:
        recipient = str(keys[to].recipient)
        return at.do(GRANTED.format(number=number, purpose=purpose, recipient=recipient))

    # The police bring it; a hotline of another country brings the same, which is noted and taken once.
    parcel = brought.zipped(brought.bag(tmp_path / "bag", TEXT))
    hotline.run("evidence", "take", parcel, "--from", "Police of the North")
    again = hotline.run("evidence", "take", parcel, "--from", "Hotline of the East").stderr
    assert "nothing is taken twice" in again
    told = json.loads(hotline.run("evidence", "intakes", "1", "--json").stdout)
    assert [one["sender"] for one in told["brought_again"]] == ["Hotline of the East"]
    assert "brought by Hotline of the East as well" in hotline.run("evidence", "intakes", "1").stdout
    (exhibit,) = [one["reference"] for one in json.loads(hotline.run("evidence", "list", "--json").stdout)]

    # It is lent to the unit; who sat at the console stands in custody beside whose grant it was.
    access = granted(hotline, exhibit, "transfer", "unit")
    lent = tmp_path / "lent.zip"
    asked = ("evidence", "hand-over", access, "--to-node", theirs, "--to", lent)
    assert "granted to nobody, or to somebody else" in hotline.run(*asked, "--as", "ben", status=2).stderr
    assert "There is nobody of the name" in hotline.run(*asked, "--as", "nobody", status=2).stderr
    assert not lent.exists()
    hotline.run(*asked, "--as", "anna")
    last = steps(hotline, exhibit)[-1]
    assert (last["by"], last["facts"]["console"][:4]) == ("person:1", "cli:")
    assert hands(hotline) == [(exhibit, "", "offered")]
    took = ("--identity", tmp_path / "unit.key", "--receipt", tmp_path / "taken", "--json")
    (there,) = json.loads(unit.run("evidence", "take", lent, *took).stdout)["exhibits"]
    shown = json.loads(unit.run("evidence", "show", there, "--json").stdout)
    assert (shown["label"], f"there {exhibit}" in shown["origin"]) == ("exhibit of hotline.example", True)
    assert hands(unit) == [(there, exhibit, "taken")]
    assert there in unit.run("evidence", "intakes").stdout
    hotline.run("evidence", "receipt", tmp_path / "taken", "--node", theirs)
    assert hands(hotline) == [(exhibit, "", "signed")]

    # The unit gives it back to whom it came from, which nobody has to name; experts see who gave it to whom.
    access = granted(unit, there, "return", "hotline")
    back = tmp_path / "back.zip"
    wrong = ("evidence", "return", access, "--as", "anna", "--to", back, "--to-node", theirs)
    assert "gave it to this node" in unit.run(*wrong, status=2).stderr
    unit.run("evidence", "return", access, "--as", "anna", "--to", back)
    with zipfile.ZipFile(back) as archive:
        program = next(name for name in archive.namelist() if name.endswith("verify.py"))
        (tmp_path / "verify.py").write_bytes(archive.read(program))
    ran = subprocess.run([sys.executable, tmp_path / "verify.py", back], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "hands over from" in ran.stdout

    # The hotline holds it still: it is compared, the chain goes on, the loan ends, and nothing is sealed twice.
    took = ("--identity", tmp_path / "hotline.key", "--receipt", tmp_path / "returned", "--json")
    assert json.loads(hotline.run("evidence", "take", back, *took).stdout)["exhibits"] == [exhibit]
    assert json.loads(hotline.run("evidence", "take", back, *took).stdout)["exhibits"] == [exhibit]
    assert len(json.loads(hotline.run("evidence", "list", "--json").stdout)) == 1
    whole = ["acquire", "export", "transfer", "export", "return"]
    assert acts(hotline, exhibit) == whole
    assert hands(hotline) == [(exhibit, "", "came-back"), (exhibit, there, "back")]
    unit.run("evidence", "receipt", tmp_path / "returned", "--node", ours)
    assert acts(unit, there) == whole
    assert hands(unit) == [(there, exhibit, "given-back"), (there, "", "returned")]
    assert json.loads(unit.run("evidence", "show", there, "--json").stdout)["state"] == "kept"

    # The police have no node: they sign for what they get back with a key that openssl made.
    pem, mine = tmp_path / "police.pem", ("--identity", tmp_path / "police.key")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True)
    police = hotline.run("evidence", "key", "--of", pem).stdout.strip()
    access = granted(hotline, exhibit, "transfer", "police")
    refused = ("evidence", "return", access, "--as", "anna", "--to", tmp_path / "x.zip", "--to-node", police)
    assert "was not made to give something back" in hotline.run(*refused, status=2).stderr
    access = granted(hotline, exhibit, "return", "police")
    home = tmp_path / "home.zip"
    hotline.run("evidence", "return", access, "--as", "anna", "--to", home, "--to-node", police)
    signed = ("evidence", "acknowledge", home, "--key", pem, *mine, "--receipt", tmp_path / "home.receipt")
    assert "the same in every digest" in unit.run(*signed).stderr
    hotline.run("evidence", "receipt", tmp_path / "home.receipt", "--node", police)
    assert acts(hotline, exhibit) == [*whole, "export", "return"]
    assert hands(hotline)[-1] == (exhibit, "", "returned")
    assert json.loads(hotline.run("evidence", "show", exhibit, "--json").stdout)["state"] == "kept"
