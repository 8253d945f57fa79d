"""Videos on lists: their frames come by file and by program, stand beside the item, and go out as they came."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from tests.program import Program, is_problem

from himaya.core import frames, registry
from himaya.lists import queries, services
from himaya.lists.arrivals import Arrival
from himaya.lists.importing import _Spool
from himaya.lists.models import Body, HashList, Item

pytestmark = pytest.mark.django_db
vpdq = registry.signal("vpdq")


def text(seed: int, number: int = 3, **how: Any) -> str:
    """A video's frames as exchanges write them."""
    return json.dumps([f"{seed * 1000 + n:064x},100,{n}.000" for n in range(1, number + 1)], **how)


@pytest.fixture
def listed() -> HashList:
    return services.create_list("hotline", by="system")


def imported(to: HashList, content: str, format_name: str = "csv", **how: Any) -> services.ImportResult:
    stream = io.BytesIO(content.encode())
    return services.import_items(to, stream=stream, format_name=format_name, by="system", **how)


def cell(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


@pytest.mark.parametrize("format_name", ["csv", "hashes"])
def test_what_was_imported_is_exported_and_imported_again(listed: HashList, format_name: str) -> None:
    many = text(2, 5000)
    content = {
        "csv": f"signal,value,note\nvpdq,{cell(text(1))},a note\nvpdq,{cell(many)},\n",
        "hashes": f"vpdq:{text(1)}\n{many}\n",
    }[format_name]
    assert imported(listed, content, format_name).added == 2
    out = b"".join(services.export_items("hotline", format_name=format_name, by="system"))
    copy = services.create_list("copy", by="system")
    assert imported(copy, out.decode(), format_name).added == 2
    assert imported(copy, out.decode(), format_name).unchanged == 2
    assert list(queries.rows(copy)) == list(queries.rows(listed))
    bodies = {item: bytes(data) for item, data in Body.objects.values_list("item__value", "data")}
    assert bodies == dict([vpdq.read(text(1)), vpdq.read(many)])


def test_a_digest_stands_for_frames_that_are_known_here_and_for_no_others(listed: HashList) -> None:
    value, body = vpdq.read(text(1))
    refused: list[Any] = []
    assert not imported(listed, f"signal,value\nvpdq,{value}\n", on_refusal=refused.append).imported
    assert refused[0].why == "it is a digest of frames that are not known here; give the frames"
    imported(listed, f"vpdq:{text(1)}\n", "hashes")
    other = services.create_list("other", by="system")
    assert imported(other, f"signal,value\nvpdq,{value}\n").added == 1
    assert bytes(Body.objects.get(item__list=other).data) == body


def test_bad_frames_are_refused_by_their_line_and_the_rest_is_taken(listed: HashList) -> None:
    refused: list[Any] = []
    content = f'signal,value\nvpdq,"[""{"0" * 63},1,1""]"\nvpdq,{cell(text(1))}\n'
    assert imported(listed, content, accept_good=True, on_refusal=refused.append).added == 1
    assert [(one.line, one.why) for one in refused] == [
        (2, "frame 0 is not a hash, a quality of 0 to 100 and a time in seconds")
    ]


def test_an_import_that_is_given_up_leaves_no_frames_behind(listed: HashList) -> None:
    from himaya.core.ports import ItemRow

    value, body = vpdq.read(text(1))
    with Arrival(listed, by="system") as arrival:
        arrival.take([ItemRow(1, "vpdq", value, body=body)])
        assert Body.objects.count() == 1
    assert not Body.objects.count()
    assert not Item.everything.count()


def test_long_videos_make_short_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    from himaya.core.ports import ItemRow

    with _Spool() as spool:
        for n in range(5):
            spool.add(ItemRow(n, "vpdq", str(n), body=bytes(3 * 1024**2)))
        assert [len(batch) for batch in spool.batches()] == [2, 2, 1]


def test_a_program_adds_a_video_screens_for_it_and_reads_how_it_matches(db: None) -> None:
    program = Program("lists:read", "lists:write", "screen", "cases:read")
    program.post("/lists", {"name": "hotline"})
    told = program.post("/lists/hotline/items", {"items": [{"signal": "vpdq", "value": text(1, 30)}]}).json()
    assert told["added"] == 1
    [item] = program.get("/lists/hotline/items").json()["items"]
    assert item["value"] == frames.digest(vpdq.read(text(1, 30))[1])
    answer = program.post("/screen", {"items": [{"signal": "vpdq", "value": text(1, 30)}]}).json()["answers"][0]
    assert answer["matches"][0]["overlap"] == {"rule": "whole", "query": 100, "listed": 100, "start": 1, "end": 30}
    case = program.get(f"/cases/{answer['case']['id']}").json()
    assert case["matches"][0]["overlap"] == answer["matches"][0]["overlap"]


def test_a_long_value_of_another_signal_is_refused_as_before(db: None) -> None:
    program = Program("lists:read", "lists:write", "screen")
    program.post("/lists", {"name": "hotline"})
    for path in ("/lists/hotline/items", "/screen"):
        told = is_problem(program.post(path, {"items": [{"signal": "md5", "value": "a" * 201}]}), 422)
        assert "at most 200 characters" in told["errors"][0]["why"]
        told = is_problem(program.post(path, {"items": [{"signal": "vpdq", "value": "a" * 201}]}), 422)
