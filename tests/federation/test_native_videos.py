"""Videos on lists in Himaya's own form: their frames go along, and only those that the value is the digest of count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation
from tests.federation.hostile import Line, matching
from tests.repositories import ORGANISATION, delta, said

from himaya.core import registry
from himaya.core.statements import Statement
from himaya.core.words import unpacked
from himaya.lists.models import Body
from himaya.plugins.exchanges import himaya as plugin

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_published")]
vpdq = registry.signal("vpdq")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    with made.shelf.serving() as made.url:
        made.follow()
        made.run()
        yield made


def video(seed: int, number: int = 3) -> Statement:
    value, body = vpdq.read(json.dumps([f"{seed * 100_000 + n:064x},100,{n}.000" for n in range(1, number + 1)]))
    return replace(said(1, seed=seed)[0], signal="vpdq", value=value, parts=body)


def publish(line: Line, *new: Statement) -> None:
    line.stage.made.publish(ORGANISATION, delta(line.folder / "w", 1, 2, new))


def test_frames_go_along_with_a_video(line: Line) -> None:
    long = video(7, 20_000)  # as many as a video may have
    publish(line, video(5), long)
    line.run()
    assert {video(5).value, long.value} <= matching()
    assert bytes(Body.objects.get(item__value=long.value).data) == long.parts


def gettext_in_arabic(text: str) -> str:
    with translation.override("ar"):
        return translation.gettext(text)


def test_frames_of_another_video_are_refused_and_the_rest_is_taken(
    line: Line, sign_in: Callable[[str], Client]
) -> None:
    wrong = replace(video(5), parts=video(6).parts)
    torn = replace(video(8), parts=video(8).parts[:-1])
    strange = replace(said(1, seed=9)[0], parts=b"something")
    publish(line, wrong, torn, strange, video(7))
    before = matching()
    done = line.run()
    assert matching() - before == {video(7).value}
    assert done.refused == 3
    assert {str(unpacked(one["why"])) for one in done.first} == {
        "its parts are not those that its value is the digest of"
    }


def test_a_digest_alone_names_no_video_that_can_be_looked_for(line: Line) -> None:
    publish(line, replace(video(5), parts=b""))
    done = line.run()
    assert (done.refused, video(5).value in matching()) == (1, False)


def test_few_videos_make_a_page_where_they_are_long(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "HEAVY", 100)
    publish(line, *(video(seed, 4) for seed in range(5, 9)))
    done = line.run()
    assert {video(seed, 4).value for seed in range(5, 9)} <= matching()
    assert done.pages == 4 + 2  # a page each, of 148 bytes; one for what is left, one for the checkpoint
