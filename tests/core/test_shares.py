"""Shares of keys: enough of them give the key, and whatever else is brought together gives none."""

from __future__ import annotations

import hashlib
import io
import random
import secrets
from base64 import b32encode
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core.vault import recipients, shares
from himaya.core.vault.recipients import Identity, NotOpened
from himaya.core.vault.shares import MOST, PRIME, NotJoined, NotShare, Share

KEY, OPENS = bytes(range(32)), "exhibit 00000000-0000-0000-0000-000000000007"
ALL = (bytes(32), b"\xff" * 32, KEY)
sizes = st.integers(2, MOST).flatmap(lambda count: st.tuples(st.integers(2, count), st.just(count)))


def made(threshold: int = 2, count: int = 3, key: bytes = KEY) -> list[Share]:
    return shares.split(key, opens=OPENS, threshold=threshold, count=count)


def why(do: Callable[[], object]) -> str:
    with pytest.raises(NotJoined) as caught:
        do()
    assert str(caught.value).startswith(f"These shares do not open {OPENS}: ")
    assert "{" not in caught.value.diagnostics()
    return str(caught.value.facts["why"])


# --- what gives the key ----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(sizes, st.binary(min_size=32, max_size=32) | st.sampled_from(ALL), st.randoms(use_true_random=False))
def test_any_shares_that_are_enough_give_the_key_in_any_order(
    size: tuple[int, int], key: bytes, chance: random.Random
) -> None:
    threshold, count = size
    of_all = made(threshold, count, key)
    assert [(share.number, share.threshold, share.count) for share in of_all] == [
        (number, threshold, count) for number in range(1, count + 1)
    ]
    chosen = chance.sample(of_all, chance.randint(threshold, count))
    assert shares.join([shares.read(share.text()) for share in chosen], opens=OPENS) == key


@settings(deadline=None)
@given(sizes, st.data())
def test_fewer_are_refused_and_what_they_would_give_is_not_the_key(size: tuple[int, int], data: st.DataObject) -> None:
    threshold, count = size
    few = data.draw(st.permutations(made(threshold, count)))[: threshold - 1]
    assert why(lambda: shares.join(few, opens=OPENS)) == f"they are {len(few)}, and it takes {threshold}"
    assert through([(share.number, share.value) for share in few], 0) != int.from_bytes(KEY)


def through(points: list[tuple[int, int]], at: int) -> int:
    """The value of the polynomial through the points, by Lagrange's formula: independent of the library."""
    total = 0
    for x, y in points:
        above = below = 1
        for other, _ in points:
            if other != x:
                above, below = above * (at - other), below * (x - other)
        total += y * above * pow(below, -1, PRIME)
    return total % PRIME


@given(sizes)
@settings(deadline=None)
def test_shares_are_those_of_the_published_scheme(size: tuple[int, int]) -> None:
    threshold, count = size
    for some in combinations(made(threshold, count), threshold):
        assert through([(share.number, share.value) for share in some], 0) == int.from_bytes(KEY)


def test_the_modulus_is_a_prime_above_all_keys() -> None:
    assert max(map(int.from_bytes, ALL)) < PRIME
    odd, twos = PRIME - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):  # Miller and Rabin
        power = pow(base, odd, PRIME)
        assert power in (1, PRIME - 1) or PRIME - 1 in (pow(power, 2**step, PRIME) for step in range(1, twos))


def test_a_key_is_split_otherwise_each_time_and_stands_in_no_share() -> None:
    one, other = made(), made()
    assert one[0].set != other[0].set
    assert {share.value for share in one}.isdisjoint(share.value for share in other)
    assert all(str(share.value) not in repr(share) for share in one)


# --- custodians ------------------------------------------------------------------------------------------------------

ANN, BEN, CAT = Identity.new(), Identity.new(), Identity.new()


def test_each_custodian_opens_one_share_and_two_of_three_have_the_key() -> None:
    key, people = secrets.token_bytes(32), [ANN, BEN, CAT]
    dealt = shares.deal(key, opens=OPENS, threshold=2, custodians=[each.recipient for each in people])
    files = dealt.files
    taken = [shares.take(file, each) for file, each in zip(files, people, strict=True)]
    assert [share.number for share in taken] == [1, 2, 3]
    assert [shares.digest(share) for share in taken] == list(dealt.digests)
    assert {share.set for share in taken} == {dealt.set}
    for two in combinations(taken, 2):
        assert shares.join(two, opens=OPENS) == key
    with pytest.raises(NotOpened):
        shares.take(files[0], BEN)


def test_a_file_with_something_else_in_it_is_no_share() -> None:
    file = io.BytesIO()
    recipients.encrypt(io.BytesIO(b"\xff\xfeminutes"), file, recipients=[ANN.recipient])
    with pytest.raises(NotShare, match="does not begin with himaya-share-1-"):
        shares.take(file.getvalue(), ANN)
    with pytest.raises(NotShare, match="too long"):
        shares.take(bytes(100_000), ANN)


