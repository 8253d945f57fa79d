"""What is written into any form of the console is looked at: the next page tells of a word, and nothing is refused."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.browsing import words
from tests.casework import opened
from tests.configured import configured

from himaya.cases.models import Comment, Verdict
from himaya.cases.services import claim

SignIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
TOLD = "About a word that you wrote: “child pornography”: rather “child sexual abuse material”."


def test_a_comment_is_kept_as_it_was_written_and_the_next_page_tells_of_the_word(sign_in: SignIn) -> None:
    case = opened()
    page = sign_in("reviewer").post(
        f"/cases/{case.pk}/comment", {"text": "They call it child pornography. Really child pornography."}, follow=True
    )
    assert words(page).count(TOLD) == 1
    assert Comment.objects.get().text.startswith("They call it child pornography.")


def test_a_form_that_comes_back_tells_of_it_at_once(sign_in: SignIn, people: SimpleNamespace) -> None:
    case = opened()
    claim(case.pk, person=people.reviewer)
    page = sign_in("reviewer").post(f"/cases/{case.pk}/decide", "reason=child+pornography", content_type=FORM)
    assert page.status_code == 422
    assert TOLD in words(page)
    assert not Verdict.objects.exists()


def test_a_form_with_a_file_is_told_of_on_the_page_after_it(sign_in: SignIn) -> None:
    client, case = sign_in("reviewer"), opened()
    file = SimpleUploadedFile("x.csv", b"child porn", content_type="text/csv")
    assert client.post(f"/cases/{case.pk}/comment", {"text": "child pornography", "file": file}).status_code == 302
    page = words(client.get("/cases/"))
    assert TOLD in page
    assert page.count("About a word") == 1, "what is in files is no writing of theirs"


def test_in_the_language_of_the_reader_with_the_word_as_it_was_written(sign_in: SignIn) -> None:
    client = sign_in("reviewer")
    client.cookies["django_language"] = "ar"
    page = client.post(f"/cases/{opened().pk}/comment", {"text": "child pornography"}, follow=True)
    assert "“child pornography”" in words(page)
    assert "child sexual abuse material" in words(page)


@pytest.mark.parametrize("text", ["“Child Pornography” is their value", "a survivor wrote", "`child porn`"])
def test_what_is_quoted_or_only_to_be_used_with_care_is_not_told_of(sign_in: SignIn, text: str) -> None:
    page = sign_in("reviewer").post(f"/cases/{opened().pk}/comment", {"text": text}, follow=True)
    assert "About a word" not in words(page)


def test_at_most_three_words_are_told_of_and_a_search_is_none(sign_in: SignIn) -> None:
    many = "child porn, child pornography, rent boy, child prostitute, cybersex"
    page = sign_in("reviewer").post(f"/cases/{opened().pk}/comment", {"text": many}, follow=True)
    assert words(page).count("About a word") == 3
    with configured(second_factor=False):
        assert "About a word" not in words(sign_in("reviewer").get("/cases/?search=child+porn"))
