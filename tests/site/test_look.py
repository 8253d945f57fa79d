"""The look keeps its word: contrast, both directions, no inline style or script, and vendored files as they were."""

import hashlib
import itertools
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.template import Context, Engine
from django.utils import translation
from django.utils.formats import localize

from himaya.site.templatetags import look

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "src/himaya/site"
TOKENS = (SITE / "static/himaya/tokens.css").read_text()
STYLE = (SITE / "static/himaya/himaya.css").read_text()
TEMPLATES = sorted((ROOT / "src/himaya").glob("*/templates/**/*.html"))
COLOURS = ("ink", "muted", "brand", "wait", "danger", "ok", "info")


def colours(opening: str) -> dict[str, str]:
    """The colours of the first block of tokens.css that begins with `opening`."""
    block = TOKENS[TOKENS.index(opening) :].split("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9A-F]{6});", block))


LIGHT = colours(":root {")
DARK = colours(':root:not([data-theme="light"]) {')


def luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_word_can_be_read_on_every_ground(theme):
    pairs = [*itertools.product(COLOURS, ("bg", "surface", "soft")), ("on-brand", "brand")]
    faint = {pair: contrast(theme[pair[0]], theme[pair[1]]) for pair in pairs}
    assert {pair: value for pair, value in faint.items() if value < 5} == {}


def test_dark_by_wish_is_dark_by_device():
    assert colours(':root[data-theme="dark"] {') == DARK
    assert LIGHT.keys() == DARK.keys()


def test_the_style_knows_no_left_and_no_right():
    physical = r"(?<![\w-])(?:(?:margin|padding|border)-)?(?:left|right)\s*:|(?:text-align|float)\s*:\s*(?:left|right)"
    assert re.findall(physical, STYLE + TOKENS) == []
    four_sided = re.findall(r"(?:margin|padding|inset):\s*([^;]+);", STYLE)
    lopsided = [value for value in four_sided if len(sides := sizes(value)) == 4 and sides[1] != sides[3]]
    assert lopsided == []


def sizes(value: str) -> list[str]:
    """The parts of a shorthand; what stands in brackets stays together."""
    return re.findall(r"[\w.-]*\([^)]*\)|\S+", value)


def test_colours_come_from_the_tokens():
    assert set(re.findall(r"#[0-9A-Fa-f]{3,8}\b", STYLE)) == {"#FFFFFF"}  # a QR code needs white in the dark too


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "src/himaya")))
def test_a_template_carries_no_style_and_no_script(path):
    text = re.sub(r"{% comment %}.*?{% endcomment %}|{#.*?#}", "", path.read_text(), flags=re.DOTALL)
    assert re.findall(r"\sstyle=|\son[a-z]+=|<style|javascript:|[\"']data:", text) == []
    scripts = re.findall(r"<script([^>]*)>", text)
    assert [
        attributes for attributes in scripts if "src=" not in attributes and "application/json" not in attributes
    ] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "src/himaya")))
def test_every_icon_is_in_the_sprite(path):
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (SITE / "templates/parts/sprite.html").read_text()))
    assert set(re.findall(r'<use href="#([\w-]+)"', path.read_text())) <= drawn


def test_vendored_files_are_what_the_manifest_says():
    rows = json.loads((ROOT / "tools/MANIFEST.json").read_text())
    assert {row["file"]: hashlib.sha256((ROOT / row["file"]).read_bytes()).hexdigest() for row in rows} == {
        row["file"]: row["sha256"] for row in rows
    }
    assert b"sourceMappingURL" not in b"".join((ROOT / row["file"]).read_bytes() for row in rows)


def test_a_tile_shows_the_bits_of_the_fingerprint():
    assert look.cells("0" * 64) == ""
    assert look.cells("8001" + "0" * 60) == "M0 0h1v1h-1zM15 0h1v1h-1z"
    assert look.cells("f" * 64).count("M") == 16
    assert look.cells("abc") == look.cells(hashlib.sha256(b"abc").hexdigest())


@pytest.mark.parametrize(("value", "top"), [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (99, 100), (201, 500)])
def test_a_plot_ends_at_a_round_number(value, top):
    assert look.round_up(value) == top


def test_a_plot_is_drawn_in_numbers_that_svg_reads_in_every_language():
    engine = Engine(
        dirs=[SITE / "templates"], libraries={name: f"django.templatetags.{name}" for name in ("i18n", "l10n")}
    )
    rows = [{"label": f"{hour:02}", "value": hour * 1000} for hour in range(24)]
    for language in ("en", "ar"):
        with translation.override(language):
            plot = look.bars(rows, title="When?", across="hour", up="matches")
            page, highest = engine.get_template("parts/bars.html").render(Context(plot)), localize(23_000)
        numbers = re.findall(r'<rect [^>]*?x="([^"]+)%" y="([^"]+)" width="([^"]+)%" height="([^"]+)"', page)
        assert len(numbers) == 24
        assert re.findall(r'class="value"[^>]*>([^<]+)<', page) == [highest]
        assert all(float(x) + float(width) <= 100 and float(y) >= look.CEILING for x, y, width, _ in numbers)


def test_an_empty_plot_is_still_a_plot():
    assert look.bars([], title="", across="", up="")["plot"]["bars"] == []
    [only] = look.bars([{"label": "a", "value": 0}], title="", across="", up="")["plot"]["bars"]
    assert (only.height, only.peak) == (0, False)


def test_a_time_looks_the_same_on_every_page():
    at = datetime(2026, 11, 4, 9, 5, 7, tzinfo=UTC)
    assert look.moment(at) == '<time datetime="2026-11-04T09:05:07+00:00">4 Nov 2026, 09:05 UTC</time>'
    assert look.moment(at, "seconds").endswith("09:05:07 UTC</time>")
    assert look.day(at) == '<time datetime="2026-11-04T09:05:07+00:00">4 Nov 2026</time>'
    assert (look.moment(None), look.day(None)) == ("", "")
    with translation.override("ar"):
        assert "نوفمبر" in look.moment(at)


def test_no_page_has_a_way_of_its_own_to_write_a_date():
    odd = re.compile(r'\|date:"(DATE_FORMAT|j [FM] Y|H:i:s)')
    own = {str(path.relative_to(SITE)) for path in TEMPLATES if SITE in path.parents and odd.search(path.read_text())}
    rooms = {path.name for path in TEMPLATES if SITE not in path.parents and odd.search(path.read_text())}
    assert own == rooms == set()


def test_of_several_highest_bars_each_has_its_value_where_there_is_room():
    def named(rows: int) -> int:
        return sum(bar.peak for bar in look.drawn([{"label": str(n), "value": 2} for n in range(rows)], top=2, ticks=6))

    assert (named(3), named(24)) == (3, 1)
