"""What a grant lets out is a bundle that proves itself, once, to the one who may open it."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.bundling import rebag
from tests.evidence.conftest import Keep
from tests.evidence.test_granting import proof

from himaya.core.bundles.facts import Authorisation
from himaya.core.bundles.reading import opened
from himaya.core.bundles.report import Language
from himaya.core.vault.recipients import Identity
from himaya.evidence import custody
from himaya.evidence.bundling import hand_over
from himaya.evidence.granting import NoAccess, UnknownAccess, ask_access, grant_access


def test_a_bundle_is_verified_without_the_node_and_opened_by_its_recipient(
    keep: Keep, people: SimpleNamespace, tmp_path: Path
) -> None:
    one, two = keep("a neutral text"), keep("another text", case="case:2")
    mine = Identity.new()
    facts = {"purpose": "a court", "reason": "an order", "recipient": str(mine.recipient)}
    access = ask_access([one, two], person=people.reviewer, **facts)
    with pytest.raises(NoAccess):
        hand_over(access.pk, person=people.reviewer)
    grant_access(access.pk, person=people.lead, proof=proof())
    right = Authorisation("Code of criminal procedure", "17/2026", "District court")
    taken = hand_over(access.pk, person=people.reviewer, authorisation=right)
    path = tmp_path / "bundle.zip"
    with path.open("wb") as file:
        taken.write(file, languages=[Language("en")])
    with zipfile.ZipFile(path) as archive:
        (tmp_path / "verify.py").write_bytes(
            archive.read(next(n for n in archive.namelist() if n.endswith("verify.py")))
        )
    ran = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "verify.py"), str(path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with opened(path) as received:
        assert received.bundle.authorisation == right
        assert {each.label for each in received.bundle.exhibits} == {one.reference, two.reference}
        clear = io.BytesIO()
        received.take(one.uuid, clear, identity=mine)
        assert clear.getvalue() == b"a neutral text"
        info = received.bundle.about["Himaya-Taken-Out"]
    assert info.startswith(f"{people.reviewer.actor}, access:{access.pk}, 20")
    assert _verified_with(path, info, info.replace(people.reviewer.actor, "person:999")) == 1, (
        "no other name is believed"
    )
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "export"]
    with pytest.raises(NoAccess, match="used"):
        hand_over(access.pk, person=people.reviewer)
    with pytest.raises(UnknownAccess):
        hand_over(999, person=people.reviewer)
    assert len(custody.check(one)) == 2


def _verified_with(path: Path, old: str, new: str) -> int:
    """What the program says of a copy in whose bag-info.txt something else is written, all sums made anew."""
    folder = path.parent / "forged"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    (bag,) = folder.iterdir()
    info = bag / "bag-info.txt"
    assert old in info.read_text()
    info.write_text(info.read_text().replace(old, new))
    rebag(bag, signer=None)
    command = [sys.executable, "-I", str(bag / "verify.py"), str(bag)]
    return subprocess.run(command, capture_output=True, check=False).returncode
