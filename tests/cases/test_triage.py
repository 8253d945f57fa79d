"""Victim identification: by what lists say and people said, without a look at anything; and what cases share."""

import io

import pytest
from tests.casework import digest, match, opened
from tests.configured import configured

from himaya.cases import flagging, linking, triage
from himaya.lists import services
from himaya.lists.models import Item

pytestmark = pytest.mark.django_db
HEADER = (
    "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;"
    "Number of submissions;File Available;Media Type;Baseline\n"
)
MD5 = {"new": "0" * 32, "old": "1" * 32, "silent": "2" * 32}


@pytest.fixture
def items():
    """Items of a list of investigators: one child nobody has identified, one somebody has, and one nobody speaks of."""
    services.create_list("icse", title="ICSE", by="system")
    rows = [
        f"{MD5['new']};;;1;true;false;false;Lighthouse;1;false;image;true",
        f"{MD5['old']};;;2;true;true;true;Harbour;1;false;image;true",
        f"{MD5['silent']};;;3;;;;;1;false;image;true",
    ]
    content = io.BytesIO((HEADER + "\n".join(rows)).encode())
    with configured(investigators_marks=True):
        services.import_items(services.find_list("icse"), stream=content, format_name="icse", by="system")
    return {name: Item.objects.get(value=value).pk for name, value in MD5.items()}


def case_of(number: int, item: int, *, distance: int = 0, place: str = "") -> object:
    matched = match(number, item=item, list_name="icse", distance=distance, value=digest(number))
    return opened(number, matches=[matched], place=place)


def test_nobody_has_identified_the_child_is_told_apart_from_nobody_says(items):
    new, old, silent = (case_of(n, items[name]) for n, name in enumerate(("new", "old", "silent"), 1))
    assert list(triage.waiting(triage.NOBODY)) == [new]
    assert list(triage.waiting(triage.KNOWN)) == [old]
    assert list(triage.waiting(triage.UNSAID)) == [silent]
    found = triage.told([new, old, silent])
    assert [found[c.pk].standing for c in (new, old, silent)] == [triage.NOBODY, triage.KNOWN, triage.UNSAID]
    assert found[new.pk].series == ("Lighthouse",)


def test_what_nobody_has_listed_before_comes_first(items):
    seen, unseen = case_of(1, items["new"]), case_of(2, items["new"], distance=6)
    assert list(triage.waiting(triage.NOBODY)) == [unseen, seen]
    assert [triage.told([one])[one.pk].listed for one in (unseen, seen)] == [False, True]


def test_a_person_who_says_that_nobody_has_identified_the_child_is_believed_until_a_list_says_otherwise(items, people):
    silent, old = case_of(1, items["silent"]), case_of(2, items["old"])
    for case in (silent, old):
        flagging.flag_case(case.pk, person=people.reviewer, kind="unidentified", reason="No list names anybody.")
    assert list(triage.waiting(triage.NOBODY)) == [silent]
    assert list(triage.waiting(triage.KNOWN)) == [old]


def test_series_are_counted_and_narrow_the_page(items, sign_in):
    case_of(1, items["new"]), case_of(2, items["new"], distance=3), case_of(3, items["old"])
    assert [(one.name, one.open, one.decided) for one in triage.series()] == [("Lighthouse", 2, 0), ("Harbour", 1, 0)]
    page = sign_in("analyst").get("/cases/identification/?series=Lighthouse").content.decode()
    assert page.count(" data-open>") == 2
    assert "victim not identified" in page
    assert "the setting investigators_marks keeps it" in page
    assert sign_in("admin").get("/cases/identification/").status_code == 403


def test_cases_share_items_and_hosts_and_never_themselves(items, sign_in):
    one = case_of(1, items["new"], place="https://host.example/a/1.jpg")
    same_item = case_of(2, items["new"], place="https://other.example/2.jpg")
    same_host = case_of(3, items["old"], place="https://HOST.example:8443/3.jpg")
    case_of(4, items["silent"], place="https://nothost.example/host.example/4.jpg")
    found = linking.links(one)
    assert {case.pk: {thing.kind for thing in things} for case, things in found.cases} == {
        same_item.pk: {"item"},
        same_host.pk: {"host"},
    }
    page = sign_in("analyst").get(f"/cases/{one.pk}/links").content.decode()
    assert "2 cases share something with this one" in page
    assert page.count("<circle class=") == 1 + 2 + 2
    assert (
        "No other case shares anything" in sign_in("analyst").get(f"/cases/{same_host.pk + 1}/links").content.decode()
    )


def test_many_cases_are_drawn_up_to_a_number_and_the_rest_is_told(items):
    cases = [case_of(n, items["new"]) for n in range(1, linking.MOST_CASES + 4)]
    found = linking.links(cases[0])
    assert (len(found.cases), found.more) == (linking.MOST_CASES, 2)


def test_a_case_that_was_met_at_many_hosts_asks_of_few(items, django_assert_max_num_queries):
    case = case_of(1, items["new"])
    for n in range(3 * linking.MOST_HOSTS):
        case_of(1, items["new"], place=f"https://host-{n}.example/1.jpg")
    with django_assert_max_num_queries(2 * linking.MOST_HOSTS + 5):
        linking.links(case)


@pytest.mark.parametrize(("place", "host"), [
    ("https://user:secret@Host.Example./x", "host.example"),
    ("http://[2001:db8::1", ""),
    ("/srv/host.example/1.jpg", ""),
    ("https://xn--caf-dma.example/", "xn--caf-dma.example"),
])  # fmt: skip
def test_a_host_is_read_from_addresses_of_the_web_alone(place, host):
    assert linking.host_of(place) == host
