"""A case: its facts, the one next decision, and what each act says afterwards."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from tests.casework import opened
from tests.configured import configured, file_route

from himaya.cases import queries, services, words
from himaya.cases.dispatch import coming
from himaya.core.config import config
from himaya.core.overlap import Overlap
from himaya.core.routes import Route
from himaya.flow.reactor import react
from himaya.ledger import worker
from himaya.ledger.models import Job

pytestmark = pytest.mark.django_db
GIVEN = {"verdict": "interpol/baseline", "reason": "Fingerprint and context agree."}


def text(response) -> str:
    """The page as it reads: tags away, spaces single."""
    body = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(body.split())


@pytest.fixture
def case():
    return opened(1)


@pytest.fixture
def decided(case, people):
    services.claim(case.pk, person=people.reviewer)
    return services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")


def test_the_facts_stand_in_the_order_in_which_they_are_asked(case, sign_in):
    opened(2, item=1)
    page = text(sign_in("reviewer").get(f"/cases/{case.pk}/"))
    asked = [
        "4 of at most 31 bits apart",
        "Example hotline",
        "What was decided before",
        "/srv/uploads/1.jpg",
        "History",
    ]
    assert [page.find(fact) for fact in asked] == sorted(page.find(fact) for fact in asked)
    assert -1 not in [page.find(fact) for fact in asked]
    assert "Open cases that match the same items" in page
    assert "Opened: it matched an item of the list hotline" in page


def test_an_exact_match_is_the_same_file_and_has_no_radius(sign_in):
    case = opened(1, signal="md5", distance=0, radius=31)
    client = sign_in("reviewer")
    page = text(client.get(f"/cases/{case.pk}/"))
    assert "MD5, the same file, byte for byte" in page
    assert "MD5 the same file, byte for byte" in text(client.get("/cases/"))
    assert "bits apart" not in page


def test_what_was_decided_before_stands_apart_from_what_is_still_open(case, sign_in, people):
    decided, still_open = opened(2, item=1), opened(3, item=1)
    services.claim(decided.pk, person=people.lead)
    services.decide(decided.pk, person=people.lead, scheme="uk-sap", code="B", reason="Agrees.")
    opened(4)  # of another item
    page = text(sign_in("reviewer").get(f"/cases/{case.pk}/"))
    before = page.partition("What was decided before")[2].partition("Open cases that match the same items")
    assert f"{decided.reference} matches the same item: Category B" in before[0]
    assert still_open.reference not in before[0]
    assert re.findall(r"H-\d+-\d+", before[2].partition("Fingerprints")[0]) == [still_open.reference]


def test_a_place_is_shown_as_text_whatever_stands_in_it(sign_in):
    case = opened(1, place="/srv/<script>alert(1)</script>\u202e&\udcff.jpg")
    page = sign_in("reviewer").get(f"/cases/{case.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "<bdi>/srv/&lt;script&gt;alert(1)&lt;/script&gt;\\u202e&amp;\\udcff.jpg</bdi>" in page


def test_the_page_never_holds_a_picture(case, sign_in):
    page = sign_in("reviewer").get(f"/cases/{case.pk}/").content.decode()
    assert "<img" not in page
    assert "data:" not in page
    assert 'class="tile tile-large"' in page


def test_a_case_that_is_not_there_is_said_to_be_missing(sign_in):
    for number in (999, 10**17):
        response = sign_in("reviewer").get(f"/cases/{number}/")
        assert response.status_code == 404
        assert f"<bdi>There is no case {number}.</bdi></h1>" in response.content.decode()
        assert "Nothing was changed" not in text(response)
    assert "Nothing was changed." in text(sign_in("reviewer").post("/cases/999/claim"))


def test_from_claim_to_verdict_the_page_asks_one_thing_at_a_time(case, sign_in):
    client = sign_in("reviewer")
    address = f"/cases/{case.pk}/"
    free = client.get(address).content.decode()
    assert f'action="{address}claim"' in free
    assert f'action="{address}decide"' not in free
    held = client.post(f"{address}claim", follow=True).content.decode()
    assert f'action="{address}decide"' in held
    assert "Claim this case" not in held
    done = text(client.post(f"{address}decide", GIVEN, follow=True))
    assert "The verdict is recorded." in done
    assert "Fingerprint and context agree." in done
    assert queries.case(case.pk).verdict.by.username == "reviewer"


def test_every_class_stands_with_its_label_and_its_definition(case, sign_in):
    client = sign_in("reviewer")
    page = client.post(f"/cases/{case.pk}/claim", follow=True).content.decode()
    values = re.findall(r'name="verdict" value="([^"]+)"', page)
    assert len(values) == len(set(values))
    assert {value.split("/")[0] for value in values} == {
        "interpol",
        "uk-sap",
        "ncmec-industry",
        "himaya-review",
    }
    assert values[0] == "interpol/baseline"  # the list's own scheme comes first
    assert [value.split("/")[0] for value in values[1:5]] == ["himaya-review"] * 4
    assert "Not a match" in page
    assert "the fingerprints are near by chance" in page
    assert "checked" not in re.findall(r'<input type="radio"[^>]*>', page)


def test_the_scheme_by_which_the_list_grades_comes_first(sign_in):
    case = opened(1, scheme="uk-sap", code="B")
    page = sign_in("lead").post(f"/cases/{case.pk}/claim", follow=True).content.decode()
    assert re.findall(r'name="verdict" value="([^"]+)"', page)[:3] == ["uk-sap/A", "uk-sap/B", "uk-sap/C"]


def choices(page):
    """Legend and classes of each group at the choice, and whether it stands open."""
    form = page.partition('id="verdict"')[2].partition("</form>")[0]
    groups = re.findall(r"<fieldset.*?<legend>([^<]+).*?</fieldset>", form, flags=re.DOTALL)
    closed = re.search(r"<details><summary>.*?</details>", form, flags=re.DOTALL)
    return [(name, not closed or f"<legend>{name}" not in closed[0]) for name in groups]


def test_where_the_list_gives_no_class_every_scheme_stands_open_with_what_it_says(sign_in):
    case = opened(1, scheme="", code="")
    page = sign_in("reviewer").post(f"/cases/{case.pk}/claim", follow=True)
    assert [name for name, is_open in choices(page.content.decode()) if is_open] == [
        "INTERPOL Baseline", "Review without confirmation",
        "NCMEC and industry, A1 to B2", "England and Wales, categories A to C",
    ]  # fmt: skip
    said = text(page)
    assert "The list gives no class." in said
    assert "A2 Prepubescent child, no sex act" in said
    assert said.index("Not a match") < said.index("A2 Prepubescent")
    assert "Does not confirm it: nothing is reported." in said
    assert "on the list</span>" not in page.content.decode()


def test_the_scheme_that_the_node_prefers_comes_first_and_the_class_of_the_list_is_marked(sign_in):
    case = opened(1, scheme="uk-sap", code="B")
    with configured(preferred_scheme="ncmec-industry", second_factor=False):
        page = sign_in("reviewer").post(f"/cases/{case.pk}/claim", follow=True).content.decode()
    assert choices(page)[:2] == [("NCMEC and industry, A1 to B2", True), ("Review without confirmation", True)]
    marked = re.search(r'value="uk-sap/B".*?</label>', page, flags=re.DOTALL)
    assert "on the list" in marked[0]
    assert page.count("on the list</span>") == 1
    with configured(preferred_scheme="no-such-scheme", second_factor=False):
        page = sign_in("reviewer").get(f"/cases/{case.pk}/").content.decode()
    assert choices(page)[0] == ("England and Wales, categories A to C", True)


def test_an_analyst_reads_what_the_classes_mean(case, sign_in):
    page = sign_in("analyst").post(f"/cases/{case.pk}/claim", follow=True)
    assert "What the classes mean" in text(page)
    assert "A2 Prepubescent child, no sex act" in text(page)
    assert 'type="radio"' not in page.content.decode()


def test_before_anything_leaves_the_page_says_what_and_where_to(case, sign_in, monkeypatch):
    monkeypatch.setattr(config(), "reports", [Route(name="hotline", channel="file")])
    monkeypatch.setattr(config(), "notices", [])
    page = text(sign_in("reviewer").post(f"/cases/{case.pk}/claim", follow=True))
    assert "A class that confirms: 1 report leaves: hotline. They leave at once" in page
    assert "notice leaves" not in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": "Agrees."}, "choose a class"),
        ({"verdict": "interpol/baseline", "reason": "  "}, "a reason is required"),
        ({"verdict": "interpol/x", "reason": "Agrees."}, "there is no code"),
        ({"verdict": "interpol/baseline", "reason": "x" * 2001}, "2001 characters"),
    ],
)
def test_a_verdict_that_cannot_be_taken_keeps_what_was_typed(case, sign_in, given, said):
    client = sign_in("reviewer")
    client.post(f"/cases/{case.pk}/claim")
    response = client.post(f"/cases/{case.pk}/decide", given)
    assert response.status_code == 422
    assert said in text(response)
    page = response.content.decode()
    assert f">{given['reason']}</textarea>" in page
    if given.get("verdict") == "interpol/baseline":
        assert re.search(r'value="interpol/baseline"[^>]* checked', page)
    assert queries.case(case.pk).verdict is None


def test_a_verdict_that_comes_after_the_claim_ran_out_is_given_back_to_be_copied(case, sign_in, clock):
    client = sign_in("reviewer")
    client.post(f"/cases/{case.pk}/claim")
    clock.advance(timedelta(minutes=config().claim_minutes, seconds=1))
    response = client.post(f"/cases/{case.pk}/decide", GIVEN)
    assert response.status_code == 409
    page = text(response)
    assert "This was not recorded" in page
    assert "Claim the case first" in page
    assert f"readonly>{GIVEN['reason']}</textarea>" in response.content.decode()


def test_who_comes_second_is_told_who_works_on_it(case, sign_in, people):
    services.claim(case.pk, person=people.lead)
    response = sign_in("reviewer").post(f"/cases/{case.pk}/claim", follow=True)
    page = text(response)
    assert "Lead is working on this case until" in page
    assert "Somebody works on it" in page
    assert f"/cases/{case.pk}/decide" not in response.content.decode()


def test_a_released_case_is_free_again(case, sign_in):
    client = sign_in("reviewer")
    client.post(f"/cases/{case.pk}/claim")
    assert "The case is free again." in text(client.post(f"/cases/{case.pk}/release", follow=True))
    assert queries.case(case.pk).holder() is None
    assert "Claim the case first" in text(client.post(f"/cases/{case.pk}/release", follow=True))


def test_a_comment_stands_in_the_history_as_text(case, sign_in):
    client = sign_in("analyst")
    page = client.post(f"/cases/{case.pk}/comment", {"text": "Seen <b>twice</b>\nlast week"}, follow=True)
    assert "Seen &lt;b&gt;twice&lt;/b&gt;<br>last week" in page.content.decode()
    assert "The comment is on record." in text(page)


def test_an_empty_comment_is_refused_beside_its_form(case, sign_in):
    response = sign_in("analyst").post(f"/cases/{case.pk}/comment", {"text": " "})
    assert response.status_code == 422
    assert "The comment cannot be taken: it is empty." in text(response)


def test_an_analyst_prepares_and_does_not_decide(case, sign_in):
    client = sign_in("analyst")
    page = client.post(f"/cases/{case.pk}/claim", follow=True)
    assert "release it for a reviewer" in text(page)
    assert f"/cases/{case.pk}/decide" not in page.content.decode()
    assert client.post(f"/cases/{case.pk}/decide", GIVEN).status_code == 403


def test_reports_and_notices_stand_on_the_page_for_those_who_may_see_them(decided, sign_in):
    worker.run_until_idle()
    page = text(sign_in("reviewer").get(f"/cases/{decided.pk}/"))
    assert "Report delivery" in page
    assert "Notice delivery" in page
    assert "arrived" in page
    assert "Reports and notices" not in text(sign_in("analyst").get(f"/cases/{decided.pk}/"))


def test_right_after_the_verdict_the_page_says_what_is_being_prepared_and_then_how_far_it_is(case, sign_in):
    client, address = sign_in("reviewer"), f"/cases/{case.pk}/"
    with configured(reports=[{"name": "hotline", "channel": "console"}], second_factor=False):
        client.post(f"{address}claim")
        page = text(client.post(f"{address}decide", GIVEN, follow=True))
        assert (
            "The verdict is recorded. A report is being prepared: hotline. A notice is being prepared: console." in page
        )
        assert "Report hotline is being prepared not yet" in page
        assert "2 have not left yet · Look again" in page
        assert "2 documents have not left this node and are taken back." in page
        react()
        page = text(client.get(address))
        assert "being prepared" not in page
        assert re.search(r"Report delivery \d+ hotline waits to leave not yet", page)
        assert "2 have not left yet · Look again" in page
        worker.run_until_idle()
        page = text(client.get(address))
    assert re.search(r"Report delivery \d+ hotline arrived", page)
    assert "Look again" not in page


def test_what_is_said_to_be_prepared_is_what_the_rules_queue(decided, tmp_path):
    routes = [file_route(tmp_path / "a", "a"), file_route(tmp_path / "b", "b")]
    with configured(reports=routes, notices=[file_route(tmp_path / "host", "host")]):
        said = coming(queries.case(decided.pk))
        react()
        queued = [(job.payload["document"]["kind"], job.payload["route"]) for job in Job.objects.order_by("pk")]
        assert said == queued == [("report", "a"), ("report", "b"), ("notice", "host")]
        assert coming(queries.case(decided.pk)) == []
    with configured(reports=[*routes, file_route(tmp_path / "c", "later")]):
        assert coming(queries.case(decided.pk)) == []  # the rules have read this verdict, and do not come back


def test_a_verdict_that_confirms_nothing_says_that_nothing_leaves(case, sign_in):
    client = sign_in("reviewer")
    client.post(f"/cases/{case.pk}/claim")
    given = {"verdict": "himaya-review/not-a-match", "reason": "Near by chance."}
    page = text(client.post(f"/cases/{case.pk}/decide", given, follow=True))
    assert "The verdict is recorded. Nothing leaves." in page
    assert "being prepared" not in page


def test_who_gave_the_verdict_may_take_it_back_and_so_may_a_lead(decided, sign_in, people):
    services.claim(opened(2).pk, person=people.lead)
    theirs = services.decide(
        opened(2).pk, person=people.lead, scheme="himaya-review", code="not-a-match", reason="Chance."
    )
    reviewer, lead = sign_in("reviewer"), sign_in("lead")
    assert "Open it again" in text(reviewer.get(f"/cases/{decided.pk}/"))
    assert "Open it again" in text(lead.get(f"/cases/{decided.pk}/"))
    assert "Open it again" not in text(reviewer.get(f"/cases/{theirs.pk}/"))
    assert "not confirmed" in text(reviewer.get(f"/cases/{theirs.pk}/"))
    refused = reviewer.post(f"/cases/{theirs.pk}/reopen", {"reason": "I think otherwise."})
    assert refused.status_code == 403
    assert "Your role does not allow this" in text(refused)


def test_a_case_opened_again_tells_why_and_what_was_decided_before(decided, sign_in):
    client = sign_in("lead")
    page = text(client.post(f"/cases/{decided.pk}/reopen", {"reason": "Wrong class."}, follow=True))
    assert "The case is open again." in page
    assert "This case: Baseline" in page
    assert "Opened again" in page
    assert "Wrong class." in page


def test_a_case_is_not_opened_again_without_a_reason(decided, sign_in):
    response = sign_in("lead").post(f"/cases/{decided.pk}/reopen", {"reason": ""})
    assert response.status_code == 422
    assert "a reason is required" in text(response)
    assert queries.case(decided.pk).verdict is not None


@pytest.mark.parametrize("act", ["claim", "release", "decide", "reopen", "comment"])
def test_nothing_is_done_by_following_a_link(case, sign_in, act):
    assert sign_in("lead").get(f"/cases/{case.pk}/{act}").status_code == 405


@pytest.mark.parametrize("act", ["claim", "release", "decide", "reopen", "comment"])
def test_acts_on_a_case_that_is_not_there_are_answered_with_404(sign_in, act):
    given = {**GIVEN, "text": "A note."}
    assert sign_in("lead").post(f"/cases/999/{act}", given).status_code == 404


def test_the_page_keeps_to_the_strict_policy(case, sign_in):
    response = sign_in("reviewer").get(f"/cases/{case.pk}/")
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert response["Cache-Control"] == "no-store"
    assert re.findall(r"\sstyle=|\son\w+=", response.content.decode()) == []
    assert settings.CSRF_COOKIE_HTTPONLY


def test_every_state_of_a_delivery_has_its_word_and_its_shape():
    assert set(words.JOB_STATES) == set(Job.STATES)
    assert {shape for shape, _ in words.JOB_STATES.values()} <= {"ok", "wait", "danger", "info", "calm"}


def test_every_act_of_this_house_about_a_case_has_its_sentence():
    rooms = Path(words.__file__).parents[1]
    files = [rooms / "cases/services.py", *sorted((rooms / "ledger").glob("*.py")), rooms / "flow/reactor.py"]
    text = "".join(path.read_text("utf-8") for path in files)
    recorded = set(re.findall(r'"((?:case|delivery|flow)\.[a-z-]+)"', text))
    assert {"case.opened", "case.decided", "delivery.settled", "flow.failed"} <= recorded
    assert recorded - set(words.ACTS) == set()


def test_a_match_of_a_video_says_how_much_of_it_and_where(sign_in):
    how = Overlap("clip", 0.4, 100, 1800, 1817, 6)
    case = opened(1, signal="vpdq", distance=6, overlap=how)
    page = text(sign_in("reviewer").get(f"/cases/{case.pk}/"))
    assert "Contains a part of a listed video" in page
    assert "vPDQ, 0.4 % of its frames and 100 % of the listed ones match, from 30:00 to 30:17" in page
    assert "bits apart" not in page
    other = opened(2, signal="vpdq", distance=0, overlap=Overlap("whole", 100, 25, 0, 59, 0))
    assert "The frames of a listed video" in text(sign_in("reviewer").get(f"/cases/{other.pk}/"))


def test_a_lead_asks_others_from_the_page_and_the_request_names_the_case(case, sign_in):
    address = f"/desk/requests/add?case={case.reference}"
    assert address not in sign_in("reviewer").get(f"/cases/{case.pk}/").content.decode()
    lead = sign_in("lead")
    assert address in lead.get(f"/cases/{case.pk}/").content.decode()
    assert f'value="{case.reference}"' in lead.get(address).content.decode()
    given = {"kind": "assistance", "country": "FR", "recipient": "The point", "case": case.reference}
    page = text(lead.get(lead.post("/desk/requests/add", given)["Location"]))
    assert f"Case reference: {case.reference}" in page
