"""ICCAM: times that are true, codes, what is final, tokens that end, certificates, and the search for a lost report."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.filing_sides import ICCAMSide
from tests.filing_walks import AT, EMPTY, FULLEST, SIGNER, Kept, attempt, walk
from tests.sources import Answer, Asked

from himaya.core import iccam, registry
from himaya.core.filing import Attempt, Draft, FoundOut
from himaya.core.ports import MaybeSent, NotSent

channel = registry.filings()["iccam"]
CONFIG = channel.Config(**ICCAMSide().config())


def draft(**changes: Any) -> Draft:
    made = ICCAMSide().completed(channel.fill(FULLEST, CONFIG))
    return replace(made, values={**made.values, **changes})


def url(**changes: Any) -> dict[str, Any]:
    return {**draft().values["urls"][0], "actions": [], **changes}


def blocking(one: Draft) -> dict[str, str]:
    return {gap.path: str(gap.why) for gap in channel.check(one, CONFIG) if gap.blocks}


def test_times_are_written_in_utc_and_not_only_called_so() -> None:
    assert iccam.utc("2026-11-29T13:30:00+01:00") == "2026-11-29T12:30:00Z"
    assert iccam.utc("2026-07-01T00:10:00+05:30") == "2026-06-30T18:40:00Z"
    assert iccam.utc("2026-11-29") == "2026-11-29T00:00:00Z"
    side = ICCAMSide()
    with side.serving():
        assert isinstance(walk(channel, draft(hotlineReceivedDate="2026-11-29T01:00:00+02:00"), side), dict)
    (filed,) = side.reports.values()
    assert filed["hotlineReceivedDate"] == "2026-11-28T23:00:00Z"
    assert [one["actionDate"] for one in side.contents[702]["actions"]] == ["2026-11-29T12:30:00Z"] * 2


def test_a_case_fills_addresses_and_class_and_leaves_open_what_only_a_hotline_knows() -> None:
    filled = channel.fill(FULLEST, CONFIG).values
    assert [one["urlString"] for one in filled["urls"]] == [
        "https://host.example.net/a/1", "https://host.example.net/a/0", "https://host.example.org/a/1.jpg",
    ]  # fmt: skip
    assert [one.get("isSourceUrl") for one in filled["urls"]] == [True, False, False]
    assert filled["urls"][0]["assessment"]["classification"] == "1"
    assert filled["urls"][0]["assessment"]["virtualContentCategorization"] is False
    assert filled["hotlineReceivedDate"] == "2026-11-24T10:30:00Z"
    assert "hostingCountryCode" not in filled["urls"][0]
    assert "sourceUrlSiteType" not in filled
    assert "urls" not in channel.fill(EMPTY, CONFIG).values


@pytest.mark.parametrize(
    ("scheme", "code", "classification"),
    [("interpol", "baseline", "1"), ("uk-sap", "A", None), ("himaya-review", "not-illegal", "4"),
     ("himaya-review", "harmful-not-illegal", "4"), ("himaya-review", "undecided", None), ("elsewhere", "X", None)],
)  # fmt: skip
def test_a_class_of_another_scheme_never_becomes_a_graver_one(
    scheme: str, code: str, classification: str | None
) -> None:
    verdict = replace(FULLEST.document.verdict, scheme=scheme, code=code)
    filled = channel.fill(replace(FULLEST, document=replace(FULLEST.document, verdict=verdict)), CONFIG).values
    assert filled["urls"][0]["assessment"].get("classification") == classification


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"urls": []}, "report/urls"),
        ({"urls": [url(isSourceUrl=False)]}, "report/urls"),
        ({"urls": [url(), url(isSourceUrl=False)]}, "report/urls/1/urlString"),
        ({"urls": [url(urlString="ftp://host.example.net/")]}, "report/urls/0/urlString"),
        ({"urls": [url(hostingIpAddress="192.0.2")]}, "report/urls/0/hostingIpAddress"),
        ({"urls": [url(hostingCountryCode="XX")]}, "report/urls/0/hostingCountryCode"),
        ({"urls": [url(hostingCountryCode="DE", actions=[{"actionType": "1", "actionDate": "2026-11-29"}])]},
         "report/urls/0/actions"),
        ({"urls": [url(actions=[{"actionType": "4", "actionDate": "2026-11-29"}])]},
         "report/urls/0/actions/0/reasonId"),
        ({"urls": [url(actions=[{"actionType": "6", "actionDate": "2026-11-29", "reasonId": "16"}])]},
         "report/urls/0/actions"),
        ({"urls": [url(actions=[{"actionType": "moved", "actionDate": "2026-11-29"}])]},
         "report/urls/0/actions/0/newCountryCode"),
        ({"urls": [url(actions=[{"actionType": one, "actionDate": "2026-11-29", "reasonId": "9"} for one in "34"])]},
         "report/urls/0/actions"),
        ({"sourceUrlSiteType": "1"}, "report/sourceUrlSiteType"),
        ({"reportId": "R-1"}, "report/reportId"),
    ],
)  # fmt: skip
def test_what_iccam_would_refuse_blocks_at_its_place(changes: dict[str, Any], place: str) -> None:
    assert place in blocking(draft(**changes))


def test_a_report_is_filed_acted_on_and_handed_to_the_country_that_hosts_it() -> None:
    side = ICCAMSide()
    with side.serving():
        done = walk(channel, draft(), side)
    assert isinstance(done, dict)
    assert list(done) == [
        "codes",
        "report",
        "contents",
        "action:0:0",
        "action:0:1",
        "country:0",
        "country:1",
        "country:2",
    ]
    assert channel.receipt(done) == "701"
    assert [one["assignedCountryCode"] for one in side.contents.values()] == ["NL", "DE", "DE"]
    assert [one["hotlineReference"] for one in side.contents.values()] == ["n-1/1", "n-1/2", "n-1/3"]
    assert [one["actionType"] for one in side.contents[702]["actions"]] == [1, 3]  # what is final comes last
    assert side.logins == 1
    assert done["codes"]["not_read"] == []


def test_what_moved_is_told_with_its_new_place_and_goes_to_its_new_country() -> None:
    moved = {"actionType": "moved", "actionDate": "2026-11-29", "newCountryCode": "FR", "newIpAddress": "192.0.2.77"}
    side = ICCAMSide()
    with side.serving():
        assert isinstance(walk(channel, draft(urls=[url(actions=[moved])]), side), dict)
    (content,) = side.contents.values()
    assert (content["assignedCountryCode"], content["url"]["hostingIpAddress"]) == ("FR", "192.0.2.77")


@pytest.mark.parametrize(
    ("last", "expected"),
    [(1, {"kept": 1, "why": "final"}), (4, {"kept": 4, "why": "final"}), (2, {"set": 1}), (None, {"set": 1})],
)
def test_a_follow_up_overrules_national_alone(last: int | None, expected: dict[str, Any]) -> None:
    side = ICCAMSide()
    with side.serving():
        first = draft(urls=[url()])
        assert isinstance(walk(channel, first, side), dict)
        assessment = {**url()["assessment"], "classification": "1"}
        later = replace(draft(urls=[url(assessment=assessment)], reportId="701"), key="n-2")
        side.contents[702]["assessments"] = [{"classification": last}] if last else []
        done = walk(channel, later, side)
        assert isinstance(done, dict)
        assert list(done) == ["codes", "contents", "assess:0", "country:0"]
        assert done["assess:0"] == expected
        again = channel.take("assess:0", attempt(later, side, channel, done, Kept()))
        assert again["kept"] in (1, 4)
    assert len(side.reports) == 1


def test_what_is_assigned_to_another_hotline_is_left_to_it() -> None:
    side = ICCAMSide()
    with side.serving():
        assert isinstance(walk(channel, draft(urls=[url()]), side), dict)
        side.contents[702]["assignedCountryCode"] = "DE"
        done = walk(channel, draft(urls=[url()], reportId="701"), side)
    assert isinstance(done, dict)
    assert done["assess:0"]["why"] == "assigned to another hotline"


def test_a_token_that_has_ended_is_renewed_and_one_that_holds_is_used_again() -> None:
    side = ICCAMSide()
    side.lasts = 3
    with side.serving():
        assert isinstance(walk(channel, draft(), side), dict)
        assert side.logins > 2
        assert len(side.reports) == 1
        logins, side.lasts = side.logins, 1000
        channel.take("codes", attempt(draft(), side, channel, {}, Kept()))
        later = replace(attempt(draft(), side, channel, {}, Kept()), at=AT + timedelta(hours=1))
        before = side.logins
        channel.take("codes", later)  # by the clock it has ended
        assert (before >= logins, side.logins) == (True, before + 1)


def test_a_wrong_password_says_so_and_is_not_shown() -> None:
    side = ICCAMSide()
    with side.serving():
        config = channel.Config(**{**side.config(), "password": "another one"})
        with pytest.raises(NotSent, match="does not admit this node") as caught:
            channel.take("codes", Attempt(draft(), {}, config, Kept(), AT, SIGNER))
    assert caught.value.permanent
    assert "another one" not in str(caught.value)


def test_a_code_that_iccam_has_no_more_stops_the_report_and_another_name_is_noted() -> None:
    side = ICCAMSide()
    with side.serving():
        found = channel.take("codes", attempt(draft(), side, channel, {}, Kept()))
        assert "4: Ignore" in found["named_otherwise"]["classifications"]
        del side.lists["classifications"][2]
        side.lists["site-types"] = {}
        with pytest.raises(NotSent, match="classifications lacks the codes 2") as caught:
            channel.take("codes", attempt(draft(), side, channel, {}, Kept()))
        assert caught.value.permanent
        side.lists["classifications"][2] = "National CSAM"
        assert channel.take("codes", attempt(draft(), side, channel, {}, Kept()))["not_read"] == ["site-types"]


def test_while_iccam_is_at_work_with_a_report_what_follows_waits() -> None:
    side = ICCAMSide()
    side.busy = 2
    with side.serving():
        done = walk(channel, draft(), side)
    assert isinstance(done, dict)
    assert len(side.contents[702]["actions"]) == 2


@pytest.mark.parametrize("slim", [False, True])
def test_a_report_whose_answer_was_lost_is_found_by_our_reference(slim: bool) -> None:
    side = ICCAMSide()
    side.slim = slim
    side.lose(0, "after")
    with side.serving():
        now = attempt(draft(), side, channel, {}, Kept())
        with pytest.raises(MaybeSent):
            channel.take("report", now)
        assert channel.find_out("report", now) == FoundOut("taken", {"report": 701})
        other = replace(now, draft=replace(now.draft, key="n-9"))
        assert channel.find_out("report", other).what == "unknown"


def test_where_the_lists_show_nothing_a_person_is_told_where_to_look_for_what() -> None:
    side = ICCAMSide()
    side.hidden = True
    side.lose(0, "after")
    with side.serving():
        found = walk(channel, draft(), side)
        assert isinstance(found, FoundOut)
        for fact in ("n-1", side.url, "2026-11-29T11:00:00Z"):
            assert fact in found.ask
    assert len(side.reports) == 1


def test_the_daily_question_tells_whether_a_report_is_there() -> None:
    side = ICCAMSide()
    with side.serving():
        done = walk(channel, draft(), side)
        assert isinstance(done, dict)
        now = attempt(draft(), side, channel, done, Kept())
        assert channel.ask("701", now).there is True
        assert channel.ask("9999", now).there is False
        assert channel.ask("by telephone", now).there is None
        side.reports[701]["hotlineReference"] = "somebody's"
        assert channel.ask("701", now).there is False


class Odd(ICCAMSide):
    """Answers oddly to whatever is filed."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.odd = answer

    def act(self, asked: Asked) -> Answer:
        return self.odd if self.acts(asked) else super().act(asked)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer('{"errors": {"urls": ["too many"]}}', 400), NotSent, "urls: too many"),
        (Answer("", 403), NotSent, "does not admit"),
        (Answer("", 404), NotSent, "Check the address"),
        (Answer("null", 200), MaybeSent, "does not name its number"),
        (Answer("<html>", 200), MaybeSent, "does not name its number"),
        (Answer("", 502), MaybeSent, "status 502"),
    ],
)
def test_every_answer_to_a_report_is_told_in_words(answer: Answer, error: Any, words: str) -> None:
    side = Odd(answer)
    with side.serving(), pytest.raises(error, match=words):
        channel.take("report", attempt(draft(), side, channel, {}, Kept()))


