"""Options of a screening: a picture that was turned, mirrored or put between bars is found where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from tests.browsing import words
from tests.configured import configured
from tests.core.test_sketch import vivid
from tests.hma.conftest import Hma
from tests.program import Program

from himaya.cases import words as said
from himaya.core import drawing, registry
from himaya.core.contents import Content as Bytes
from himaya.core.pdq import ORIENTATIONS
from himaya.core.ports import ItemRow, Options
from himaya.lists.services import add_items, create_list
from himaya.screening import scanning, services

PICTURE = drawing.landscape(8)
TURNED, BOTH = Options(orientations=True), Options(orientations=True, letterbox=True)


def png(pixels: np.ndarray) -> bytes:
    return drawing.encode(np.ascontiguousarray(pixels), "PNG")


def boxed(pixels: np.ndarray) -> np.ndarray:
    """With black bars above and below, a quarter of the height each."""
    return np.pad(pixels, ((len(pixels) // 4,) * 2, (0, 0), (0, 0)))


@pytest.fixture
def listed(db: None) -> None:
    value = registry.signal("pdq").compute(Bytes(png(PICTURE)))[0].value
    add_items(create_list("hotline", by="system"), rows=[ItemRow(0, "pdq", value)], by="system")


def variants(pixels: np.ndarray, options: Options | None = None, *, origin: str = "cli") -> list[str]:
    things = [services.Content(png(pixels), "somewhere.png")]
    [answer] = services.screen(things, by="system", origin=origin, occasion="1", options=options)
    return [match.variant for match in answer.matches]


def test_a_turned_picture_is_found_where_that_is_asked_for(listed: None) -> None:
    upside_down = PICTURE[::-1]
    assert variants(upside_down) == []
    assert variants(upside_down, Options(letterbox=True)) == []
    assert variants(upside_down, TURNED) == ["flip-vertical"]
    assert variants(np.rot90(PICTURE), TURNED) == ["r270"]
    with configured(orientations=True):
        assert variants(np.fliplr(PICTURE)) == ["flip-horizontal"]


def test_a_picture_between_bars_is_found_where_that_is_asked_for(listed: None) -> None:
    assert variants(boxed(PICTURE)) == []
    assert variants(boxed(PICTURE), Options(letterbox=True)) == ["unletterboxed"]
    assert variants(boxed(PICTURE)[:, ::-1], BOTH) == ["unletterboxed+flip-horizontal"]


def test_the_fingerprint_that_is_told_stays_the_canonical_one(listed: None) -> None:
    things = [services.Content(png(boxed(PICTURE)), "")]
    plain, more = services.look(things), services.look(things, options=BOTH)
    assert plain.answers[0].fingerprints == more.answers[0].fingerprints


def test_a_scan_and_the_form_have_the_options_too(listed: None, tmp_path: Path) -> None:
    program = Program("screen")
    (tmp_path / "a.png").write_bytes(png(PICTURE[::-1]))
    assert scanning.scan([str(tmp_path)], by="system").hits == 0
    assert scanning.scan([str(tmp_path)], by="system", way=scanning.Way(orientations=True)).hits == 1

    def hits(**fields: str) -> int:
        return int(program.upload(png(PICTURE[::-1]), **fields).json()["hits"])

    assert [hits(), hits(orientations="true"), hits(orientations="false")] == [0, 1, 0]


def test_exact_decoding_reaches_the_child_that_decodes(listed: None, tmp_path: Path) -> None:
    content = drawing.encode(vivid(drawing.landscape(12, width=1100, height=1030)), quality=60)
    short, exact = (registry.signal("pdq").compute(Bytes(content), Options(exact=so))[0].value for so in (False, True))
    assert short != exact, "else this shows nothing"
    (tmp_path / "a.jpg").write_bytes(content)

    def values() -> set[str]:
        [screened] = services.screen([services.Content(content, "")], by="system", origin="cli", occasion="1")
        answers: list[services.Answer] = []
        scanning.scan([str(tmp_path)], by="system", on_batch=lambda _, batch: answers.extend(batch))
        hashed = Hma().upload("/h/hash", content).json()["pdq"]
        return {
            hashed,
            *(value for one in (screened, *answers) for name, value, _ in one.fingerprints if name == "pdq"),
        }

    assert values() == {short}
    with configured(exact_decode=True):
        assert values() == {exact}


def test_the_page_of_a_case_says_how_the_picture_was_turned(
    listed: None, sign_in: Callable[[str], Client]
) -> None:  # fmt: skip
    things = [services.Content(png(boxed(PICTURE)[::-1]), "somewhere.png")]
    [answer] = services.screen(things, by="system", origin="cli", occasion="1", options=BOTH)
    assert answer.case is not None
    page = words(sign_in("reviewer").get(f"/cases/{answer.case.pk}/"))
    assert "without the bars at its edges, mirrored, top to bottom" in page


def test_every_variant_has_words() -> None:
    assert {*filter(None, ORIENTATIONS), "as-stored", "unletterboxed"} == set(said.VARIANTS)
