"""Errors in the language of whoever reads them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.casework import opened

from himaya.accounts import words
from himaya.cases import services
from himaya.core import digests
from himaya.core.errors import BadSignal
from himaya.core.words import N_
from himaya.ledger import outbox


@pytest.fixture(autouse=True)
def _every_text_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "gettext", lambda text: f"«{text}»")


@pytest.mark.django_db
def test_message_remedy_and_every_fact_of_ours_are_translated_and_what_others_wrote_is_not(
    people: SimpleNamespace,
) -> None:
    case = opened(1)
    services.claim(case.pk, person=people.lead)
    with pytest.raises(services.ClaimedByOther) as claimed:
        services.claim(case.pk, person=people.reviewer)
    until = f"{case.__class__.objects.get().claimed_until:%H:%M}"
    assert words.sentence(claimed.value) == (
        f"«Lead is working on this case until «{until} UTC».» «Take the next one, or ask them to release it.»"
    )
    with pytest.raises(services.NotAllowed) as refused:
        services.claim(case.pk, person=people.auditor)
    assert words.sentence(refused.value) == "«Your role does not allow this: «claim a case».»"
    with pytest.raises(services.BadVerdict) as bad:
        services.decide(case.pk, person=people.lead, scheme="open", code="decided", reason="Agrees.")
    assert words.sentence(bad.value) == (
        "«The verdict cannot be taken: «there is no code 'decided' in a scheme 'open'».»"
    )


@pytest.mark.django_db
def test_a_state_that_does_not_fit_is_told_with_the_states_that_do() -> None:
    with pytest.raises(outbox.WrongState) as wrong:
        outbox.retry(4711, by="person:1")
    assert words.sentence(wrong.value) == (
        "«Job 4711 is «unknown to this node»; only a job that is ««dead» or «unknown»» can be «sent again».»"
    )


def test_a_reason_that_comes_from_further_down_keeps_its_facts() -> None:
    class MD5(digests.Digest):
        name, label, bits, algorithm, abc = "md5", "MD5", 128, "md5", ""

    with pytest.raises(BadSignal) as bad:
        MD5().parse("12")
    assert words.sentence(bad.value) == ("«'12' is no md5 value: «it has 2 hexadecimal digits, 32 are needed».»")
    assert str(bad.value) == "'12' is no md5 value: it has 2 hexadecimal digits, 32 are needed."


def test_a_text_without_facts_is_translated_where_it_is_marked() -> None:
    marked, plain = (
        BadSignal(signal="md5", value="x", why=N_("it is empty")),
        BadSignal(signal="md5", value="x", why="open"),
    )
    assert words.translated(marked)[0] == "«'x' is no md5 value: «it is empty».»"
    assert words.translated(plain)[0] == "«'x' is no md5 value: open.»"