# --- the certificate -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key, for both sides: each trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "i")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    sealed = serialization.BestAvailableEncryption(b"of the key")
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, form, sealed)
    )
    return path


def over_tls(pem: Path) -> ICCAMSide:
    side = ICCAMSide()
    side.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    side.tls.load_cert_chain(pem, password="of the key")
    side.tls.load_verify_locations(pem)
    side.tls.verify_mode = ssl.CERT_REQUIRED
    return side


def asked_over_tls(side: ICCAMSide, **options: Any) -> Any:
    with side.serving():
        config = channel.Config(**{**side.config(), **options})
        return channel.take("codes", Attempt(draft(), {}, config, Kept(), AT, SIGNER))


def test_we_prove_who_we_are_with_our_certificate(pem: Path) -> None:
    options = {"certificate": pem, "certificate_password": "of the key", "authorities": pem}
    assert asked_over_tls(over_tls(pem), **options)["compared"]


def test_without_our_certificate_or_theirs_nothing_is_said(pem: Path) -> None:
    side = over_tls(pem)
    for options in ({"authorities": pem}, {"certificate": pem, "certificate_password": "of the key"}):
        with pytest.raises(NotSent):
            asked_over_tls(side, **options)
    assert side.asked == []


def test_a_certificate_that_cannot_be_used_says_so_and_asks_nobody_at_the_terminal(pem: Path, tmp_path: Path) -> None:
    for options in (
        {"certificate": pem},
        {"certificate": tmp_path / "none.pem"},
        {"authorities": tmp_path / "none.pem"},
    ):
        with pytest.raises(NotSent, match="certificate for ICCAM cannot be used") as caught:
            asked_over_tls(over_tls(pem), **options)
        assert caught.value.permanent


def test_what_a_reviewer_stated_more_exactly_than_the_class_fills_age_and_origin() -> None:
    exact = {"age": ["pub"], "act": [], "origin": ["virtual"], "legality": "national"}
    verdict = replace(FULLEST.document.verdict, scheme="iccam-classification", code="2", facets=exact)
    grounds = replace(FULLEST, document=replace(FULLEST.document, verdict=verdict))
    assessed = channel.fill(grounds, CONFIG).values["urls"][0]["assessment"]
    assert (assessed["ageCategorization"], assessed["virtualContentCategorization"]) == ("4", True)
