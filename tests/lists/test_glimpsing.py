"""Who decides on a proposed import sees what the file says, and that it is still the one that was proposed."""

from __future__ import annotations

import io
import shutil
from types import SimpleNamespace

import pytest
from tests.browsing import words
from tests.program import sha256
from tests.windows import signed_in

from himaya.accounts.models import Person
from himaya.core.config import config
from himaya.ledger.queries import head
from himaya.lists import glimpsing, proposals, services
from himaya.lists.canaries import _DRAWN
from himaya.lists.glimpsing import glimpse
from himaya.lists.models import HashList, Proposal
from himaya.lists.previewing import ROWS

pytestmark = pytest.mark.usefixtures("sign_in")


@pytest.fixture
def common(hotline: HashList, people: SimpleNamespace) -> HashList:
    shutil.rmtree(config().data / "proposals", ignore_errors=True)
    return services.change_list("hotline", by=people.lead.actor, common=True)


@pytest.fixture
def other(people: SimpleNamespace) -> Person:
    """A second lead."""
    return Person.objects.create(username="other", name="Other", role="lead", password="!")


def proposed(to: HashList, content: bytes, *, by: str) -> Proposal:
    stream = io.BytesIO(content)
    with pytest.raises(services.NeedsSecond) as needed:
        services.import_items(to, stream=stream, format_name="csv", by=by, accept_good=True)
    return proposals.propose(needed.value, by=by, file=stream)


def content(number: int) -> bytes:
    good = "".join(f"sha256,{sha256(str(n))},{'interpol,baseline' if n % 3 else ','}\n" for n in range(number))
    return f"signal,value,scheme,code\n{good}sha256,xyz,,\npdq,{_DRAWN[0]},,\n".encode()


def test_whoever_decides_sees_rows_classes_and_refused_lines(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    made = proposed(common, content(30), by=people.lead.actor)
    client = signed_in(other)
    before = head()
    for _ in range(2):
        page = client.get(f"/lists/proposals/{made.pk}")
        text = words(page)
        assert "Approve: do it" in text
        assert f"the first {ROWS} of 30" in text
        assert [n for _, n in page.context["file"]["classes"]] == [20, 10]
        assert [line["line"] for line in page.context["file"]["refusals"]] == [32, 33]
        assert "xyz" in text
        assert "1 line matches a picture that was drawn to be benign" in text
        assert [row["value"] for row in page.context["file"]["rows"][:2]] == [sha256("0"), sha256("1")]
    assert head() == before, "who looks at it again has done nothing"


def test_a_file_that_was_changed_is_told_even_where_it_was_seen_before(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    made = proposed(common, content(3), by=people.lead.actor)
    client = signed_in(other)
    assert client.get(f"/lists/proposals/{made.pk}").context["file"]["rows"]
    (config().data / "proposals" / made.file).write_bytes(content(4))
    page = client.get(f"/lists/proposals/{made.pk}")
    assert "not the one that was proposed" in words(page)
    assert "As they will be taken" not in words(page)


def test_of_a_long_file_the_beginning_is_read_and_the_page_says_so(
    common: HashList, people: SimpleNamespace, other: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glimpsing, "MOST", 10)
    made = proposed(common, content(30), by=people.lead.actor)
    seen = glimpse(made)
    assert (seen.good, seen.refused, seen.whole) == (10, 0, False)
    assert "The file is long" in words(signed_in(other).get(f"/lists/proposals/{made.pk}"))


def test_a_proposal_that_was_decided_shows_no_file(common: HashList, people: SimpleNamespace, other: Person) -> None:
    made = proposed(common, content(3), by=people.lead.actor)
    proposals.refuse(made.pk, person=other, reason="Not ours.")
    page = signed_in(other).get(f"/lists/proposals/{made.pk}")
    assert (page.status_code, page.context["file"]) == (200, None)
