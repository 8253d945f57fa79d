"""One exhibit, from the moment in which it arrives until nothing opens it any more.

A platform must keep what it reports for a year. A file that is known arrives: it is sealed before its case is open. A
reviewer needs it for a court and may not read it alone; what the court gets proves itself without this node. A second
court has it held beyond its time; when that lets it go it is gone, in whatever copy it lies. How a police request is
answered on time, with what was asked and no more, is ``test_one_demand``.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import drawn
from tests.program import Program, sha256

from himaya.core import clock as now_of
from himaya.core.bundles.facts import Authorisation
from himaya.core.bundles.reading import opened
from himaya.core.bundles.report import Language
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.core.vault.epochs import EpochDestroyed, EpochKeys, EpochReturned
from himaya.core.vault.recipients import Identity
from himaya.evidence import custody, queries
from himaya.evidence.bundling import hand_over
from himaya.evidence.ending import end_due
from himaya.evidence.granting import NoAccess, Proof, ask_access, grant_access, read_exhibit
from himaya.evidence.holding import lift_hold, place_hold
from himaya.evidence.reading import ExhibitEnded, unsafe_content
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.ledger.queries import proof
from himaya.lists import services as lists
from himaya.log import queries as log

CONTENT = drawn.picture(1)


@pytest.fixture
def node(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A platform that follows a hotline's list, and keeps what it has to."""
    monkeypatch.setattr(config(), "evidence_store", f"file:{tmp_path / 'sealed'}")
    monkeypatch.setattr(config(), "epoch_keys", str(tmp_path / "epochs"))
    listed = lists.create_list("hotline", by="system")
    lists.add_items(listed, rows=[ItemRow(1, "sha256", sha256(CONTENT))], by="system")
    return SimpleNamespace(sealed=tmp_path / "sealed", epochs=tmp_path / "epochs", at=tmp_path)


def sealed_files(node: SimpleNamespace) -> list[Path]:
    return list(node.sealed.rglob("*.sealed"))


def end_all() -> None:
    while end_due():
        pass


def test_one_exhibit(node: SimpleNamespace, people: SimpleNamespace, clock: Any) -> None:
    # Nothing is kept before somebody who answers for the law says so.
    (told,) = Program("screen").upload(CONTENT).json()["answers"]
    assert told["case"]
    assert told["exhibit"] is None
    assert not sealed_files(node)

    terms = RuleTerms(
        instrument="18 USC 2258A(h)", jurisdiction="US", basis="legal-obligation", occasions=["match"],
        minimum="1 year", note="what is reported is kept for a year",
    )  # fmt: skip
    set_rule("us-reports", terms=terms, by=people.lead.actor)

    # It arrives again, and is sealed with its case.
    (told,) = Program("screen").upload(CONTENT).json()["answers"]
    (exhibit,) = queries.exhibits(case=f"case:{told['case']['id']}")
    assert told["exhibit"] == exhibit.reference
    (stored,) = sealed_files(node)
    assert CONTENT[:64] not in stored.read_bytes()

    # Nobody reads it alone.
    court = Identity.new()
    asked = {"purpose": "a court", "reason": "order 17/2026", "recipient": str(court.recipient)}
    access = ask_access([exhibit], person=people.reviewer, **asked)
    with pytest.raises(NoAccess):
        read_exhibit(exhibit, access=access.pk, person=people.reviewer)
    grant_access(access.pk, person=people.lead, proof=Proof("webauthn", now_of.now()))
    right = Authorisation("Code of criminal procedure", "17/2026", "District court")
    bundle = node.at / "bundle.zip"
    with bundle.open("wb") as file:
        taken = hand_over(access.pk, person=people.reviewer, authorisation=right)
        taken.write(file, languages=[Language("en")])
    with pytest.raises(NoAccess):
        hand_over(access.pk, person=people.reviewer)

    # The court's experts verify it with Python alone, and open it with the court's key alone.
    with zipfile.ZipFile(bundle) as archive:
        program = next(name for name in archive.namelist() if name.endswith("verify.py"))
        (node.at / "verify.py").write_bytes(archive.read(program))
    command = [sys.executable, "-I", str(node.at / "verify.py"), str(bundle)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with opened(bundle) as received:
        clear = io.BytesIO()
        received.take(exhibit.uuid, clear, identity=court)
    assert clear.getvalue() == CONTENT

    # A year passes; another court has it held, and it stays.
    hold = place_hold(
        f"case:{told['case']['id']}", reason="an appeal", authority="Court of appeal",
        review_on=now_of.now().date() + timedelta(days=400), by=people.lead.actor,
    )  # fmt: skip
    copy = node.at / "copy-of-epochs"
    shutil.copytree(node.epochs, copy)
    clock.advance(timedelta(days=370))
    end_all()
    assert b"".join(unsafe_content(queries.exhibit(exhibit.pk))) == CONTENT

    # It is let go, and, as nobody objects for a day, is gone: file, key, and in whatever copy of the keys.
    lift_hold(hold.pk, reason="the appeal was decided", by=people.lead.actor)
    before = log.size()
    end_all()
    assert sealed_files(node)
    clock.advance(timedelta(days=2))
    end_all()
    assert log.size() > before  # the certificate of its destruction
    assert not sealed_files(node)
    gone = queries.exhibit(exhibit.pk)
    with pytest.raises(ExhibitEnded):
        list(unsafe_content(gone))
    (epoch,) = EpochKeys(node.epochs).destroyed()
    with pytest.raises(EpochDestroyed):
        EpochKeys(node.epochs).key(epoch)
    shutil.copy(copy / f"{epoch}.key", node.epochs)
    with pytest.raises(EpochReturned):
        EpochKeys(node.epochs).key(epoch)

    # Every touch is on record, signed, in order.
    assert [step.fields["act"] for step in custody.check(gone)] == ["acquire", "export", "destroy"]
    assert proof().whole
