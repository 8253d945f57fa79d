"""Custody stands in the log: a bundle proves to strangers, without this node, that its chain stood there and when."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import bundling
from tests.evidence.conftest import Keep
from tests.leaves import leaves_of
from tests.log.conftest import OtherNode, other_node

from himaya.core.bundles import facts
from himaya.core.bundles.alone import program
from himaya.core.bundles.report import Language
from himaya.core.vault.recipients import Identity
from himaya.evidence import custody
from himaya.evidence.anchoring import CUSTODY, anchor_steps, proofs_of
from himaya.evidence.bundling import bundle_of, write_bundle
from himaya.evidence.custody import add_step
from himaya.evidence.models import Exhibit, Step, Unlogged
from himaya.log import checking, queries
from himaya.log.rounds import publish_with_witnesses
from himaya.log.services import begin_again, publish_checkpoint

__all__ = ["other_node"]
pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[[str], OtherNode]


def bundle(exhibit: Exhibit, path: Path) -> Path:
    """A bundle of one exhibit, unpacked: whoever forges it has its folder."""
    to = facts.Recipient("The unit", str(Identity.new().recipient))
    made = bundle_of("B-1", exhibits=[Exhibit.objects.get(pk=exhibit.pk)], to=to, authorisation=None)
    with (zip_ := path.with_suffix(".zip")).open("wb") as file:
        write_bundle(made, file, languages=[Language("en")], opened={})
    with zipfile.ZipFile(zip_) as archive:
        archive.extractall(path)
    return path / "B-1"


def verified(folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """What the program in the bundle says, in a Python that knows nothing of Himaya."""
    command = [sys.executable, "-I", "-S", folder / "verify.py", folder, "--json", *more]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def step(exhibit: Exhibit) -> None:
    from django.db import transaction

    with transaction.atomic():
        add_step(exhibit, act="analyse", by="person:1", facts={})


def test_a_chain_is_proved_to_have_stood_in_the_log_when_its_witness_saw_it(
    keep: Keep, other_node: Make, tmp_path: Path
) -> None:
    other_node("friend")
    exhibit = keep()
    publish_with_witnesses()
    step(exhibit)
    keep("another text")
    publish_with_witnesses()
    step(exhibit)
    status, told = verified(bundle(exhibit, tmp_path / "bag"))
    assert status == 0
    proofs = [line for line in told["checks"] if line.startswith("data/proofs/")]
    whose = f"of the custody of exhibit {exhibit.uuid}; friend.example/witness saw it there at "
    leaves = [one.index for one in queries.leaves_about(exhibit.about).filter(kind=CUSTODY)]
    seen = [queries.first_covering(index).cosigned["friend"] for index in leaves]  # type: ignore[union-attr]
    assert seen[0] < seen[1]
    assert proofs[1].endswith(f"is steps 0 to 1 {whose}{seen[1]:%Y-%m-%dT%H:%M:%SZ}")
    assert proofs[0].endswith(f"is step 0 {whose}{seen[0]:%Y-%m-%dT%H:%M:%SZ}")
    assert told["not_yet_in_a_log"] == [f"exhibit {exhibit.uuid}: step 2 of its custody when this bundle was made"]
    assert sorted(told["keys"].values())[-2:] == ["log", "witness"]


def test_before_the_next_checkpoint_a_bundle_says_that_it_is_not_yet_in_the_log(keep: Keep, tmp_path: Path) -> None:
    exhibit = keep()
    folder = bundle(exhibit, tmp_path / "bag")
    status, told = verified(folder)
    assert (status, told["proved"]) == (0, True)
    assert told["not_yet_in_a_log"] == [f"exhibit {exhibit.uuid}: step 0 of its custody when this bundle was made"]
    assert "not yet in a log  exhibit" in program.report(program.verify_bundle(str(folder)), "bag")


def test_every_step_is_a_leaf_once_and_the_log_shows_no_digest_of_an_exhibit(keep: Keep) -> None:
    one, two = keep(), keep("another text")
    publish_checkpoint()
    step(one)
    assert Unlogged.objects.count() == 1
    assert anchor_steps() == 1
    assert anchor_steps() == 0
    publish_checkpoint()
    leaves = leaves_of(CUSTODY)
    assert sorted(leaves.values_list("unique", flat=True)) == sorted(Step.objects.values_list("pk", flat=True))
    shown = b"".join(each.event for each in queries.reveal(leaves))
    digests = [digest for each in (one, two) for digest in each.digests.values()]
    assert not any(digest.encode() in shown for digest in digests)
    assert checking.check(reveal=True).whole


def test_an_anchoring_that_is_cut_off_is_done_again_whole(keep: Keep) -> None:
    from himaya.core import faults

    keep()
    faults.arm("log.grown:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            anchor_steps()
    finally:
        faults.arm("")
    assert Unlogged.objects.count() == 1
    assert not leaves_of(CUSTODY)
    assert anchor_steps() == 1


def test_a_new_name_of_the_log_proves_what_was_there_before(keep: Keep, tmp_path: Path) -> None:
    exhibit = keep()
    publish_checkpoint()
    begin_again(reason="the machine was lost", by="cli:test")
    assert proofs_of([exhibit])[exhibit.pk] == (), "nothing was signed under the new name yet"
    publish_checkpoint()
    status, told = verified(bundle(exhibit, tmp_path / "bag"))
    assert (status, told["not_yet_in_a_log"]) == (0, [])


def _changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """What the program says of a bundle whose maker has changed its proof, and made the bag anew."""
    (path,) = (folder / "data" / "proofs").iterdir()
    proof = json.loads(path.read_bytes())
    change(proof)
    path.write_text(json.dumps(proof))
    bundling.rebag(folder, signer=custody.node_key())
    status, told = verified(folder)
    assert status == 1
    return told


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda proof: proof.update(index=proof["index"] - 1), "another root"),
        (lambda proof: proof.update(event=proof["event"].replace('"step":0', '"step":1')), "another root"),
        (lambda proof: proof["path"].append(proof["path"][0]), "too long"),
        (lambda proof: proof.update(checkpoint=proof["checkpoint"].replace("\n", "\n1", 1)), "does not hold"),
        (lambda proof: proof.update(checkpoint=_last_line_spoiled(proof["checkpoint"])), "of a witness"),
    ],
)
def test_a_proof_that_was_changed_is_found(change: Any, why: str, keep: Keep, other_node: Make, tmp_path: Path) -> None:
    other_node("friend")
    exhibit = keep()
    keep("another text")
    publish_with_witnesses()
    told = _changed(bundle(exhibit, tmp_path / "bag"), change)
    assert [why in each["why"] for each in told["problems"]] == [True]
    assert len(told["not_yet_in_a_log"]) == 1, "what proves nothing counts as nothing"


def _last_line_spoiled(note: str) -> str:
    """The time that the witness tells is another one."""
    from base64 import b64decode, b64encode

    head, _, last = note.rstrip("\n").rpartition(" ")
    raw = bytearray(b64decode(last))
    raw[11] ^= 1
    return f"{head} {b64encode(bytes(raw)).decode()}\n"


def test_the_checkpoint_of_another_log_proves_nothing(keep: Keep, tmp_path: Path) -> None:
    exhibit = keep()
    publish_checkpoint()
    folder = bundle(exhibit, tmp_path / "bag")
    digest = json.loads(json.loads(next((folder / "data" / "proofs").iterdir()).read_bytes())["event"])["digest"]
    other = json.loads(bundling.proof(digest))
    told = _changed(folder, lambda proof: (proof.clear(), proof.update(other)))
    assert [each["why"] for each in told["problems"]] == [
        "it proves nothing: its checkpoint is signed by no key that is known"
    ]


def test_the_proof_of_another_exhibit_proves_nothing(keep: Keep, tmp_path: Path) -> None:
    one, two = keep(), keep("another text")
    publish_checkpoint()
    folder = bundle(one, tmp_path / "bag")
    told = _changed(folder, lambda proof: proof.update(json.loads(proofs_of([two])[two.pk][0])))
    assert "it is about something else" in told["problems"][0]["why"]


def test_whom_one_does_not_believe_has_seen_nothing(keep: Keep, other_node: Make, tmp_path: Path) -> None:
    """A verifier names the keys that it trusts: a witness that is not among them vouches for nothing."""
    other_node("friend")
    exhibit = keep()
    publish_with_witnesses()
    folder = bundle(exhibit, tmp_path / "bag")
    names = list(verified(folder)[1]["keys"])
    trusted = [name for name in names if "friend" not in name]
    status, told = verified(folder, *(part for name in trusted for part in ("--key", name)))
    (line,) = [line for line in told["checks"] if line.startswith("data/proofs/")]
    assert (status, "saw it there" in line) == (0, False)
    assert custody.check(exhibit)