def test_nobody_gets_two_shares() -> None:
    with pytest.raises(ValueError, match="a custodian has one share"):
        shares.deal(KEY, opens=OPENS, threshold=2, custodians=[ANN.recipient, BEN.recipient, ANN.recipient])


@pytest.mark.parametrize(
    "wrong",
    [{"key": b"short"}, {"threshold": 1}, {"threshold": 4}, {"count": 9, "threshold": 9}, {"opens": ""},
     {"opens": "a\nb"}, {"opens": "é" * 101}],
)  # fmt: skip
def test_what_cannot_be_split_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a key"):
        shares.split(**{"key": KEY, "opens": OPENS, "threshold": 2, "count": 3, **wrong})  # type: ignore[arg-type]


# --- what gives none -------------------------------------------------------------------------------------------------


def test_shares_that_do_not_belong_together_are_refused() -> None:
    one, other = made(), made()
    elsewhere = shares.split(KEY, opens="exhibit 8", threshold=2, count=3)
    assert why(lambda: shares.join([], opens=OPENS)) == "there are none"
    assert why(lambda: shares.join([one[0], other[1]], opens=OPENS)).startswith("they are not of one set")
    assert why(lambda: shares.join([one[1], one[1]], opens=OPENS)) == "share 2 is there twice"
    assert why(lambda: shares.join(elsewhere, opens=OPENS)) == "share 1 opens exhibit 8"
    assert why(lambda: shares.join([one[0], elsewhere[2]], opens=OPENS)) == "share 3 opens exhibit 8"


@pytest.mark.parametrize("lie", [{"threshold": 3}, {"count": 4}, {"check": bytes(16)}])
def test_a_share_that_says_something_else_than_the_others_is_refused(lie: dict[str, object]) -> None:
    one, other, _ = made()
    said = why(lambda: shares.join([one, replace(other, **lie)], opens=OPENS))  # type: ignore[arg-type]
    assert said.startswith("they are not of one set")


@settings(deadline=None)
@given(sizes, st.data())
def test_a_share_that_is_made_up_gives_no_key_and_is_named_where_the_others_can_tell(
    size: tuple[int, int], data: st.DataObject
) -> None:
    threshold, count = size
    given_ = data.draw(st.permutations(made(threshold, count)))[: data.draw(st.integers(threshold, count))]
    at = data.draw(st.integers(0, len(given_) - 1))
    wrong = data.draw(st.integers(1, PRIME - 1))
    given_[at] = replace(given_[at], value=(given_[at].value + wrong) % PRIME)
    said = why(lambda: shares.join(given_, opens=OPENS))
    if len(given_) > threshold:
        assert said == f"made up or changed are: {given_[at].number}. The others suffice"
        assert shares.join([each for each in given_ if each is not given_[at]], opens=OPENS) == KEY
    else:
        assert said == "what they give is not the key: at least one of them is made up, or was changed"


# --- shares as they are written down ---------------------------------------------------------------------------------

TEXT = made()[0].text()


@given(st.lists(st.tuples(st.integers(15, len(TEXT)), st.sampled_from(" -\n\t")), max_size=40), st.booleans())
def test_a_share_is_read_however_it_was_written_down(breaks: list[tuple[int, str]], small: bool) -> None:
    text = TEXT
    for at, what in sorted(breaks, reverse=True):
        text = text[:at] + what + text[at:]
    assert shares.read(text.lower() if small else text).text() == TEXT


@given(st.integers(0, len(TEXT) - 2), st.characters(codec="utf-8"))
@settings(max_examples=300)
def test_a_wrong_character_is_found(at: int, other: str) -> None:
    text = TEXT[:at] + other + TEXT[at + 1 :]
    if text.replace(" ", "").upper() == TEXT.upper():
        return
    try:
        assert shares.read(text) == shares.read(TEXT)  # a hyphen for a hyphen
    except NotShare:
        return
    assert (TEXT[at], other.isspace()) in {("-", True), ("-", False)}


@given(
    st.text(max_size=300)
    | st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=300).map("himaya-share-1-".__add__)
)
def test_any_text_is_no_share_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(NotShare):
        shares.read(text)


@pytest.mark.parametrize(
    "lie", [{"threshold": 1}, {"threshold": 4}, {"count": 9}, {"number": 0}, {"number": 4}, {"value": PRIME},
            {"opens": "a\x1b[2J"}],
)  # fmt: skip
def test_a_share_that_no_set_has_is_refused_although_its_sum_is_right(lie: dict[str, object]) -> None:
    with pytest.raises(NotShare, match="no set has such a share"):
        shares.read(replace(made()[0], **lie).text())  # type: ignore[arg-type]


def test_a_text_that_is_too_short_or_too_long_is_refused() -> None:
    short = hashlib.sha256(b"").digest()[:4]
    for text in ("himaya-share-1-" + b32encode(short).decode(), "himaya-share-1-" + "A" * 5000):
        with pytest.raises(NotShare):
            shares.read(text)
