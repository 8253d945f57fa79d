"""TAXII 2.1: its own traps, and the reference server of OASIS."""

from __future__ import annotations

import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from taxii2client.v21 import Collection
from tests.plugins.recorded.taxii import AT, COLLECTION, KEYS, TYPE, Recorded, indicator, time
from tests.plugins.test_exchanges import client, pull, standing
from tests.sources import Answer, Asked
from werkzeug.serving import make_server

from himaya.core import registry, stix
from himaya.core.exchange import Entry, SourceTrouble
from himaya.core.ports import Refusal

EXCHANGE = registry.exchange("taxii")


class Told(Recorded):
    """Answers with what a test gives it, whatever is asked."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)

    def answer(self, asked: Asked) -> Answer:
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def envelope(*things: dict[str, Any], added: str = "", **more: Any) -> Answer:
    headers = {"Content-Type": TYPE} | ({"X-TAXII-Date-Added-Last": added} if added else {})
    return Answer(json.dumps({"objects": list(things), **more}), headers=headers)


def told(*answers: Answer, checkpoint: str = "") -> list[Any]:
    source = Told(*answers)
    with source.serving():
        return pull(EXCHANGE, source, checkpoint=checkpoint)


def test_the_newest_version_of_an_object_counts_on_whichever_page_it_stands() -> None:
    old, new = indicator("a"), indicator("a", modified=AT + timedelta(days=1), revoked=True)
    for first, second in ((old, new), (new, old)):
        pages = told(envelope(first, added=time(1), more=True, next="x"), envelope(second, added=time(2)))
        assert standing(pages) == {}


def test_the_checkpoint_is_the_time_of_the_last_object_and_stays_where_nothing_came() -> None:
    assert told(envelope(indicator("a"), added=time(5)))[-1].checkpoint == time(5)
    assert told(envelope(), checkpoint=time(5))[-1].checkpoint == time(5)
    assert told(envelope(indicator("a")), checkpoint=time(5))[-1].checkpoint == time(5)  # it does not tell: again
    assert told(envelope(indicator("a"), added="yesterday"))[-1].checkpoint


def test_an_empty_collection_empties_no_list_and_a_whole_one_says_what_is_gone() -> None:
    assert not told(envelope())[-1].complete
    assert told(envelope(indicator("a"), added=time(1)))[-1].complete
    assert not told(envelope(indicator("a"), added=time(9)), checkpoint=time(1))[-1].complete


def test_a_server_without_tokens_is_asked_on_by_the_time() -> None:
    class Plain(Recorded):
        page = 1

        def answer(self, asked: Asked) -> Answer:
            answer = super().answer(asked)
            bare = {name: value for name, value in json.loads(answer.body or "{}").items() if name != "next"}
            return Answer(json.dumps(bare), answer.status, answer.headers)

        def objects(self) -> list[tuple[int, dict[str, Any]]]:
            return [(n, thing) for n, (_, thing) in enumerate(super().objects())]

    source = Plain()
    with source.serving():
        assert set(standing(pull(EXCHANGE, source))) == set(source.first)


@pytest.mark.parametrize(
    "answer",
    [
        envelope(more=True, next="x"),
        envelope(indicator("a"), more=True),
        Answer(json.dumps({"objects": {}})),
        Answer(json.dumps([])),
    ],
    ids=["nothing and more", "no place", "no list", "no envelope"],
)
def test_what_the_protocol_does_not_allow_is_trouble(answer: Answer) -> None:
    with pytest.raises(SourceTrouble):
        told(answer)


def test_a_page_whose_answer_was_lost_is_not_left_out() -> None:
    """Servers move a token on as they answer: asked again with it, they give the page behind."""
    source = Recorded()
    with source.serving():
        source.cut_after = 1
        config = EXCHANGE.Config(**source.config(source.url))
        with client(attempts=4) as line, pytest.raises(SourceTrouble):
            list(EXCHANGE.pull(config, line, checkpoint="", resume=""))
        assert len(source.asked) == 2  # it was not asked for again


def test_pages_that_take_too_long_are_asked_for_again_half_as_large_and_stay_so() -> None:
    found = Poor()
    with found.serving(), client(total=1) as line:
        config = EXCHANGE.Config(**found.config(found.url))
        pages = list(EXCHANGE.pull(config, line, checkpoint="", resume=""))
        assert set(standing(pages)) == set(found.first)
        asked = [int(one.query["limit"]) for one in found.asked]
        assert asked[:4] == [500, 250, 250, 125]
        assert asked == sorted(asked, reverse=True)
        halved = [json.loads(page.resume)["limit"] for page in pages if page.resume and not page.changes]
        assert halved[:2] == [250, 125], "noted at once: who is killed then does not begin with large ones"
        found.round, found.asked = 2, []
        list(EXCHANGE.pull(config, line, checkpoint=pages[-1].checkpoint, resume=""))
        assert int(found.asked[0].query["limit"]) == asked[-1]
        found.good, found.asked = 0, []
        with pytest.raises(SourceTrouble, match="took too long"):
            list(EXCHANGE.pull(config, line, checkpoint=f"{time(1)} 40", resume=""))
        assert [int(one.query["limit"]) for one in found.asked] == [40, 25]
        found.gone.set()


class Poor(Recorded):
    """A line on which pages come of so many objects at most; behind a token, of half as many."""

    good = 400

    def __init__(self) -> None:
        super().__init__()
        self.gone = threading.Event()

    def answer(self, asked: Asked) -> Answer:
        if int(asked.query["limit"]) > self.good // (2 if "next" in asked.query else 1):
            self.gone.wait(20)
        return super().answer(asked)


def test_patterns_that_say_more_are_refused_and_the_rest_is_taken() -> None:
    other = {**indicator("a"), "pattern": "[ipv4-addr:value = '192.0.2.1']"}
    (page,) = told(envelope(other, indicator("b"), added=time(1)))
    assert [type(change) for change in page.changes] == [Refusal, Entry]


def test_an_answer_of_many_small_values_needs_no_memory_and_is_given_up() -> None:
    hostile = Answer(b'{"objects": [' + b"{}," * 2_000_000 + b"{}]}")
    tracemalloc.start()
    try:
        with pytest.raises(SourceTrouble, match="more than 20000 objects"):
            told(hostile)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64_000_000


def test_a_wrong_root_or_collection_is_told_in_the_names_of_the_options() -> None:
    source = Told(Answer(status=404))
    with source.serving(), client() as line:
        config = EXCHANGE.Config(api_root=source.url, collection=COLLECTION)
        for ask in (
            lambda: EXCHANGE.check(config, line),
            lambda: list(EXCHANGE.pull(config, line, checkpoint="", resume="")),
        ):
            with pytest.raises(SourceTrouble, match="no such collection below that API root") as caught:
                ask()
            assert caught.value.permanent
            assert "api_root and collection" in caught.value.facts["mend"]


def test_a_token_goes_in_its_header_and_not_beside_a_password() -> None:
    source = Told(envelope())
    with source.serving():
        config = EXCHANGE.Config(api_root=source.url, collection=COLLECTION, token="word-of-mouth")
        with client() as line:
            list(EXCHANGE.pull(config, line, checkpoint="", resume=""))
            assert source.asked[0].headers["authorization"] == "Bearer word-of-mouth"
            with pytest.raises(SourceTrouble, match="the token has characters"):
                list(
                    EXCHANGE.pull(config.model_copy(update={"token": _secret("a\nb")}), line, checkpoint="", resume="")
                )
    with pytest.raises(ValidationError, match="either"):
        EXCHANGE.Config(api_root="https://x", collection="y", user="z", token="t")


def _secret(text: str) -> Any:
    return EXCHANGE.Config(api_root="https://x", collection="y", token=text).token  # type: ignore[attr-defined]


# --- the reference server --------------------------------------------------------------------------------------------


@contextmanager
def medallion(directory: Path, objects: list[dict[str, Any]]) -> Iterator[str]:
    from medallion import application_instance, register_blueprints, set_config

    data = directory / "data.json"
    data.write_text(json.dumps(_seed(objects)))
    backend = {
        "module": "medallion.backends.memory_backend",
        "module_class": "MemoryBackend",
        "filename": str(data),
    }
    set_config(application_instance, "backend", {"backend": backend})
    set_config(application_instance, "users", {"users": {"node": "word"}})
    set_config(application_instance, "taxii", {"taxii": {"max_page_size": 2}})
    register_blueprints(application_instance)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = make_server("127.0.0.1", port, application_instance)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()


def _seed(objects: list[dict[str, Any]]) -> dict[str, Any]:
    collection = {
        "id": COLLECTION, "title": "Known material", "can_read": True, "can_write": True,
        "media_types": ["application/stix+json;version=2.1"],
        "objects": objects,
        "manifest": [
            {"id": thing["id"], "date_added": time(n), "version": thing["modified"], "media_type": "x"}
            for n, thing in enumerate(objects)
        ],
    }  # fmt: skip
    root = {"title": "root", "versions": [TYPE], "max_content_length": 1_000_000}
    return {
        "/discovery": {"title": "A server", "default": "/api1/", "api_roots": ["/api1/"]},
        "api1": {"information": root, "status": [], "collections": [collection]},
    }


def test_the_reference_server_is_read_page_by_page_cut_and_read_on_and_tells_what_was_revoked(tmp_path: Path) -> None:
    with medallion(tmp_path, [indicator(key) for key in "abcd"] + [stix.identity()]) as url:
        settings = {"api_root": f"{url}/api1/", "collection": COLLECTION, "user": "node", "password": "word"}
        config = EXCHANGE.Config(**settings)
        with client() as line:
            assert EXCHANGE.check(config, line) == "collection Known material"
            pages = list(EXCHANGE.pull(config, line, checkpoint="", resume=""))
            assert len(pages) == 3
            assert set(standing(pages)) == {KEYS[key] for key in "abcd"}
            rest = list(EXCHANGE.pull(config, line, checkpoint="", resume=pages[0].resume))
            assert standing([pages[0], *rest]) == standing(pages)
            assert not standing(list(EXCHANGE.pull(config, line, checkpoint=pages[-1].checkpoint, resume="")))
            theirs = Collection(f"{url}/api1/collections/{COLLECTION}/", user="node", password="word")
            revoked = indicator("a", modified=AT + timedelta(days=1), revoked=True)
            theirs.add_objects({"objects": [revoked, indicator("e")]})
            later = list(EXCHANGE.pull(config, line, checkpoint=pages[-1].checkpoint, resume=""))
            assert set(standing(later, standing(pages))) == {KEYS[key] for key in "bcde"}
            with pytest.raises(SourceTrouble, match="does not admit"):
                list(EXCHANGE.pull(EXCHANGE.Config(**settings | {"password": "x"}), line, checkpoint="", resume=""))
