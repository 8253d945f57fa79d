"""Entries as STIX indicators and back, judged by other people's validator and parser."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st
from stix2patterns.v21.pattern import Pattern
from stix2validator import ValidationOptions, validate_instance

from himaya.core import clock, stix
from himaya.core.exchange import Entry, Gone, Vote
from himaya.core.ports import Refusal
from himaya.core.stix import Terms

AT, LATER = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 4, 2, 9, tzinfo=UTC)
MD5, PDQ = "900150983cd24fb0d6963f7d28e17f72", "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
SIGNALS = (("md5", MD5), ("pdq", PDQ))
TERMS = Terms("world", "them", "interpol", "baseline", "hotline-x", "DE", "baseline", "ref-1", "a note", 31)
names = st.from_regex(r"[a-z][a-z0-9]{1,9}(-[a-z0-9]{1,5})?", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


def made(**how):
    return stix.indicator(SIGNALS, TERMS, key="k", **{"created": AT, "modified": AT, **how})


def with_pattern(text):
    return {**made(), "pattern": text}


@pytest.mark.parametrize(
    "thing",
    [
        made(),
        made(modified=LATER, revoked=True),
        made(until=LATER),
        stix.indicator([("foo-bar", "it's")], Terms(), key="x"),
        stix.extension(),
        stix.identity(),
        stix.identity("hotline-x"),
    ],
    ids=lambda thing: thing["type"],
)
def test_what_is_made_is_valid_by_the_strict_rules_and_parsed_without_custom_content(thing):
    found = validate_instance(thing, ValidationOptions(strict=True, version="2.1"))
    assert found.is_valid, found.as_dict()
    assert stix2.parse(json.dumps(thing), allow_custom=False)["id"] == thing["id"]


def test_an_entry_comes_back_as_it_was():
    assert stix.read(made(until=LATER)) == Entry(
        made()["id"], SIGNALS, "interpol", "baseline", "hotline-x", "DE", "baseline", AT, LATER, "a note"
    )
    assert stix.terms(made()) == TERMS
    assert stix.read(made(modified=LATER, revoked=True)) == Gone(made()["id"], "revoked", LATER)


def test_the_same_key_has_the_same_id_and_another_has_another():
    assert made()["id"] == made(modified=LATER)["id"]
    assert made()["id"] != stix.indicator(SIGNALS, TERMS, key="other")["id"]


@given(st.lists(st.tuples(names, texts), min_size=1, max_size=5, unique=True))
def test_any_fingerprint_stands_in_a_pattern_that_the_library_reads_in_the_same_way(signals):
    text = stix.pattern(signals)
    assert stix.hashes(text) == tuple(signals)
    compared = Pattern(text).inspect().comparisons["file"]
    assert [operator for _, operator, _ in compared] == ["="] * len(signals)


@given(st.text(st.sampled_from("[]()'\\ =OR:.fileMD5hashAN!T5"), max_size=30), st.integers(0, 60))
def test_what_we_read_of_a_pattern_the_library_reads_too(noise, at):
    good = f"[file:hashes.MD5 = '{MD5}' OR file:hashes.'SHA-1' = 'b']"
    text = good[:at] + noise + good[at:]
    try:
        found = stix.hashes(text)
    except ValueError:
        return
    assert len(Pattern(text).inspect().comparisons["file"]) >= len(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[file:hashes.MD5 = 'a'] OR [file:hashes.'SHA-256' = 'b']", (("md5", "a"), ("sha256", "b"))),
        (
            "[ file:hashes.'MD5'='a' OR file:hashes.PDQ == 'b' OR file:hashes.x_pdq = 'b' ]",
            (("md5", "a"), ("pdq", "b")),
        ),
        ("[file:hashes.SSDEEP = '3:a\\'b']", (("ssdeep", "3:a'b"),)),
    ],
)
def test_patterns_of_others_are_read(text, found):
    assert stix.hashes(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "[file:hashes.MD5 = 'a' AND file:hashes.'SHA-1' = 'b']",
        "[file:hashes.MD5 = 'a'] AND [file:hashes.MD5 = 'b']",
        "[file:hashes.MD5 = 'a'] FOLLOWEDBY [file:hashes.MD5 = 'b']",
        "[file:hashes.MD5 != 'a']",
        "[file:hashes.MD5 NOT = 'a']",
        "[file:hashes.MD5 IN ('a', 'b')]",
        "[file:hashes.MD5 LIKE 'a%']",
        "[file:hashes.MD5 = 'a' OR file:size = 5]",
        "[file:hashes.MD5 = 'a'] REPEATS 5 TIMES",
        "[ipv4-addr:value = '192.0.2.1']",
    ],
)
def test_a_pattern_that_says_more_is_refused_in_words(text):
    refused = stix.read(with_pattern(text))
    assert isinstance(refused, Refusal)
    assert refused.why == "its pattern says more than that one of several digests of a file equals"
    assert refused.excerpt == text[:80]


def test_what_is_no_pattern_is_refused_with_what_is_wrong():
    assert stix.read(with_pattern("[file:hashes.MD5 = ")).why.startswith("its pattern cannot be read: ")
    assert stix.read(with_pattern("[(" * 2000)).why.startswith("its pattern cannot be read")
    assert stix.read(with_pattern(5)).why == "it has no pattern, or one that is too long"
    assert stix.read({**made(), "pattern_type": "yara"}).why == "its pattern is in another language than STIX"
    assert stix.read({**made(), "id": "indicator--x"}).why == "it has no id of an indicator"
    many = stix.pattern(("md5", f"{n:032x}") for n in range(65))
    assert stix.read(with_pattern(many)).why == "it names more than 64 fingerprints"


@pytest.mark.parametrize("thing", [None, [], "x", {}, stix.identity(), {"type": ["indicator"]}])
def test_what_is_no_indicator_says_nothing(thing):
    assert stix.read(thing) is None


@pytest.mark.parametrize("extensions", [None, [], {"x": 5}, {stix.EXTENSION: 5}, {stix.EXTENSION: {"scheme": "a"}}])
def test_an_extension_that_says_nothing_gives_no_class(extensions):
    entry = stix.read({**made(), "extensions": extensions, "modified": "yesterday"})
    assert (entry.scheme, entry.code, entry.organisation, entry.at) == ("", "", "", None)


def test_words_outside_their_vocabularies_are_left_out():
    wild = replace(TERMS, organisation="Not A Name", jurisdiction="Germany", basis="whatever")
    entry = stix.read(stix.indicator(SIGNALS, wild, key="k"))
    assert (entry.organisation, entry.jurisdiction, entry.basis) == ("", "", "")


@pytest.mark.parametrize("types", [["benign"], ["unknown", "benign"]])
def test_what_is_benign_is_no_material_and_gone_where_it_was_some(types):
    told = stix.read({**made(modified=LATER), "indicator_types": types})
    assert (told.key, told.reason, told.at) == (made()["id"], "it is said to be benign", LATER)
    assert isinstance(told, Gone)
    assert isinstance(stix.read({**made(), "indicator_types": ["malicious-activity", 5]}), Entry)


def test_what_counts_only_later_is_refused_and_a_clock_may_be_wrong():
    told = stix.read({**made(), "valid_from": "2990-01-01T00:00:00.000Z"})
    assert isinstance(told, Refusal)
    assert told.why == "it counts only from 2990-01-01 on"
    soon = clock.now() + timedelta(hours=2)
    assert isinstance(stix.read({**made(), "valid_from": soon.isoformat()}), Entry)


def test_the_label_of_a_dispute_is_a_vote_of_the_source_itself_and_its_word_stands():
    told = stix.read({**made(), "labels": ["disputed"]})
    assert told == replace(stix.read(made()), votes=(Vote("", "dispute", at=AT),))
    for other in ([], ["other", 5, None], "disputed", {"disputed": 1}):
        assert stix.read({**made(), "labels": other}).votes == ()
