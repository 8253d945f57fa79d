"""What lies in the tree, and what must not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version
from tests.architecture import house

from himaya.core.terms.wording import AVOID, terms

PICTURES = re.compile(r"\.(png|jpe?g|gif|webp|bmp|tiff?|heic|avif|jxl|mp4|mov|webm|mkv|avi)$", re.I)
ADDRESS = re.compile(r"(https?|ftp|file|git|ssh)(\+\w+)?:|--(extra-)?index|--find-links|@\s*\w+:", re.I)
MACHINE = re.compile(r"(?<![\w.-])/(?:work|farm|root|home/\w+|Users/\w+)/")
LEAST = {
    "pillow": ("13.0.0", "CVE-2026-112403: a heap overflow in the JPEG decoder"),
    "django": ("5.2.19", "the security fixes of the long-term release"),
}
"""Distribution → (the least version, why)."""
AVOIDED = tuple(phrase for term in terms() if term.advice == AVOID for phrase in term.phrases)
"""Terms that the Luxembourg guidelines ask to avoid; here they are looked for in sources too, where all is quoted."""
QUOTED: dict[str, str] = {
    "src/himaya/core/terms/shipped/words.csv": "the words that are looked for",
    "src/himaya/core/cybertip/elements.csv": "values that NCMEC's schema takes",
    "src/himaya/core/cybertip/labels.py": "such a value, with the words by which our pages call it",
}
"""Files that have to quote one of them → why (the name of a law, a value of somebody else's format)."""


def pictures(paths: Iterable[str]) -> list[str]:
    """Pictures and films, outside the documentation and the console's own."""
    at_home = ("docs/", "src/himaya/site/static/")
    return [path for path in paths if PICTURES.search(path) and not path.startswith(at_home)]


def test_the_tree_holds_no_pictures_but_its_own() -> None:
    assert pictures(map(str, house.tracked())) == []


def test_a_picture_among_the_tests_is_found() -> None:
    assert pictures(["tests/media/a.PNG", "docs/screens/a.png", "tests/a.svg"]) == ["tests/media/a.PNG"]


def found_in(files: Mapping[str, str], pattern: re.Pattern[str]) -> list[str]:
    """Lines that match, as ``path:line: text``."""
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path, text in files.items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def locks() -> dict[str, str]:
    """The lock files."""
    return {path: text for path, text in house.texts().items() if path.endswith((".lock", "package-lock.json"))}


def test_locks_hold_no_addresses() -> None:
    assert set(locks()) >= {"requirements.lock", "requirements-dev.lock"}
    assert found_in(locks(), ADDRESS) == []


def test_an_address_in_a_lock_is_found() -> None:
    for line in ("--index-url https://x.example", "a @ git+ssh://x", "--find-links ../wheels", "a @ file:///x"):
        assert found_in({"requirements.lock": line}, ADDRESS)


def unpinned(text: str) -> list[str]:
    """Requirements without an exact version or without a hash."""
    blocks = re.split(r"\n(?=\S)", text.strip())
    return [
        block.split("\n")[0] for block in blocks if "==" not in block.split("\n")[0] or "--hash=sha256:" not in block
    ]


@pytest.mark.parametrize("name", sorted(locks()))
def test_locks_pin_versions_and_hashes(name: str) -> None:
    assert unpinned(locks()[name]) == []


def test_every_list_of_requirements_has_its_lock() -> None:
    wanted = {path.removesuffix(".in") for path in house.texts() if re.fullmatch(r"requirements[\w-]*\.in", path)}
    assert wanted == {path.removesuffix(".lock") for path in locks()}


def test_a_requirement_without_a_hash_is_found() -> None:
    assert unpinned("a==1 \\\n    --hash=sha256:00\nb==2\nc>=3 \\\n    --hash=sha256:00") == ["b==2", "c>=3 \\"]


def too_old(versions: Mapping[str, str]) -> list[str]:
    """Distributions below their least version."""
    return [f"{n} {versions[n]}: {why}" for n, (least, why) in LEAST.items() if Version(versions[n]) < Version(least)]


def test_what_is_locked_and_what_is_installed_is_new_enough() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==([^\s;]+)", house.texts()["requirements.lock"], re.M))
    assert too_old(pinned) == []
    assert too_old({name: version(name) for name in LEAST}) == []


def test_a_pillow_with_a_hole_is_found() -> None:
    assert len(too_old({"pillow": "12.3.0", "django": "5.2.19"})) == 1


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert found_in(house.texts(), MACHINE) == []


def test_a_place_on_somebodys_machine_is_found() -> None:
    for place in ("/root", "/work", "/home/ann", "/Users/ann"):
        assert found_in({"a.md": f"see {place}/x"}, MACHINE)
    assert not found_in({"a.md": "frame/work/x, himaya/root/y"}, MACHINE)


def words_to_avoid(files: Mapping[str, str]) -> list[str]:
    """Places with a term that the guidelines ask to avoid."""
    return found_in(files, re.compile("|".join(map(re.escape, AVOIDED)), re.I))


def test_texts_use_respectful_terms() -> None:
    read = {p: t for p, t in house.texts().items() if not p.startswith("tests/") and p not in QUOTED}
    assert words_to_avoid(read) == []


def test_a_term_to_avoid_is_found() -> None:
    assert words_to_avoid({"docs/a.md": f"An old name is {AVOIDED[0].title()}."})


def test_every_exception_to_the_terms_is_still_needed() -> None:
    assert [path for path in QUOTED if not words_to_avoid({path: house.texts().get(path, "")})] == []


def test_every_room_has_a_floor_and_every_floor_its_rooms() -> None:
    rooms = {p.parent.name for p in (house.PROJECT / "src/himaya").glob("*/__init__.py")}
    assert rooms == set().union(*house.floors())


def test_tests_choose_their_own_data() -> None:
    """Were Django's settings named in pytest's own configuration, they would be read before the conftest could move
    the data directory, and a test run would write into the data of whoever runs it."""
    assert "DJANGO_SETTINGS_MODULE" not in house.declared()["tool"]["pytest"]["ini_options"]  # type: ignore[index]
    from django.conf import settings

    assert Path(settings.DATABASES["default"]["NAME"]).is_relative_to("/tmp") or "postgresql" in str(settings.DATABASES)
