"""After the verdict: the next case, and what cannot be taken back when a case is opened again."""

import re
from dataclasses import replace

import pytest
from tests.browsing import words as text
from tests.casework import match, opened
from tests.configured import configured

from himaya.cases import services
from himaya.cases.services import Seen
from himaya.ledger import worker
from himaya.ledger.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def case():
    return opened(1)


@pytest.fixture
def decided(case, people):
    services.claim(case.pk, person=people.reviewer)
    return services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")


def test_after_the_verdict_the_next_case_is_one_key_away(decided, sign_in, people):
    page = sign_in("reviewer").get(f"/cases/{decided.pk}/")
    assert re.search(r'action="/cases/next/claim">.*?data-key="n">Claim the next case', page.content.decode())
    assert "Back to the queue" in text(page)
    assert ("n", "The next case") in page.context["page_keys"]
    auditor = sign_in("auditor").get(f"/cases/{decided.pk}/")
    assert "/cases/next/claim" not in auditor.content.decode()
    assert "Back to the queue" in text(auditor)
    services.claim(opened(2).pk, person=people.reviewer)
    assert "Go on with the case that you hold" in text(sign_in("reviewer").get(f"/cases/{decided.pk}/"))


def test_what_arrived_is_named_before_and_after_a_case_is_opened_again(decided, sign_in):
    client, address = sign_in("lead"), f"/cases/{decided.pk}/"
    routes = [{"name": name, "channel": "console"} for name in ("hotline", "partner")]
    with configured(reports=routes, notices=[{"name": "host", "channel": "console"}], second_factor=False):
        assert "cannot be taken back" not in text(client.get(address))
        worker.run_until_idle()
        Job.objects.filter(pk=Job.objects.latest("pk").pk).update(state=Job.UNKNOWN)  # the notice
        told = (
            "2 reports have arrived: partner, hotline. 1 notice may have arrived: host. "
            "It cannot be taken back: a person must tell the recipients."
        )
        assert told in text(client.get(address)).partition("Open it again")[2]
        page = text(client.post(f"{address}reopen", {"reason": "Wrong class."}, follow=True))
    assert f"A verdict that no longer holds was told outside. {told}" in page


def test_a_case_says_how_often_and_at_how_many_places_it_was_seen(case, sign_in):
    seen = Seen(case.subject, case.fingerprints, [match(1)], "scan", "scan-1", "")
    for occasion, place in (("scan-2", "/srv/uploads/1.jpg"), ("scan-3", "/srv/copy.jpg"), ("scan-4", "")):
        services.open_case(replace(seen, occasion=occasion, place=place), by="system")
    for page in ("", "sightings"):
        assert "seen 4 times at 2 places" in text(sign_in("reviewer").get(f"/cases/{case.pk}/{page}"))
