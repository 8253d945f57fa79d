"""What is handed over goes on at the other node: proved, sealed anew, with one chain that both have signed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.evidence.conftest import Keep
from tests.evidence.test_granting import proof
from tests.evidence.test_preserving import content

from himaya.core.bundles.alone.program import verify_bundle
from himaya.core.bundles.reading import BundleNotProved, opened
from himaya.core.bundles.report import Language
from himaya.core.vault.recipients import Identity, NotOpened
from himaya.core.vault.verifier import canonical, key_name
from himaya.evidence import custody, queries
from himaya.evidence.bundling import hand_over
from himaya.evidence.granting import ask_access, grant_access
from himaya.evidence.lasting import STEPS
from himaya.evidence.models import AccessTo, Binding, Exhibit, Handover, SigningKey, Step, Unlogged
from himaya.evidence.receiving import AlreadyHere, NotOurReceipt, receipt_of, receive_bundle, take_receipt
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import NoGround

OTHER = Ed25519PrivateKey.generate()


@pytest.fixture
def bundle(keep: Keep, people: SimpleNamespace, tmp_path: Path) -> Any:
    """Makes a bundle of an exhibit, to a node or to nobody's."""
    mine = Identity.new()

    def made(exhibit: Exhibit, to_node: bytes = b"") -> SimpleNamespace:
        facts = {"purpose": "a court", "reason": "an order", "recipient": str(mine.recipient)}
        access = ask_access([exhibit], person=people.reviewer, **facts)
        grant_access(access.pk, person=people.lead, proof=proof())
        path = tmp_path / f"{access.pk}.zip"
        with path.open("wb") as file:
            hand_over(access.pk, person=people.reviewer, to_node=to_node).write(file, languages=[Language("en")])
        return SimpleNamespace(path=path, identity=mine)

    return made


@contextmanager
def as_another_node() -> Iterator[None]:
    """As if this database were that of another node: it has no exhibit as yet, and a key of its own."""
    from django.db import connection

    STEPS.unsafe_remove(connection)
    for model in (Handover, Unlogged, Step, Binding, AccessTo, Exhibit, SigningKey):
        model.objects.all().delete()
    STEPS.install(connection)
    terms = RuleTerms("an order", "NL", "legal-obligation", ["received"], minimum="1 year")
    set_rule("received", terms=terms, by="system")
    yield


def other_key() -> bytes:
    return OTHER.public_key().public_bytes_raw()


def use_other_key() -> None:
    from base64 import b64encode

    from himaya.accounts import sealing
    from himaya.core import clock

    sealed = sealing.seal(b64encode(OTHER.private_bytes_raw()).decode(), purpose=custody.PURPOSE)
    SigningKey.objects.create(
        name=key_name(other_key()), public=other_key(), sealed=sealed, owner="node", since=clock.now()
    )


def test_a_chain_goes_on_at_the_node_that_it_was_handed_to(keep: Keep, bundle: Any) -> None:
    exhibit = keep("a neutral text")
    ours, lines, owner_key = bundle(exhibit, to_node=other_key()), custody.lines(exhibit), custody.own_key()
    with as_another_node():
        use_other_key()
        (taken,) = receive_bundle(ours.path, identity=ours.identity, by="person:9", trusted=[key_name(owner_key)])
        assert content(taken) == b"a neutral text"
        assert taken.uuid == exhibit.uuid
        steps = custody.check(taken)
        assert [step.fields["act"] for step in steps] == ["acquire", "export", "transfer"]
        assert set(steps[-1].signers) == {key_name(owner_key), key_name(other_key())}
        assert custody.lines(taken)[:2] == lines
        assert receive_bundle(ours.path, identity=ours.identity, by="person:9") == [taken]
        assert Exhibit.objects.count() == 1
        receipt = receipt_of([taken])
        with pytest.raises(NotOurReceipt):
            take_receipt(receipt.replace(b"transfer", b"return"), key=owner_key, by="person:1")


def test_an_actor_of_another_node_is_never_called_by_the_name_of_one_of_our_people(
    keep: Keep, bundle: Any, people: SimpleNamespace, sign_in: Any
) -> None:
    exhibit = keep("a neutral text", by=people.analyst.actor)
    assert queries.told(queries.steps(exhibit)[0])[0] == people.analyst.actor
    ours, owner_key = bundle(exhibit, to_node=other_key()), custody.own_key()
    with as_another_node():
        use_other_key()
        (taken,) = receive_bundle(ours.path, identity=ours.identity, by="person:9", trusted=[key_name(owner_key)])
        acted = [queries.told(step)[0] for step in queries.steps(taken)]
        assert [each.partition(" (")[0] for each in acted[:2]] == [people.analyst.actor, people.reviewer.actor]
        page = sign_in("lead").get(f"/evidence/exhibits/{taken.pk}/").content.decode()
        steps = page.partition('aria-labelledby="steps"')[2].partition("</section>")[0]
        assert f"{people.analyst.actor} (" in steps
        for one in (people.analyst, people.reviewer):
            assert one.name not in steps


