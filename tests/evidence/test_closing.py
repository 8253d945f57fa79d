"""Why something is read stands in no chain that others get: custody commits to it, and its own bundle opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from tests.browsing import words
from tests.evidence.conftest import Keep
from tests.evidence.test_granting import proof

from himaya.core.bundles.alone.program import Outcome, verify_bundle
from himaya.core.bundles.report import Language
from himaya.core.vault.recipients import Identity
from himaya.evidence import custody
from himaya.evidence.bundling import hand_over
from himaya.evidence.closing import READING_OPENING, closed_reading
from himaya.evidence.granting import ask_access, grant_access, read_exhibit
from himaya.evidence.models import Access, Exhibit

SignIn = Callable[[str], Client]
WHY = "the examining magistrate of the north asks for it"


@pytest.fixture
def granted(people: SimpleNamespace) -> Callable[..., Access]:
    def made(exhibit: Exhibit, reason: str = WHY) -> Access:
        facts = {"purpose": "court", "reason": reason, "recipient": str(Identity.new().recipient)}
        access = ask_access([exhibit], person=people.reviewer, **facts)
        return grant_access(access.pk, person=people.lead, proof=proof())

    return made


@pytest.fixture
def bundled(granted: Any, people: SimpleNamespace, tmp_path: Path) -> Callable[..., Outcome]:
    """What the program of experts says of a bundle of an exhibit."""

    def made(exhibit: Exhibit, reason: str = WHY) -> Outcome:
        access = granted(exhibit, reason)
        path = tmp_path / f"{access.pk}.zip"
        with path.open("wb") as file:
            hand_over(access.pk, person=people.reviewer).write(file, languages=[Language("en")])
        return verify_bundle(str(path))

    return made


def test_a_later_recipient_reads_neither_reason_nor_key_of_an_earlier_one(
    keep: Keep, bundled: Callable[..., Outcome], granted: Any, people: SimpleNamespace
) -> None:
    exhibit = keep()
    access = granted(exhibit)
    list(read_exhibit(exhibit, access=access.pk, person=people.reviewer))
    first, second = bundled(exhibit, "an order of the south"), bundled(exhibit, "an order of the west")
    chain = b"".join(custody.lines(exhibit)).decode()
    for one in Access.objects.all():
        assert one.reason not in chain
        assert one.recipient not in chain
        assert closed_reading(one).commitment in chain
    for outcome, own in ((first, "an order of the south"), (second, "an order of the west")):
        assert not outcome.problems
        (told,) = [each for each in outcome.proved if READING_OPENING in each]
        assert own in told
    assert "step 1 of its custody: the reading" in first.not_opened[0]
    assert "steps 1, 2 of its custody: the reading" in second.not_opened[0]


def test_the_page_of_the_exhibit_shows_the_words(
    keep: Keep, granted: Any, people: SimpleNamespace, sign_in: SignIn
) -> None:
    exhibit = keep()
    access = granted(exhibit)
    list(read_exhibit(exhibit, access=access.pk, person=people.reviewer))
    page = sign_in("auditor").get(f"/evidence/exhibits/{exhibit.pk}/")
    assert f"reason {WHY}" in words(page)
    assert access.recipient in page.content.decode()
    assert closed_reading(access).commitment not in page.content.decode()


def test_what_another_node_commits_to_is_not_opened_with_our_words(keep: Keep, granted: Any, sign_in: SignIn) -> None:
    """The number of a request there is that of another request here."""
    exhibit = keep()
    access = granted(exhibit)
    theirs = "ab" * 32
    with transaction.atomic():
        custody.add_step(exhibit, act="analyse", by="person:1", facts={"access": access.pk, "reading": theirs})
    page = words(sign_in("auditor").get(f"/evidence/exhibits/{exhibit.pk}/"))
    assert f"commitment to the reason {theirs[:8]}" in page
    assert f"reason {WHY}" not in page


def test_an_older_line_that_tells_its_reason_stays_readable_and_proved(keep: Keep, sign_in: SignIn) -> None:
    exhibit = keep()
    older = {"to": "person:1", "access": 1, "reason": "told in clear", "recipient": "age1older"}
    with transaction.atomic():
        custody.add_step(exhibit, act="analyse", by="person:1", facts=older)
    assert len(custody.check(exhibit)) == 2
    page = words(sign_in("auditor").get(f"/evidence/exhibits/{exhibit.pk}/"))
    assert "reason told in clear" in page
    assert "age1older" in page
