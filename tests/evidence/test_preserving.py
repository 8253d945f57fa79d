"""What is kept is sealed, by a rule, once, with its chain of custody; what no rule names is not."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.evidence.conftest import TERMS, Keep

from himaya.core.config import config
from himaya.core.vault.epochs import EpochLost
from himaya.core.vault.sealed import SealBroken
from himaya.evidence import custody, queries
from himaya.evidence.marking import MARK
from himaya.evidence.models import Blob, Exhibit, Step
from himaya.evidence.reading import unsafe_content
from himaya.evidence.ruling import BadRule, RuleTerms, UnknownRule, end_rule, set_rule
from himaya.evidence.services import Acquired, BadExhibit, NoGround, preserve
from himaya.ledger import queries as ledger


def content(exhibit: Exhibit) -> bytes:
    return b"".join(unsafe_content(Exhibit.objects.select_related("blob", "epoch").get(pk=exhibit.pk)))


def files() -> list[Path]:
    every = Path(config().evidence_store.removeprefix("file:")).rglob("*")
    return [path for path in every if path.is_file() and path.stem != str(MARK)]


@pytest.mark.django_db
def test_nothing_is_kept_and_nothing_is_read_where_no_rule_says_so() -> None:
    source = io.BytesIO(b"a neutral text")
    facts = {"label": "a file", "occasion": "match", "once": "a", "how": "screened", "tool": "x", "by": "system"}
    with pytest.raises(NoGround, match="matched a list"):
        preserve(source, acquired=Acquired(**facts))
    assert source.tell() == 0
    assert not files()
    set_rule("other", terms=RuleTerms("a law", "US", "consent", ["tip"], minimum="1 day"), by="system")
    with pytest.raises(NoGround):
        preserve(source, acquired=Acquired(**facts))


def test_what_is_kept_opens_again_and_its_file_shows_nothing(keep: Keep) -> None:
    text = "a neutral text that is found again " * 100
    exhibit = keep(text)
    assert content(exhibit) == text.encode()
    (stored,) = files()
    assert b"neutral" not in stored.read_bytes()
    assert exhibit.digests["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert exhibit.until.year == exhibit.acquired_at.year + 1
    (step,) = custody.check(exhibit)
    assert step.fields["act"] == "acquire"
    assert step.fields["facts"]["sha512"] == hashlib.sha512(text.encode()).hexdigest()
    assert step.fields["by"] == "key:ab12cd34"
    assert "evidence.preserved" in [entry.act for entry in ledger.entries(about=exhibit.about)]


def test_told_twice_it_is_one_and_two_of_one_content_share_a_file(
    keep: Keep, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first, again, other = keep(), keep(), keep(case="case:2")
    assert first == again != other
    assert first.blob_id == other.blob_id
    assert len(files()) == Blob.objects.count() == 1
    assert content(first) == content(other)
    assert len(custody.check(other)) == 1


def test_a_byte_that_changed_in_the_file_is_an_error_and_no_content(keep: Keep) -> None:
    exhibit = keep("x" * 3_000_000)
    (stored,) = files()
    whole = bytearray(stored.read_bytes())
    whole[2_000_000] ^= 1
    stored.write_bytes(whole)
    with pytest.raises(SealBroken):
        content(exhibit)


def test_a_lost_outer_key_is_told_and_not_made_anew(keep: Keep) -> None:
    exhibit = keep()
    (key,) = Path(config().epoch_keys).glob("*.key")
    key.unlink()
    with pytest.raises(EpochLost):
        content(exhibit)
    assert content(keep("another text")) == b"another text"
    assert not key.exists()


def test_of_several_rules_the_longest_duty_binds_and_what_would_end_before_is_for_a_person(keep: Keep) -> None:
    terms = RuleTerms("another law", "NL", "consent", ["match"], maximum="90 days")
    set_rule("short", terms=terms, by="system")
    exhibit = keep()
    bindings, bound = queries.bindings(exhibit)
    assert [str(one.rule) for one in bindings] == ["short 1", "us-reports 1"]
    assert bound.by.rule.name == "us-reports"
    assert bound.late is not None
    assert bound.late.rule.name == "short"
    assert exhibit.review


def test_a_rule_that_ended_or_is_over_keeps_nothing_new(keep: Keep, clock: Any) -> None:
    first = keep()
    end_rule("us-reports", by="person:1", reason="the law was changed")
    with pytest.raises(NoGround):
        keep("another")
    assert content(first)
    with pytest.raises(UnknownRule):
        end_rule("us-reports", by="person:1", reason="again")
    assert set_rule("us-reports", terms=TERMS, by="person:1").version == 2
    keep("another")
    clock.advance(timedelta(days=1))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"instrument": " "}, "no law"), ({"jurisdiction": "usa"}, "no country"), ({"basis": ""}, "legal basis"),
        ({"occasions": []}, "for what"), ({"occasions": ["chance"]}, "chance"), ({"minimum": ""}, "how long"),
        ({"minimum": "one year"}, "90 days"), ({"maximum": "30 days"}, "at the most"), ({"begins": "birth"}, "runs"),
        ({"after": "keep"}, "delete nor review"), ({"renewals": 1}, "renewals"), ({"kept_class": "x"}, "class"),
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_a_rule_that_says_too_little_is_refused(change: dict[str, Any], why: str) -> None:
    from dataclasses import replace

    with pytest.raises(BadRule, match=why):
        set_rule("a-rule", terms=replace(TERMS, **change), by="system")
    assert not queries.rules_that_hold().exists()


@pytest.mark.parametrize(
    "change",
    [
        {"label": ""}, {"how": "found"}, {"case": "12"}, {"tool": ""}, {"once": "x" * 121},
        {"tool": "a scanner\u202e 1"}, {"tool": "a\nb"}, {"media_type": "image/jpeg\n"}, {"by": "x\ny"},
    ],
)  # fmt: skip
def test_an_acquisition_that_says_too_little_is_refused(keep: Keep, change: dict[str, str]) -> None:
    with pytest.raises(BadExhibit):
        keep(**change)
    assert not files()


def test_a_full_disk_leaves_nothing_behind(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    import himaya.evidence.services as services

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(services, "seal", full)
    with pytest.raises(OSError, match="No space"):
        keep()
    assert not Exhibit.objects.exists()
    assert not Step.objects.exists()
    assert not files()