def test_the_receipt_closes_the_chain_of_who_gave_it(keep: Keep, bundle: Any) -> None:
    from himaya.core.vault.custody import accepted, offered, sign

    exhibit = keep("a neutral text")
    made = bundle(exhibit, to_node=other_key())
    with opened(made.path) as received:
        (offer,) = received.bundle.transfers
    line = accepted(offer, OTHER)
    stranger = Ed25519PrivateKey.generate()
    step = json.loads(offer)["step"]
    beside = offered(step, [*json.loads(offer)["signatures"], sign(step, stranger)])
    acquired = custody.lines(exhibit)[0]  # signed by us alone, and hands nothing over
    for wrong in (beside, acquired, offer, b"nothing"):
        with pytest.raises(NotOurReceipt):
            take_receipt(wrong + b"\n", key=other_key(), by="person:1")
    assert take_receipt(line + b"\n", key=other_key(), by="person:1") == [exhibit]
    assert [step.fields["act"] for step in custody.check(exhibit)] == ["acquire", "export", "transfer"]


def test_what_was_made_for_nobody_begins_a_chain_that_names_the_bundle(keep: Keep, bundle: Any) -> None:
    exhibit = keep("a neutral text")
    made = bundle(exhibit)
    with as_another_node():
        set_rule("received", terms=RuleTerms("x", "NL", "a", ["tip"], minimum="1 day"), by="system")
    with pytest.raises(NoGround):
        receive_bundle(made.path, identity=made.identity, by="person:9")
    terms = RuleTerms("an order", "NL", "legal-obligation", ["received"], minimum="1 year")
    set_rule("received", terms=terms, by="system")
    (taken,) = receive_bundle(made.path, identity=made.identity, by="person:9", case="case:7")
    (step,) = custody.check(taken)
    assert "tag manifest" in step.fields["facts"]["origin"]
    assert taken.case == "case:7"


def test_what_is_here_already_or_was_changed_or_is_for_others_is_refused(
    keep: Keep, bundle: Any, tmp_path: Path
) -> None:
    terms = RuleTerms("an order", "NL", "legal-obligation", ["received"], minimum="1 year")
    set_rule("received", terms=terms, by="system")
    made = bundle(keep("a neutral text"))
    with pytest.raises(AlreadyHere):
        receive_bundle(made.path, identity=made.identity, by="person:9")
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(made.path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            new.writestr(name, body + b" " if name.endswith("bundle.json") else body)
    with pytest.raises(BundleNotProved):
        receive_bundle(changed, identity=made.identity, by="person:9")
    with as_another_node(), pytest.raises(NotOpened):
        receive_bundle(made.path, identity=Identity.new(), by="person:9")
    assert not Exhibit.objects.exists()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda offer: b"no step", "no step"),
        (lambda offer: b"[1]", "no step"),
        (lambda offer: canonical({**json.loads(offer), "signatures": []}), "signatures"),
        (lambda offer: offer.replace(b"B-20", b"B-21"), "not good"),
    ],
)
def test_an_offer_that_was_forged_is_proved_by_nobody(
    changed: Any, why: str, keep: Keep, people: SimpleNamespace, tmp_path: Path
) -> None:
    mine = Identity.new()
    facts = {"purpose": "a court", "reason": "an order", "recipient": str(mine.recipient)}
    access = ask_access([keep("a neutral text")], person=people.reviewer, **facts)
    grant_access(access.pk, person=people.lead, proof=proof())
    taken = hand_over(access.pk, person=people.reviewer, to_node=other_key())
    (offer,) = taken.bundle.transfers
    forged = replace(taken, bundle=replace(taken.bundle, transfers=(changed(offer),)))
    path = tmp_path / "forged.zip"
    with path.open("wb") as file:
        forged.write(file, languages=[Language("en")])
    assert why in " ".join(why for _, why in verify_bundle(str(path)).problems)
    with as_another_node(), pytest.raises(BundleNotProved):
        receive_bundle(path, identity=mine, by="person:9")


def test_nobody_else_is_named_as_we_are(keep: Keep, bundle: Any) -> None:
    """A sender who calls its key as we call ours stays somebody else, in what we hand on, too."""
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    exhibit = keep("a neutral text")
    custody.know_key(stranger, owner="node")
    assert SigningKey.objects.get(name=key_name(stranger)).owner != custody.NODE
    assert SigningKey.objects.get(owner=custody.NODE).sealed
    with opened(bundle(exhibit).path) as received:
        assert [key.public for key in received.bundle.keys] == [custody.own_key()]
