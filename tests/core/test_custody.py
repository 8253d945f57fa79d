"""Chains of custody: what was done with an exhibit, proved by a file that needs nothing of Himaya."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core.vault import custody, verifier
from himaya.core.vault.verifier import NotProved

EXHIBIT = UUID(int=3)
AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
ANNA, BEN, EVE = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def name(key: Ed25519PrivateKey) -> str:
    return verifier.key_name(public(key))


KEYS = {name(key): public(key) for key in (ANNA, BEN)}
ACTS = [("acquire", [ANNA]), ("analyse", [ANNA]), ("transfer", [ANNA, BEN]), ("export", [BEN]), ("destroy", [BEN])]


def chain(acts: Any = ACTS) -> list[bytes]:
    lines: list[bytes] = []
    for number, (act, signers) in enumerate(acts):
        facts: dict[str, Any] = {"sha256": "ab" * 32} if act == "acquire" else {"from": name(ANNA), "to": name(BEN)}
        one = custody.step(
            EXHIBIT, number=number, act=act, at=AT + timedelta(minutes=number), by="person:1", facts=facts,
            before=lines[-1] if lines else b"",
        )  # fmt: skip
        lines.append(custody.line(one, [custody.sign(one, key) for key in signers]))
    return lines


def forged(line: bytes, *keys: Ed25519PrivateKey, **fields: Any) -> bytes:
    """The line with other fields, signed anew; by Anna, where nobody is named."""
    one = {**json.loads(line)["step"], **fields}
    signed = [custody.sign(one, key) for key in keys or (ANNA,)]
    return verifier.canonical({"step": one, "signatures": signed})


def test_a_chain_is_proved_step_by_step() -> None:
    steps = verifier.check_chain(chain(), KEYS)
    assert [one.fields["act"] for one in steps] == [act for act, _ in ACTS]
    assert steps[2].signers == tuple(sorted(KEYS))
    assert steps[0].fields["facts"] == {"sha256": "ab" * 32}
    assert (steps[0].fields["at"], steps[0].fields["exhibit"]) == ("2026-11-29T03:00:00Z", str(EXHIBIT))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: [], "no steps"),
        (lambda c: c[1:], "step 0: its number is another"),
        (lambda c: [c[0], *c[2:]], "step 1: its number is another"),
        (lambda c: [c[0], c[0]], "step 1: its number is another"),
        (lambda c: [c[0], c[2], c[1]], "step 1: its number is another"),
        (lambda c: [c[0].replace(b"abab", b"cdcd", 1), *c[1:]], "step 0: the signature"),
        (lambda c: [forged(c[0], facts={}), *c[1:]], "step 1: it does not follow"),
        (lambda c: [forged(c[0], EVE)], "step 0: it is signed with a key that is not known"),
        (lambda c: [forged(c[0], act="analyse")], "begins with an acquisition"),
        (lambda c: [forged(c[0], act="look")], "what was done is none of"),
        (lambda c: [forged(c[0], number=False)], "its number is another"),
        (lambda c: [forged(c[0], at="yesterday")], "a time like"),
        (lambda c: [forged(c[0], more="")], "a step has the fields"),
        (lambda c: [c[0], forged(c[1], exhibit=str(UUID(int=4)))], "about another exhibit"),
        (lambda c: [c[0], forged(c[1], act="acquire")], "nothing is acquired twice"),
        (lambda c: [c[0], forged(c[1], at="2026-11-29T02:59:59Z")], "older than the step before"),
        (lambda c: [*c[:2], forged(c[2])], "both sides sign"),
        (lambda c: [*c[:2], forged(c[2], BEN, ANNA, facts={"from": name(ANNA), "to": name(EVE)})], "both sides sign"),
        (lambda c: [*c[:2], forged(c[2], BEN, ANNA, facts={"from": name(ANNA), "to": name(ANNA)})], "both sides sign"),
        (lambda c: [*c[:2], forged(c[2], BEN, ANNA, facts={"from": [name(ANNA)], "to": name(BEN)})], "both sides sign"),
        (lambda c: [forged(c[0], at="9999-99-99T99:99:99Z")], "does not match format"),
        (lambda c: [b" " + c[0]], "not written as steps are"),
        (lambda c: [c[0].replace(b'"step"', b'"step":{},"step"')], "not written as steps are"),
        (lambda c: [b"\xff"], "step 0:"),
        (lambda c: [b"[" * 60_000], "step 0:"),
        (lambda c: [b"1" * 70_000], "longer than"),
        (lambda c: [b'{"signatures":[],"step":{}}'], "a step has the fields"),
    ],
)
def test_what_was_changed_is_found_and_named(change: Callable[[list[bytes]], list[bytes]], why: str) -> None:
    with pytest.raises(NotProved) as caught:
        verifier.check_chain(change(chain()), KEYS)
    assert why in str(caught.value)


def test_nothing_follows_on_a_destruction() -> None:
    with pytest.raises(NotProved, match="nothing follows"):
        verifier.check_chain(chain([*ACTS, ("analyse", [BEN])]), KEYS)


@pytest.mark.parametrize(
    "acts",
    [
        [("acquire", [ANNA]), ("analyse", [BEN])],
        [("acquire", [ANNA]), ("destroy", [BEN])],
        [("acquire", [ANNA]), ("analyse", [ANNA, BEN])],
        [("acquire", [BEN]), ("transfer", [ANNA, BEN])],
        [("acquire", [EVE]), ("transfer", [ANNA, BEN])],
    ],
)
def test_who_never_had_a_thing_signs_no_step_of_it(acts: Any) -> None:
    with pytest.raises(NotProved, match="step 1: who signs it never had the thing"):
        verifier.check_chain(chain(acts), {**KEYS, name(EVE): public(EVE)})


def test_who_gave_it_goes_on_with_what_stays() -> None:
    acts = [("acquire", [ANNA]), ("transfer", [ANNA, BEN]), ("analyse", [ANNA]), ("destroy", [ANNA])]
    assert len(verifier.check_chain(chain(acts), KEYS)) == 4


def test_nobody_offers_what_they_never_had() -> None:
    begun = chain([("acquire", [ANNA])])
    steps, known = verifier.check_chain(begun, KEYS), {**KEYS, name(EVE): public(EVE)}
    for giver, whom in ((ANNA, BEN), (EVE, BEN)):
        facts: dict[str, Any] = {"from": name(giver), "to": name(whom)}
        one = custody.step(
            EXHIBIT, number=1, act="transfer", at=AT + timedelta(hours=1), by="person:1", facts=facts, before=begun[0]
        )
        offer = custody.offered(one, [custody.sign(one, giver)])
        if giver is ANNA:
            assert verifier.check_offer(offer, known, steps)["act"] == "transfer"
        else:
            with pytest.raises(NotProved, match="never had the thing"):
                verifier.check_offer(offer, known, steps)


def test_nobody_signs_for_both_sides() -> None:
    facts = {"from": name(ANNA), "to": name(BEN)}
    one = custody.step(EXHIBIT, number=0, act="transfer", at=AT, by="person:1", facts=facts)
    for signers in ([ANNA], [ANNA, ANNA], [ANNA, EVE], [ANNA, BEN, EVE]):
        with pytest.raises(ValueError, match="both sides"):
            custody.line(one, [custody.sign(one, key) for key in signers])
    twice = [custody.sign(one, ANNA)] * 2
    with pytest.raises(ValueError, match="twice"):
        verifier._signers(one, twice, KEYS, verifier.verify)


def test_what_cannot_be_done_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="none of"):
        custody.step(EXHIBIT, number=0, act="look", at=AT, by="person:1", facts={})


# --- the signature ---------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_a_signature_is_good_for_its_message_and_its_key_alone(seed: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    signature = key.sign(message)
    assert verifier.verify(public(key), message, signature)
    assert not verifier.verify(public(key), message + b".", signature)
    assert not verifier.verify(public(EVE), message, signature)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 95), st.integers(0, 7))
def test_it_agrees_with_openssl_wherever_a_bit_was_turned(at: int, bit: int) -> None:
    whole = bytearray(public(ANNA) + ANNA.sign(b"message"))
    whole[at] ^= 1 << bit
    key, signature = bytes(whole[:32]), bytes(whole[32:])
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, b"message")
        expected = True
    except InvalidSignature:
        expected = False
    assert verifier.verify(key, b"message", signature) == custody.is_signed(key, b"message", signature) == expected


# RFC 8032, section 7.1: TEST 1, 2 and 3
VECTORS = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_it_agrees_with_the_rfc(key: str, message: str, signature: str) -> None:
    told = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert verifier.verify(*told)
    scalar = int.from_bytes(told[2][32:], "little") + verifier._L  # the same signature, written another way
    assert not verifier.verify(told[0], told[1], told[2][:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("key", [bytes(31), bytes(33), b"\xff" * 32, (2).to_bytes(32, "little")])
def test_what_is_no_key_verifies_nothing(key: bytes) -> None:
    for good in (verifier.verify, custody.is_signed):
        assert not good(key, b"", bytes(64))
        assert not good(public(ANNA), b"", bytes(63))


def test_points_of_small_order_sign_nothing() -> None:
    """All that there are in their one spelling: with such a key, some "signature" is good for any message."""
    prime = 2**255 - 19
    eighth = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
    ys = [1, prime - 1, 0, eighth, prime - eighth]
    keys = [(y | odd << 255).to_bytes(32, "little") for y in ys for odd in (0, 1)]
    for key in keys:
        assert not verifier.is_key(key)
        for good in (verifier.verify, custody.is_signed):
            assert not good(key, b"anything at all", key + bytes(32))
    assert verifier.is_key(public(ANNA))


def test_the_file_needs_nothing_but_python(tmp_path: Path) -> None:
    alone = tmp_path / "verifier.py"
    alone.write_bytes(Path(verifier.__file__).read_bytes())
    told = {name: b64encode(key).decode() for name, key in KEYS.items()}
    code = (
        "import json, sys; from base64 import b64decode; import verifier; told = json.load(sys.stdin);"
        "print(len(verifier.check_chain([line.encode() for line in told[0]],"
        " {name: b64decode(key) for name, key in told[1].items()})))"
    )
    lines = [line.decode() for line in chain()]
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        input=json.dumps([lines, told]), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.stdout.strip(), ran.stderr) == ("5", "")
