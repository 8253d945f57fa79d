"""A time-stamping authority says when an exhibit was here; where it cannot be reached nothing waits for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.evidence.conftest import Keep
from tests.stamping import TimeAuthority, certified, openssl_agrees

from himaya.core.config import config
from himaya.core.vault.timestamps import authorities, verify
from himaya.evidence import custody
from himaya.evidence.models import TimeStamp
from himaya.evidence.stamping import FAILED_TURN, TURN, roots, stamp_due, stamps_of
from himaya.ledger import queries as ledger
from himaya.ledger import turns


@pytest.fixture
def authority(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TimeAuthority]:
    root = certified("Root, test")
    (tmp_path / "roots.pem").write_bytes(root.pem())
    made = TimeAuthority(tmp_path / "tsa", root=root)
    with made.serving() as address:
        monkeypatch.setattr(config(), "timestamp_url", f"private:{address}")
        monkeypatch.setattr(config(), "timestamp_roots", str(tmp_path / "roots.pem"))
        yield made


def look() -> None:
    for turn in (TURN, FAILED_TURN):
        turns.call(turn)
    while stamp_due():
        pass


def test_what_is_new_and_the_ledger_are_stamped_once(authority: TimeAuthority, keep: Keep, tmp_path: Path) -> None:
    exhibit = keep()
    look()
    look()
    assert TimeStamp.objects.count() == 2
    (reply,) = stamps_of([exhibit])[exhibit.pk]
    digest = hashlib.sha256(custody.lines(exhibit)[0]).digest()
    assert openssl_agrees(reply, digest=digest, root=authority.root, place=tmp_path) == ""
    assert verify(reply, digest=digest, trusted=authorities(roots()[0])).digest == digest
    assert [entry.act for entry in ledger.entries(about=exhibit.about)].count("evidence.stamped") == 1
    of_the_day = TimeStamp.objects.get(exhibit=None)
    assert bytes(of_the_day.digest).hex() in {entry.digest for entry in ledger.entries()}
    committed = [entry.data["token"] for entry in ledger.entries(act="evidence.stamped")]
    assert sorted(committed) == sorted(hashlib.sha256(bytes(one.reply)).hexdigest() for one in TimeStamp.objects.all())


def test_an_authority_that_answers_nonsense_is_asked_again_later(authority: TimeAuthority, keep: Keep) -> None:
    keep()
    authority.reply = lambda made, query: made[:-1] + bytes([made[-1] ^ 1])
    look()
    assert not TimeStamp.objects.exists()
    assert not stamp_due()
    authority.reply = lambda made, query: made
    look()
    assert TimeStamp.objects.count() == 2


def test_where_none_is_named_none_is_asked(keep: Keep) -> None:
    exhibit = keep()
    assert not stamp_due()
    assert stamps_of([exhibit])[exhibit.pk] == roots() == ()
