"""What a bundle says beside its chains: words to which steps commit, and who gave a thing to whom."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests import bundling
from tests.bundling import ANNA, AT, BEN
from tests.core.test_bundles import written

from himaya.core.bundles.alone.program import Outcome, as_json, report, verify_bundle
from himaya.core.bundles.facts import Bundle
from himaya.core.vault import custody

SALT, WORDS = bytes(32), b'{"demand":"D-2026-000017"}'
COMMITMENT = hashlib.sha256(SALT + WORDS).hexdigest()


def opening(salt: bytes = SALT, words: bytes = WORDS) -> str:
    return f"{b64encode(salt).decode()} {b64encode(words).decode()}"


def bundle(field: str = "", value: str = "", *, fact: str = "demand", commits: bool = True) -> Bundle:
    """A bundle of one exhibit, whose last step may commit to words."""
    made = bundling.bundle(1)
    (one,) = made.exhibits
    facts: dict[str, custody.Fact] = {fact: COMMITMENT} if commits else {}
    step = custody.step(
        one.uuid, number=3, act="export", at=AT + timedelta(minutes=3), by="person:1", facts=facts,
        before=one.custody[-1],
    )  # fmt: skip
    chain = (*one.custody, custody.line(step, [custody.sign(step, ANNA)]))
    return replace(made, exhibits=(replace(one, custody=chain),), about={field: value} if field else {})


def outcome(made: Bundle, tmp_path: Path) -> Outcome:
    return verify_bundle(str(written(made, tmp_path / "bag")))


@pytest.mark.parametrize(
    ("field", "fact"), [("Himaya-Demand-Opening", "demand"), ("Himaya-Reading-Opening", "reading")]
)
def test_words_to_which_custody_commits_are_proved(field: str, fact: str, tmp_path: Path) -> None:
    found = outcome(bundle(field, opening(), fact=fact), tmp_path)
    assert not found.problems
    assert any(field in one and WORDS.decode() in one for one in found.proved)
    assert not found.not_opened


@pytest.mark.parametrize(
    ("value", "commits", "why"),
    [
        (opening(words=b'{"demand":"D-2026-000018"}'), True, "contradicted"),
        (opening(salt=bytes(31) + b"1"), True, "contradicted"),
        (opening(), False, "contradicted"),
        (opening(salt=bytes(31)), True, "is no opening"),
        ("no opening", True, "is no opening"),
        (opening(words=b"\xff"), True, "is no opening"),
    ],
)
def test_words_to_which_custody_does_not_commit_are_told(value: str, commits: bool, why: str, tmp_path: Path) -> None:
    found = outcome(bundle("Himaya-Demand-Opening", value, commits=commits), tmp_path)
    assert [(where, why in told) for where, told in found.problems] == [("bag-info.txt", True)]
    assert WORDS.decode() not in "".join(found.proved)


def test_where_the_words_are_not_in_the_bundle_it_says_so_and_is_proved(tmp_path: Path) -> None:
    found = outcome(bundle(), tmp_path)
    assert not found.problems
    (told,) = found.not_opened
    assert "step 3 of its custody: the demand" in told
    assert told in report(found, "x")
    assert told in as_json(found)


def test_who_gave_it_to_whom_is_told_with_both_names(tmp_path: Path) -> None:
    made = bundle(commits=False)
    (one,) = made.exhibits
    facts, at = bundling.between(BEN, ANNA), AT + timedelta(minutes=4)
    back = custody.step(
        one.uuid, number=4, act="return", at=at, by="person:2", facts=facts, before=one.custody[-1]
    )  # fmt: skip
    line = custody.line(back, [custody.sign(back, key) for key in (ANNA, BEN)])
    found = outcome(replace(made, exhibits=(replace(one, custody=(*one.custody, line)),)), tmp_path)
    proved = "\n".join(found.proved)
    anna, ben = (holder for _, holder in bundling.HOLDERS)
    assert f"({anna}) to " in next(each for each in found.proved if "hands over" in each)
    assert "step 4 of its custody gives back from" in proved
    assert f"({ben}) to " in next(each for each in found.proved if "gives back" in each)
