"""Lists as files for partners: every format, the active items alone, and nothing again that the caller has."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from tests.federation.conftest import Reader, fill, make, md5, sha256, withdraw

from himaya.core import registry
from himaya.core.ports import ItemRow
from himaya.federation.models import Use
from himaya.lists import services as lists
from himaya.lists.models import HashList, Item


def content(answer: Any) -> bytes:
    assert answer.status_code == 200, getattr(answer, "content", b"")
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize("kind", sorted(registry.formats()))
def test_every_format_gives_back_what_it_can_hold(hotline: HashList, reader: Reader, kind: str) -> None:
    fill(hotline, [("md5", md5("a")), ("md5", md5("b")), ("md5", md5("gone"))])
    withdraw(hotline, md5("gone"))
    format_ = registry.format_(kind)
    answer = reader.get(f"files/hotline.{kind}")
    told = content(answer)
    assert answer["Content-Type"].startswith(format_.media_type)
    assert answer["Content-Disposition"] == f'attachment; filename="hotline{format_.accepts[0]}"'
    read = [row for row in format_.read(io.BytesIO(told)) if isinstance(row, ItemRow)]
    assert sorted(row.value.lower() for row in read) == sorted([md5("a"), md5("b")])


def test_a_file_has_nothing_of_what_is_this_node_s_own_affair(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [ItemRow(0, "md5", md5("a"), reference="case 7", note="a remark")])
    benign = [ItemRow(0, "md5", md5("b"), note="benign", negative=True)]
    assert lists.add_items(hotline, rows=benign, by="person:7", benign=True).imported
    for kind in registry.formats():
        told = content(reader.get(f"files/hotline.{kind}")).decode()
        for secret in ("case 7", "a remark", "person:7", "benign", md5("b")):
            if kind != "csv" or secret != "benign":
                assert secret not in told, kind


def test_what_the_caller_has_is_not_told_again(hotline: HashList, reader: Reader, clock: Any) -> None:
    fill(hotline, [("md5", md5("a"))])
    first = reader.get("files/hotline.csv")
    content(first)
    etag, changed = first["ETag"], first["Last-Modified"]
    for headers in ({"If-None-Match": etag}, {"If-None-Match": f'"x", {etag}'}, {"If-Modified-Since": changed}):
        again = reader.get("files/hotline.csv", **headers)
        assert (again.status_code, again["ETag"], again.content) == (304, etag, b"")
    assert Use.objects.get().items == 1
    assert reader.get("files/hotline.hashes", **{"If-None-Match": etag}).status_code == 200
    clock.advance(timedelta(minutes=1))
    fill(make("other", tlp="clear"), [("md5", md5("z"))])
    assert reader.get("files/hotline.csv", **{"If-None-Match": etag}).status_code == 304
    Item.objects.filter(value=md5("a")).update(note="x")  # as it stood: nothing counted anew
    withdraw(hotline, md5("a"))
    third = reader.get("files/hotline.csv", **{"If-None-Match": etag, "If-Modified-Since": changed})
    assert md5("a") not in content(third).decode()
    assert third["ETag"] != etag
    assert third["Last-Modified"] != changed


def test_an_empty_list_is_a_file_too(hotline: HashList, reader: Reader) -> None:
    answer = reader.get("files/hotline.csv")
    assert content(answer).startswith(b"signal,value")
    assert reader.get("files/hotline.csv", **{"If-None-Match": answer["ETag"]}).status_code == 304


def test_a_head_request_tells_what_is_new_and_counts_no_item(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [("md5", md5("a"))])
    answer = reader.client.head("/exchange/files/hotline.csv")
    assert answer.status_code == 200
    assert answer["ETag"]
    assert Use.objects.get().items == 0


def test_a_file_that_would_be_more_than_may_be_told_is_not_begun(hotline: HashList) -> None:
    reader = Reader(items_a_day=2).reads("hotline")
    fill(hotline, [("md5", md5(str(n))) for n in range(3)])
    answer = reader.get("files/hotline.csv")
    assert answer.status_code == 429
    assert md5("0") not in answer.content.decode()
    assert Use.objects.get().items == 0


def test_a_list_is_written_in_constant_memory(hotline: HashList, reader: Reader) -> None:
    fill(hotline, [("sha256", sha256(str(n))) for n in range(12_000)])
    answer = reader.get("files/hotline.csv")
    pieces = [len(piece) for piece in answer.streaming_content]
    assert max(pieces) < 80_000
    assert sum(pieces) > 12_000 * 70


def test_what_is_not_there_and_what_may_not_be_read_are_alike(hotline: HashList, reader: Reader) -> None:
    make("secret", tlp="red")
    answers = [reader.get(f"files/{name}") for name in ("secret.csv", "none.csv", "hotline.exe", "", "a/b.csv")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert answers[0]["Content-Type"].startswith("text/plain")
