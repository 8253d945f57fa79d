"""Each rule has a transaction of its own."""

from __future__ import annotations

import threading
from collections import defaultdict

import pytest
from django.db import connection, transaction

from himaya.flow import reactor
from himaya.flow.reactor import react, when
from himaya.ledger.models import Entry
from himaya.ledger.services import record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose only rules are the test's."""
    monkeypatch.setattr(reactor, "_rules", defaultdict(dict))


def test_what_a_rule_put_on_record_is_committed_before_the_next_one_begins() -> None:
    """Else that one would lock things while it holds the ledger, which everybody else takes last: a deadlock."""
    seen_by_others: list[int] = []

    def look() -> None:
        seen_by_others.append(Entry.objects.filter(act="told").count())
        connection.close()

    def rule(entry: Entry) -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(20)
        record("told", by="system", about=entry.about)

    def other(entry: Entry) -> None:
        rule(entry)

    when("a")(rule)
    when("a")(other)
    with transaction.atomic():
        for _ in range(2):
            record("a", by="system", about="case:1")
    react()
    assert seen_by_others == [0, 1, 2, 3]
