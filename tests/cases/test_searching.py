"""Cases are found by the words of notes, reasons and places: alike on both databases."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.casework import digest, opened

from himaya.cases import queries, services
from himaya.cases.models import Case
from himaya.cases.searching import keep_words, with_words
from himaya.core.tokens import phrases, tokens

pytestmark = pytest.mark.django_db


def found(asked: str) -> list[int]:
    return [case.pk for case in queries.queue(state="", search=asked)]


def test_a_case_is_found_by_where_it_was_met_what_was_noted_and_why_it_was_decided(people):
    met = opened(1, place="https://host.example/albums/summer/7.jpg")
    noted, decided = opened(2), opened(3)
    services.comment(noted.pk, person=people.reviewer, text="The same account as in the Café group.")
    services.claim(decided.pk, person=people.reviewer)
    services.decide(decided.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Same as Ω-series.")
    assert found("host.example/albums") == found("SUMMER") == [met.pk]
    assert found("cafe") == found("account group") == [noted.pk]
    assert found("ω-ser") == [decided.pk]
    assert found("account summer") == found("summer albums/7") == []


def test_words_have_to_stand_as_they_were_typed_and_the_last_may_go_on():
    case = opened(1, place="/srv/uploads/2026-01/17.jpg")
    for asked in ("uploads/2026", "uploads/2026-01/1", "17.jpg", "srv 17"):
        assert found(asked) == [case.pk], asked
    for asked in ("uploads/01", "7.jpg", "srv/2026", "load"):
        assert found(asked) == [], asked


def test_a_sighting_that_is_told_again_adds_no_words_and_a_new_one_does():
    case = opened(1, place="/srv/a.jpg")
    before = list(queries.queue(state="", search="srv"))
    opened(1, place="/srv/a.jpg")
    assert list(queries.queue(state="", search="srv")) == before == [case]
    opened(1, place="/mirror/b.jpg")
    assert found("mirror") == [case.pk]


def test_signs_that_a_database_takes_for_its_own_are_words_or_nothing():
    case = opened(1, place='/srv/it\'s "here" AND NOT there* & (so): b:* <-> !x')
    for asked in ("it's", '"here"', "AND NOT", "there*", "(so):", "b:*", "<->", "!x", "&", "*", "\\"):
        assert with_words(asked) is None or found(asked) == [case.pk], asked
    assert found("NEAR(") == found("digest") == []
    assert found(digest(1)) == [case.pk]


WORDS = st.text("aбé儿١ß_7 -/.", min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(WORDS, min_size=1, max_size=4), asked=WORDS)
def test_the_index_finds_what_reading_every_text_would(texts, asked):
    first = Case.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    cases = [opened(first + n + 10, place=" ") for n in range(len(texts))]
    keep_words(zip(cases, texts, strict=True))
    parts = phrases(asked)
    wanted = {c.pk for c, text in zip(cases, texts, strict=True) if all(_in(part, tokens(text)) for part in parts)}
    query = with_words(asked)
    assert query is None or set(Case.objects.filter(query, pk__gt=first).values_list("pk", flat=True)) == wanted
    assert (query is None) == (not parts)


def _in(part: list[str], words: list[str]) -> bool:
    """Whether the words stand in the text beside one another, the last of them perhaps longer."""
    size = len(part)
    places = (words[start : start + size] for start in range(len(words) - size + 1))
    return any(place[:-1] == part[:-1] and place[-1].startswith(part[-1]) for place in places)
