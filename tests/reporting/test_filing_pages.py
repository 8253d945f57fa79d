"""A person completes a report on its page, is told what leaves, files it, and sees what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browsing import messages, words
from tests.configured import configured
from tests.filings import laid_down, particulars, route
from tests.program import Program
from tests.reporting.conftest import fresh, work

from himaya.reporting import drafting, filing
from himaya.reporting.models import Filing

Confirmed = Callable[..., Filing]
SignIn = Callable[[str], Any]


def page(client: Any, one: Filing, **query: Any) -> Any:
    return client.get(f"/reports/filings/{one.pk}", query)


def typed(client: Any, one: Filing, *, follow: bool = True, **fields: Any) -> Any:
    """Post the form with these inputs changed; a path is written with ``__`` for its strokes."""
    now = fresh(one)
    posted = {name if name in ("show", "remove", "open", "version") else f"v:report/{name.replace('__', '/')}": value
              for name, value in fields.items()}  # fmt: skip
    body = {"version": str(now.version), **posted}
    return client.post(f"/reports/filings/{one.pk}/change", body, follow=follow)


def test_what_is_missing_stands_first_and_is_typed_in_without_a_script(confirmed: Confirmed, sign_in: SignIn) -> None:
    client, one = sign_in("reviewer"), confirmed(files=1)
    said = words(page(client, one))
    assert "2 things without which it would be refused" in said
    assert said.index("without which it would be refused") < said.index("What it states")
    assert "without it nobody knows where to begin" in said
    assert "A chat (“CHAT”)" in said
    assert "file 0 of 1" not in said
    answer = typed(client, one, summary="What happened.", place="CHAT", urgent="false")
    assert messages(answer) == ["Kept. Nothing has left."]
    assert fresh(one).values == {"summary": "What happened.", "place": "CHAT", "urgent": False}
    assert "would be refused" not in words(answer)


def test_groups_are_added_and_taken_away_with_buttons(confirmed: Confirmed, sign_in: SignIn) -> None:
    client, one = sign_in("reviewer"), confirmed()
    answer = typed(client, one, show="report/accounts/0")
    assert 'name="v:report/accounts/0/id"' in answer.content.decode()
    typed(client, one, accounts__0__id="u-1", open="report/accounts/0")
    typed(
        client,
        one,
        accounts__1__id="u-2",
        open="report/accounts/1",
        contact__email="a@example.org",
    )
    typed(client, one, contact__email="a@example.org", open="report/contact")
    assert fresh(one).values == {"accounts": [{"id": "u-1"}, {"id": "u-2"}], "contact": {"email": "a@example.org"}}
    typed(client, one, remove="report/accounts/0", accounts__1__id="u-3")
    assert fresh(one).values["accounts"] == [{"id": "u-3"}]


def test_what_cannot_be_taken_stays_on_the_page_with_the_reason_and_the_rest_is_kept(
    confirmed: Confirmed, sign_in: SignIn
) -> None:
    client, one = sign_in("reviewer"), confirmed()
    answer = typed(client, one, summary="What happened.", happened="yesterday", follow=False)
    assert answer.status_code == 422
    assert 'value="yesterday"' in answer.content.decode()
    assert "a time is written as 2026-11-29T14:30:00Z" in words(answer)
    assert fresh(one).values == {"summary": "What happened."}
    for old in ("1", "²"):
        answer = typed(client, one, version=old, summary="Too late.", follow=False)
        assert answer.status_code == 409
    assert "Too late." in answer.content.decode()
    assert fresh(one).values == {"summary": "What happened."}


def test_it_is_filed_once_a_person_has_read_what_leaves_and_to_whom(
    confirmed: Confirmed, sign_in: SignIn, body: Any
) -> None:
    client, one = sign_in("reviewer"), confirmed(files=2)
    drafting.keep_particulars(one.case_id, content=particulars(), by="key:1")
    first, second = (file["key"] for file in one.files)
    posted = {"version": str(fresh(one).version), f"file:{first}": "1", f"file:{second}": "1", f"send:{first}": "on"}
    client.post(f"/reports/filings/{one.pk}/change", posted)
    asked = client.get(f"/reports/filings/{one.pk}/file")
    said = words(asked)
    assert "4 things that are stated go to Sample authority, over the route body" in said
    assert "1 file goes with it" in said
    assert first in said
    assert "1 file is only told of" in said
    assert fresh(one).state == "draft", "to look is not to file"
    client.post(f"/reports/filings/{one.pk}/file", {"version": str(fresh(one).version)})
    work()
    assert fresh(one).state == "filed"
    assert len(laid_down(body.at, "finished")) == 1
    said = words(page(client, one))
    assert "S-000001" in said
    assert "Opened there" in said
    told = words(client.get(f"/cases/{one.case_id}/"))
    assert "Drafts of this case, and what became of them" in told
    assert "its number there: S-000001" in told
    assert "Draft a follow-up" in said
    answer = client.post(f"/reports/filings/{one.pk}/follow-up", follow=True)
    assert "It follows up" in words(answer)


def test_nobody_files_what_they_have_not_seen_or_what_is_not_complete(confirmed: Confirmed, sign_in: SignIn) -> None:
    client, one = sign_in("reviewer"), confirmed()
    assert client.get(f"/reports/filings/{one.pk}/file").status_code == 302
    answer = client.post(f"/reports/filings/{one.pk}/file", {"version": "1"}, follow=True)
    assert "cannot be filed: report/summary" in messages(answer)[0]
    drafting.keep_particulars(one.case_id, content=particulars(), by="key:1")
    answer = client.post(f"/reports/filings/{one.pk}/file", {"version": "1"}, follow=True)
    assert "Somebody else has changed this draft" in messages(answer)[0]
    assert fresh(one).state == "draft"


def test_the_unknown_is_settled_by_what_the_other_side_says(confirmed: Confirmed, sign_in: SignIn, body: Any) -> None:
    client, one = sign_in("lead"), confirmed()
    drafting.keep_particulars(one.case_id, content=particulars(), by="key:1")
    body.lose, body.blind = {"open"}, True
    filing.queue_filing(one.pk, by="person:1")
    work()
    said = words(page(client, one))
    assert "Nobody knows whether it is there" in said
    assert one.key in said
    assert "It is not there, and not wanted" in said
    assert "Nobody knows" in words(sign_in("auditor").get(f"/reports/filings/{one.pk}"))
    assert client.post(f"/reports/filings/{one.pk}/settle", {"receipt": ""}).status_code == 422
    client.post(f"/reports/filings/{one.pk}/settle", {"receipt": "S-000001"})
    assert fresh(one).state == "filed"


def test_the_list_puts_what_needs_a_person_first(confirmed: Confirmed, sign_in: SignIn, body: Any) -> None:
    client, one, two = sign_in("reviewer"), confirmed(1), confirmed(2)
    drafting.keep_particulars(one.case_id, content=particulars(), by="key:1")
    body.refuse = {"open"}
    filing.queue_filing(one.pk, by="person:1")
    work()
    said = words(client.get("/reports/filings/"))
    assert said.index(one.reference) < said.index(two.reference)
    assert two.reference not in words(client.get("/reports/filings/", {"state": "refused"}))
    assert two.reference in words(client.get("/reports/filings/", {"case": two.case_id}))
    assert client.get("/reports/filings/", {"case": "x" * 300, "state": "nothing"}).status_code == 200
    assert client.get("/reports/filings/", {"case": "²"}).status_code == 200
    assert client.get("/reports/filings/99999").status_code == 404


def test_the_main_things_of_an_incident_are_typed_and_what_a_program_told_stays(
    confirmed: Confirmed, sign_in: SignIn
) -> None:
    client, one = sign_in("reviewer"), confirmed()
    drafting.keep_particulars(one.case_id, content=particulars(accounts=["u-1", "u-2"]), by="key:1")
    url = f"/reports/cases/{one.case_id}/particulars"
    assert "1 further account" in words(client.get(url))
    shown = client.get(url).context["form"].initial
    answer = client.post(url, {**shown, "account_id": "u-9", "happened_at": "2026-01-10T09:00:00Z"}, follow=True)
    assert messages(answer) == ["Kept. Drafts that nobody has changed are filled with it."]
    assert [each["id"] for each in fresh(one).values["accounts"]] == ["u-9", "u-2"]
    assert client.post(url, {**shown, "happened_at": "soon"}).status_code == 422


def test_who_only_reads_is_offered_nothing_to_press(confirmed: Confirmed, sign_in: SignIn) -> None:
    told = page(sign_in("auditor"), confirmed()).content.decode()
    assert "<form" not in told.partition("<main")[2].partition("</main>")[0]


def test_whoever_may_take_a_second_look_does_not_learn_of_the_verdict_from_a_draft(
    confirmed: Confirmed, sign_in: SignIn, body: Any
) -> None:
    routes = [route(body.at, channel="lossy")]
    with configured(filings=routes, second_look_percent=100, second_look_holds=False, second_factor=False):
        one, program = confirmed(), Program("reports:read")
        assert one.reference in words(sign_in("reviewer").get("/reports/filings/")), "it is their own verdict"
        for path in ("/reports/filings/", "/"):
            assert one.reference not in words(sign_in("lead").get(path))
        assert "Drafts of this case" not in words(sign_in("lead").get(f"/cases/{one.case_id}/"))
        assert program.get("/reports").json()["reports"] == []
        assert program.get(f"/reports/{one.pk}").status_code == 404
        assert Program("reports:write").patch(f"/reports/{one.pk}", {}).status_code == 404
        at, reviewer, lead = f"/reports/filings/{one.pk}", sign_in("reviewer"), sign_in("lead")
        assert reviewer.get(at).status_code == 200
        for answer in (lead.get(at), lead.get(f"{at}/file"), lead.post(f"{at}/retract"), typed(lead, one)):
            assert answer.status_code == 404
        assert fresh(one).state == "draft"
