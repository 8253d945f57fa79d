"""The queue: what waits, narrowed by links, page by page, and the next case with one button."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from tests.casework import digest, match, opened

from himaya.cases import queries, services
from himaya.ledger.queries import entries

pytestmark = pytest.mark.django_db
QUEUE = "/cases/"


def references(response) -> list[str]:
    """The cases on the page, in their order."""
    return re.findall(r'data-open>[^<]*<span class="unseen">, (H-\d{4}-\d{6})', response.content.decode())


def test_a_case_says_first_why_it_is_here(sign_in):
    case = opened(1)
    page = sign_in("reviewer").get(QUEUE).content.decode()
    row = page[page.index("<tbody>") : page.index("</tbody>")]
    assert "Close to a listed item" in row
    assert row.index("Close to a listed item") < row.index(case.reference)
    assert "4 of at most 31 bits apart" in row
    assert "Baseline (INTERPOL Baseline)" in row
    assert 'class="tile tile-row"' in row


def test_the_reason_tells_equal_files_from_near_pictures(sign_in):
    opened(1, signal="sha256", distance=0, radius=0)
    opened(2, distance=0)
    page = sign_in("reviewer").get(QUEUE).content.decode()
    assert "Same file as a listed one" in page
    assert "Equal to a listed item" in page
    assert "Close to a listed item" not in page


def test_what_waits_longest_comes_first(sign_in, clock):
    first = opened(1)
    clock.advance(timedelta(hours=2))
    second = opened(2)
    response = sign_in("reviewer").get(QUEUE)
    assert references(response) == [first.reference, second.reference]
    assert "2\N{NO-BREAK SPACE}hours ago" in response.content.decode()


def test_filters_are_links_that_can_be_shared(sign_in, people):
    free, mine, decided = opened(1), opened(2), opened(3, list_name="partner")
    services.claim(mine.pk, person=people.reviewer)
    services.claim(decided.pk, person=people.lead)
    services.decide(decided.pk, person=people.lead, scheme="interpol", code="baseline", reason="Agrees.")
    client = sign_in("reviewer")
    shown = {state: references(client.get(QUEUE, {"state": state})) for state in ("open", "mine", "free", "decided")}
    assert shown == {
        "open": [free.reference, mine.reference],
        "mine": [mine.reference],
        "free": [free.reference],
        "decided": [decided.reference],
    }
    assert references(client.get(QUEUE, {"state": "decided", "list": "hotline"})) == []
    assert references(client.get(QUEUE, {"state": "open", "signal": "md5"})) == []
    page = client.get(QUEUE, {"state": "decided", "list": "partner"}).content.decode()
    assert re.search(r'href="/cases/\?state=mine&amp;list=partner"', page)


@pytest.mark.parametrize("words", ["H-2026-{pk:06d}", "{pk}", "holiday", "{digest}", "special-list"])
def test_a_case_is_found_by_its_number_its_place_its_fingerprint_or_its_list(sign_in, words):
    case = opened(1, place="/srv/holiday/1.jpg", list_name="special-list")
    opened(2)
    asked = words.format(pk=case.pk, digest=digest(1))
    response = sign_in("reviewer").get(QUEUE, {"q": asked})
    assert references(response) == [case.reference]
    assert "1 case found" in response.content.decode()


def test_a_search_that_finds_nothing_says_what_can_be_searched(sign_in):
    opened(1)
    page = sign_in("reviewer").get(QUEUE, {"q": "<b>nowhere</b>\0"}).content.decode()
    assert "Nothing was found" in page
    assert "<b>nowhere" not in page


def test_an_empty_queue_says_so_and_what_to_do(sign_in):
    page = sign_in("analyst").get(QUEUE).content.decode()
    assert "The queue is empty" in page
    assert 'href="/lists/"' in page


def test_pages_follow_one_another_by_key_in_both_directions(sign_in, clock):
    expected = []
    for number in range(120):
        clock.advance(timedelta(seconds=number % 2))  # pairs of the same moment: the key decides
        expected.append(opened(number).reference)
    client = sign_in("auditor")
    pages, address = [], QUEUE
    while address:
        response = client.get(address)
        pages.append(references(response))
        address = link(response, "next")
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [*pages[0], *pages[1], *pages[2]] == expected
    back = client.get(link(response, "prev"))
    assert references(back) == pages[1]
    assert references(client.get(link(back, "prev"))) == pages[0]
    assert link(client.get(link(back, "prev")), "prev") == ""


def link(response, rel: str) -> str:
    """Where the page leads to: the next or the previous one; empty where it does not."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return QUEUE + "?" + urlsplit(found[1].replace("&amp;", "&")).query if found else ""


