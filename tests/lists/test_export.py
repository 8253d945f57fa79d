"""Export: the active items as a file, streamed, on record, and readable by the import."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests.program import sha256

from himaya.ledger.queries import entries
from himaya.lists import services
from himaya.lists.models import HashList, Item

SignIn = Callable[[str], Client]
VALUES = [sha256(str(n)) for n in range(3)]


@pytest.fixture
def filled(put: Any) -> None:
    """Three items, one with a class, one withdrawn."""
    head = "signal,value,scheme,code,note"
    put([head, f"sha256,{VALUES[0]},interpol,baseline,'=1+1", f"sha256,{VALUES[1]},,,", f"sha256,{VALUES[2]},,,"])
    services.mark_item(Item.objects.get(value=VALUES[2]).pk, state="withdrawn", by="system", reason="Gone.")


@pytest.mark.parametrize(
    ("format_name", "kind", "ending"), [("csv", "text/csv", "csv"), ("hashes", "text/plain", "txt")]
)
def test_a_list_is_taken_away_as_a_file(
    sign_in: SignIn, filled: None, format_name: str, kind: str, ending: str
) -> None:
    answer = sign_in("admin").post("/lists/hotline/export", {"format": format_name})
    assert answer.streaming
    assert answer["Content-Type"] == f"{kind}; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="hotline.{ending}"'
    assert answer["Cache-Control"] == "no-store"
    content = answer.getvalue().decode()
    assert all(value in content for value in VALUES[:2])
    assert VALUES[2] not in content


@pytest.mark.parametrize("format_name", ["csv", "hashes"])
def test_what_was_exported_can_be_imported(sign_in: SignIn, filled: None, format_name: str) -> None:
    content = sign_in("lead").post("/lists/hotline/export", {"format": format_name}).getvalue()
    copy = services.create_list("copy", by="system")
    result = services.import_items(copy, stream=io.BytesIO(content), format_name=format_name, by="system")
    assert (result.added, result.refused) == (2, 0)
    first = Item.objects.get(list=copy, value=VALUES[0])
    assert (first.code, first.note) == (("baseline", "=1+1") if format_name == "csv" else ("", ""))


def test_who_took_a_list_away_is_on_record(sign_in: SignIn, filled: None) -> None:
    answer = sign_in("lead").post("/lists/hotline/export")
    answer.getvalue()
    taken = entries(act="list.exported").get()
    assert (taken.about, taken.actor, taken.data) == (
        "list:hotline",
        answer.wsgi_request.user.actor,
        {"format": "csv"},
    )


def test_an_export_is_written_while_it_is_sent(sign_in: SignIn, put: Any) -> None:
    put([f"md5:{n:032x}" for n in range(1, 3001)], "hashes")
    parts = iter(sign_in("lead").post("/lists/hotline/export"))
    assert next(parts).startswith(b"signal,value")
    assert len(list(parts)) >= 1


def test_an_unknown_format_is_refused_and_not_recorded(sign_in: SignIn, hotline: HashList) -> None:
    assert sign_in("lead").post("/lists/hotline/export", {"format": "parquet"}).status_code == 404
    assert not entries(act="list.exported")
