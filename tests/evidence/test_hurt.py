"""A full disk and a database that fails, at every point of keeping: nothing half, nothing twice, nothing lost."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from tests.crash.test_disk_full import disk
from tests.evidence.conftest import Keep
from tests.evidence.test_preserving import content, files

from himaya.core.config import config
from himaya.core.vault.stores.port import StoreFull
from himaya.evidence import custody
from himaya.evidence.models import Binding, Blob, Exhibit, InnerKey, Step
from himaya.ledger import queries as ledger

__all__ = ["disk"]  # the fixture
MIB = 2**20


@pytest.fixture
def full(disk: Path | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A store with room for less than 3 MiB, and how to give it more."""
    if disk:
        monkeypatch.setattr(config(), "evidence_store", f"file:{disk / 'sealed'}")
        (disk / "more").write_bytes(bytes(2 * MIB))
        yield lambda: (disk / "more").unlink()
        return
    write, left = os.write, [2 * MIB]

    def limited(number: int, part: Any) -> int:
        left[0] -= len(part)
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(number, part)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", limited)
        yield lambda: left.__setitem__(0, 100 * MIB)


def counts() -> dict[str, int]:
    rows = {model.__name__: model.objects.count() for model in (Exhibit, Blob, Binding, Step)}
    return rows | {"told": ledger.entries(act="evidence.preserved").count()}


def test_r6_a_disk_that_fills_up_keeps_nothing_half_and_with_room_it_goes_on(
    keep: Keep, full: Callable[[], None]
) -> None:
    first = keep("small", case="case:1")
    before, stored = counts(), files()
    with pytest.raises(StoreFull):
        keep("x" * 3 * MIB, case="case:2")
    assert counts() == before
    assert files() == stored
    assert content(first) == b"small"
    full()
    assert content(keep("x" * 3 * MIB, case="case:2")) == b"x" * 3 * MIB


class FailsAt:
    """Lets a database fail at one statement, before it or behind it."""

    def __init__(self, number: int, *, behind: bool) -> None:
        self.left, self.behind, self.failed = number, behind, False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.left -= not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))  # the tests' own transaction needs them
        if self.left != 0 or self.failed:
            return execute(sql, params, many, context)
        self.failed = True
        if self.behind:
            execute(sql, params, many, context)
        raise OperationalError("the server closed the connection")


@pytest.mark.parametrize("behind", [False, True])
def test_r7_a_database_that_fails_at_any_statement_keeps_all_or_nothing_and_told_again_once(
    keep: Keep, behind: bool
) -> None:
    keep("the first makes the keys", case="case:1")
    statement = 0
    while True:
        statement += 1
        fails = FailsAt(statement, behind=behind)
        case, text, before = f"case:{statement + 1}", f"text {statement}", counts()
        try:
            with connection.execute_wrapper(fails), transaction.atomic():
                keep(text, case=case)
        except OperationalError:
            assert counts() == before, "nothing stands of what failed"
            assert not InnerKey.objects.filter(about=case).exists()
        one = keep(text, case=case)
        assert content(one) == text.encode()
        assert {name: n - before[name] for name, n in counts().items()} == dict.fromkeys(before, 1)
        assert [step.fields["act"] for step in custody.check(one)] == ["acquire"]
        if not fails.failed:
            break
    assert statement > 20
