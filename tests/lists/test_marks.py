"""What lists of investigators say besides is kept where the operator lets it be, and handed on to nobody."""

import io

import pytest
from tests.configured import configured

from himaya.core import registry
from himaya.lists import queries, services
from himaya.lists.marks import Mark, marks_of
from himaya.lists.models import Item
from himaya.lists.organisations import own

pytestmark = pytest.mark.django_db
ICSE = (
    "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;"
    "Number of submissions;File Available;Media Type;Baseline\n"
    "0cc175b9c0f1b6a831c399e269772661;;;1;true;{first};false;{series};1;false;image;true\n"
    "92eb5ffee6ae2fec3ad71c777531578f;;;2;;true;;;1;false;image;true\n"
)


@pytest.fixture
def icse():
    return services.create_list("icse", title="ICSE", by="system")


def put(**said: str) -> services.ImportResult:
    content = io.BytesIO(ICSE.format(**{"first": "false", "series": "Lighthouse"} | said).encode())
    return services.import_items(services.find_list("icse"), stream=content, format_name="icse", by="system")


def told() -> list[set[tuple[str, str]]]:
    items = list(Item.objects.order_by("reference").values_list("pk", flat=True))
    found = marks_of(items)
    return [{(one.kind, one.value) for one in found.get(pk, [])} for pk in items]


def test_it_stays_behind_unless_the_operator_lets_it_be(icse):
    put()
    assert Item.objects.count() == 2
    assert not Mark.objects.exists()


def test_series_and_whether_anybody_was_identified_are_kept_with_who_says_so(icse):
    with configured(investigators_marks=True):
        put()
    assert told() == [
        {("series", "Lighthouse"), ("victim-identified", "no"), ("offender-identified", "no"), ("distributed", "yes")},
        {("victim-identified", "yes")},
    ]
    (found,) = marks_of([Item.objects.get(reference="2").pk]).values()
    assert [one.organisation for one in found] == [own().name]


def test_what_is_said_later_takes_the_place_of_what_the_same_organisation_said(icse):
    with configured(investigators_marks=True):
        put()
        again = put(first="true", series="")
        rows = Mark.objects.count()
        same = put(first="true", series="")
    assert told()[0] == {("victim-identified", "yes"), ("offender-identified", "no"), ("distributed", "yes")}
    assert again.changed == 0
    assert same.changed == 0
    assert Mark.objects.count() == rows == 4


def test_no_file_that_leaves_has_a_place_for_it(icse):
    with configured(investigators_marks=True):
        put()
        for name, format_ in registry.formats().items():
            text = b"".join(format_.render(queries.rows(icse)))
            assert b"Lighthouse" not in text, name