def test_a_page_holds_its_place_while_cases_come_and_go(people, clock):
    cases = []
    for number in range(4):
        clock.advance(timedelta(minutes=1))
        cases.append(opened(number))
    first = queries.page(queries.queue(), size=2)
    services.claim(cases[0].pk, person=people.reviewer)
    services.decide(cases[0].pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")
    assert [case.pk for case in queries.page(queries.queue(), after=first.after, size=2).cases] == [
        cases[2].pk,
        cases[3].pk,
    ]


@pytest.mark.parametrize("given", ["x", "-1", "9" * 30, "1e3", "٣"])
def test_a_key_that_is_none_gives_the_first_page(sign_in, given):
    case = opened(1)
    assert references(sign_in("reviewer").get(QUEUE, {"after": given})) == [case.reference]


def test_the_next_case_is_the_free_one_that_waits_longest(sign_in, people, clock):
    cases = []
    for number in range(3):
        cases.append(opened(number))
        clock.advance(timedelta(minutes=1))
    services.claim(cases[0].pk, person=people.lead)
    response = sign_in("reviewer").post("/cases/next/claim")
    assert response.url == f"/cases/{cases[1].pk}/"
    assert queries.case(cases[1].pk).holder() == people.reviewer


def test_whoever_holds_cases_is_led_to_the_oldest_of_them_before_they_get_one_more(sign_in, people, clock):
    cases = []
    for number in range(4):
        cases.append(opened(number))
        clock.advance(timedelta(minutes=1))
    client = sign_in("reviewer")
    for case in (cases[2], cases[1]):
        services.claim(case.pk, person=people.reviewer)
    assert "Go on: you hold 2 cases" in client.get(QUEUE).content.decode()
    assert "Go on: you hold 2 cases" in client.get("/").content.decode()
    led = client.post("/cases/next/claim", follow=True)
    assert led.redirect_chain == [(f"/cases/{cases[1].pk}/", 302)]
    assert "You hold 2 cases; this one comes first." in led.content.decode()
    assert 'name="more"' in led.content.decode()
    assert client.post("/cases/next/claim", {"more": "1"}).url == f"/cases/{cases[0].pk}/"
    assert client.post("/cases/next/claim", {"more": "1"}).url == f"/cases/{cases[3].pk}/"
    none_left = client.post("/cases/next/claim", {"more": "1"}, follow=True)
    assert none_left.redirect_chain == [(f"{QUEUE}?state=mine", 302)]
    assert "No case is free. Those that you hold wait for you." in none_left.content.decode()
    assert "Nothing waits for you" not in none_left.content.decode()


def test_an_equal_file_counts_for_more_than_an_equal_picture(sign_in):
    perceptual, exact = match(1, distance=0), match(2, distance=0, signal="md5", list_name="partner")
    case = opened(1, matches=[perceptual, exact])
    client = sign_in("reviewer")
    assert "Same file as a listed one" in client.get(QUEUE).content.decode()
    page = client.get(f"/cases/{case.pk}/").content.decode()
    assert "<h1>Same file as a listed one</h1>" in page
    assert page.index("byte for byte") < page.index("PDQ, equal")
    assert entries(about=case.about).get(act="case.opened").data["signal"] == "md5"


def test_a_row_says_why_it_answers_what_was_asked(sign_in):
    near = match(1, distance=0)
    far = match(2, distance=9, list_name="partner")
    opened(1, matches=[near, far, match(3, distance=0, radius=0, signal="md5", value="ab" * 16)])
    client = sign_in("reviewer")
    shown = {
        key: client.get(QUEUE, {name: key}).content.decode().partition("<tbody>")[2]
        for name, key in (("signal", "pdq"), ("signal", "md5"), ("list", "partner"), ("q", "ab" * 16), ("q", digest(2)))
    }
    assert "Equal to a listed item" in shown["pdq"]
    assert "Same file" in shown["md5"]
    assert "9 of at most 31" in shown["partner"]
    assert "Same file" in shown["ab" * 16]
    assert "9 of at most 31" in shown[digest(2)]


def test_where_no_case_is_free_the_next_one_is_none(sign_in):
    response = sign_in("analyst").post("/cases/next/claim", follow=True)
    assert response.redirect_chain == [(QUEUE, 302)]
    assert "No case is free" in response.content.decode()


def test_an_auditor_sees_the_queue_and_can_claim_nothing(sign_in):
    case = opened(1)
    auditor = sign_in("auditor")
    page = auditor.get(QUEUE).content.decode()
    assert case.reference in page
    assert "data-claim" not in page
    assert auditor.post("/cases/next/claim").status_code == 403
    assert auditor.post(f"/cases/{case.pk}/claim").status_code == 403


def test_an_administrator_sees_no_case(sign_in):
    case = opened(1)
    response = sign_in("admin").get(QUEUE)
    assert response.status_code == 403
    assert case.reference not in response.content.decode()


def test_whoever_is_not_signed_in_is_asked_to(db):
    assert Client().get(QUEUE + "?state=mine").url == "/accounts/login/?next=/cases/%3Fstate%3Dmine"


def test_the_queue_asks_the_database_as_often_for_fifty_cases_as_for_five(
    sign_in, people, django_assert_max_num_queries
):
    for number in range(50):
        case = opened(number)
        if number % 2:
            services.claim(case.pk, person=people.lead)
    client = sign_in("reviewer")
    client.get(QUEUE)
    with django_assert_max_num_queries(18):
        assert len(references(client.get(QUEUE))) == 50


def test_a_fingerprint_is_looked_for_by_an_index_and_a_place_once(sign_in):
    case = opened(1)
    assert "cases_sighting" not in str(queries.queue(search=digest(1).upper()).query)
    client = sign_in("auditor")
    page = client.get("/cases/", {"q": digest(1)}).content.decode()
    assert case.reference in page
    assert page.count('class="count"') > 3
    page = client.get("/cases/", {"q": "uploads"}).content.decode()
    assert case.reference in page
    assert page.count('class="count"') == 0
