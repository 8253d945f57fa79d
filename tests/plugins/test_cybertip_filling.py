"""A draft for the CyberTipline, filled from a case and from what the service tells: nothing guessed, nothing lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cybertip_drafts import CHANNEL, CONTENT, MADE, config, document, grounds, kept, particulars

from himaya.core import clock
from himaya.core.clock import SetClock
from himaya.core.documents import SightingFact, VerdictFact
from himaya.core.filing import Draft, Grounds
from himaya.core.particulars import Account, Particulars

SHA256 = hashlib.sha256(CONTENT["exhibit-1"]).hexdigest()
AT = "2026-01-04T12:00:00Z"


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with clock.use(SetClock(MADE + timedelta(hours=1))):
        yield


def filled(made: Grounds | None = None, **options: Any) -> Draft:
    draft = CHANNEL.fill(made or grounds(), config(**options))
    again = CHANNEL.fill(made or grounds(), config(**options))
    assert draft == again
    return draft


def told(*, of: str = "exhibit-1", **changes: Any) -> dict[str, Any]:
    """What is stated of a file of which the service states this."""
    one = {"sha256": hashlib.sha256(CONTENT[of]).hexdigest(), **changes}
    return dict(filled(grounds(particulars=particulars(files=[one]))).files[0].values)


def test_what_the_service_tells_stands_in_its_place() -> None:
    draft = filled()
    assert not [gap for gap in CHANNEL.check(draft, config()) if gap.blocks]
    summary = draft.values["incidentSummary"]
    assert summary["incidentType"].startswith("Child P")
    assert (summary["incidentDateTime"], summary["platform"]) == (AT, "Example")
    assert summary["escalateToHighPriority"] == "A child is named in it."
    assert draft.values["internetDetails"] == [
        {"chatImIncident": {"chatClient": "Chat", "additionalInfo": "Room of a school"}},
        {"webPageIncident": {"url": ["https://a.example/x"]}},
    ]
    (user,) = draft.values["personOrUserReported"]
    assert user == {
        "personOrUserReportedPerson": {
            "phone": [{"value": "5550100"}], "email": [{"value": "one@mail.example"}],
        },
        "espIdentifier": "u-1", "espService": "Chat", "screenName": "one", "displayName": ["One"],
        "profileUrl": ["https://firm.example/u-1"],
        "ipCaptureEvent": [
            {"ipAddress": "192.0.2.7", "eventName": "Login", "dateTime": AT, "possibleProxy": False, "port": 4711}
        ],
        "deviceId": [{"idType": "IDFA", "idValue": "0000"}],
        "estimatedLocation": {"countryCode": "DE"},
        "additionalInfo": "Other screen names: two.",
        "priorCTReports": [4564001, 4564002],
    }  # fmt: skip
    assert draft.values["victim"] == [{"victimPerson": {"age": 14}, "espIdentifier": "u-2"}]
    assert draft.values["intendedRecipient"] == [{"espIdentifier": "u-3"}]
    note = draft.values["additionalInfo"]
    for said in ("filing-case-17", "case-17", "A list", "distance 4", "Reported by a user.", "reports A-7"):
        assert said in note


def test_of_the_content_all_digests_are_stated_and_of_another_file_its_own() -> None:
    first, second = filled().files
    assert {one["@hashType"] for one in first.values["originalFileHash"]} == {"MD5", "SHA256"}
    assert first.values["details"] == [{"nameValuePair": [{"name": "PDQ", "value": "0f" * 32}], "@type": "HASH"}]
    assert first.values["originalFileName"] == "one.png"
    assert first.values["ipCaptureEvent"] == {"ipAddress": "2001:db8::7", "eventName": "Upload"}
    assert first.values["fileAnnotations"] == {"possibleSelfProduction": True}
    assert first.values["additionalInfo"] == ["n", "Noted of it: old."]
    assert dict(second.values) == {"originalFileHash": [{"value": second.sha256, "@hashType": "SHA256"}]}


def test_a_match_alone_never_says_that_a_file_was_viewed() -> None:
    for file in filled(grounds(particulars=Particulars())).files:
        assert "fileViewedByEsp" not in file.values
        assert "exifViewedByEsp" not in file.values
    assert "fileViewedByEsp" not in told()  # nobody says so: nor that nobody has
    assert told(viewed=False)["fileViewedByEsp"] is False


def test_viewed_is_what_a_person_of_the_service_did() -> None:
    both = told(viewed=True, exif_viewed=True)
    assert (both["fileViewedByEsp"], both["exifViewedByEsp"]) == (True, True)
    assert "exifViewedByEsp" not in told(viewed=True)
    odd = told(viewed=False, exif_viewed=True)
    assert odd["fileViewedByEsp"] is False
    assert "exifViewedByEsp" not in odd
    assert odd["additionalInfo"] == ["Its EXIF data were viewed by a person; the file was not."]


def test_a_class_is_stated_by_firms_of_the_agreement_of_the_content_alone() -> None:
    assert "industryClassification" not in filled().files[0].values
    first, second = filled(in_agreement=True).files
    assert first.values["industryClassification"] == "B2"
    assert "industryClassification" not in second.values
    other = document(verdict=VerdictFact("interpol", "baseline", "", "", MADE))
    assert "industryClassification" not in filled(grounds(document=other), in_agreement=True).files[0].values


def test_a_verdict_that_confirms_nothing_states_no_kind_of_incident() -> None:
    for verdict in (VerdictFact("interpol", "nothing-such", "", "", MADE), VerdictFact("unknown", "1", "", "", MADE)):
        made = filled(grounds(document=document(verdict=verdict)))
        assert "incidentType" not in made.values["incidentSummary"]
        assert "report/incidentSummary/incidentType" in {gap.path for gap in CHANNEL.check(made, config())}


def test_the_time_is_the_incidents_or_says_what_it_is() -> None:
    def time_of(**changes: Any) -> tuple[str, str]:
        summary = filled(grounds(particulars=Particulars.model_validate(changes))).values["incidentSummary"]
        return summary.get("incidentDateTime", ""), summary.get("incidentDateTimeDescription", "")

    assert time_of(happened_at=AT, happened_note="sent") == (AT, "sent")
    upload = {"sha256": SHA256, "uploaded_at": "2026-01-03T12:00:00+02:00"}
    assert time_of(files=[upload]) == ("2026-01-03T10:00:00Z", "The time of the first upload.")
    found = "The time at which the reporter first found it."
    assert time_of() == ("2026-01-05T10:00:00Z", found)
    assert time_of(happened_at="2030-01-01T00:00:00Z") == ("2026-01-05T10:00:00Z", found)
    late = (SightingFact(MADE + timedelta(days=1), "x", ""),)
    nothing = filled(grounds(document=document(sightings=late), particulars=Particulars()))
    assert "incidentDateTime" not in nothing.values["incidentSummary"]


def test_places_are_told_by_their_kind() -> None:
    venues = [
        {"kind": "game", "name": "G", "url": "https://g.example"}, {"kind": "email"},
        {"kind": "newsgroup", "name": "n"}, {"kind": "peer-to-peer", "name": "c"}, {"kind": "phone", "name": "p"},
        {"kind": "offline", "name": "o", "note": "x"},
    ]  # fmt: skip
    made = filled(grounds(particulars=particulars(venues=venues)))
    assert made.values["internetDetails"] == [
        {"onlineGamingIncident": {"gameName": "G", "additionalInfo": "Address: https://g.example"}},
        {"emailIncident": {"additionalInfo": "No more is known of the place than its kind (email)."}},
        {"newsgroupIncident": {"name": "n"}},
        {"peer2peerIncident": {"client": "c"}},
        {"cellPhoneIncident": {"additionalInfo": "p"}},
        {"nonInternetIncident": {"locationName": "o", "additionalInfo": "x"}},
    ]
    assert not [gap for gap in CHANNEL.check(made, config()) if gap.blocks]


def test_without_a_place_the_pages_where_it_was_seen_are_one() -> None:
    made = filled(grounds(particulars=particulars(venues=[])))
    assert made.values["internetDetails"] == [{"webPageIncident": {"url": ["https://firm.example/p/1"]}}]
    paths = document(sightings=(SightingFact(MADE, "/some/path.png", ""),))
    assert "internetDetails" not in filled(grounds(document=paths, particulars=Particulars())).values


def test_what_is_not_sent_is_told_of_by_its_digest() -> None:
    made = filled(grounds(files=(kept("exhibit-1"), kept("exhibit-2", sent=False))))
    other = hashlib.sha256(CONTENT["exhibit-2"]).hexdigest()
    assert f"not sent: SHA-256 {other}" in made.values["additionalInfo"]
    assert SHA256 not in made.values["additionalInfo"].partition("not sent")[2]
    assert list(CHANNEL.steps(made)) == ["open", "upload:exhibit-1", "describe:exhibit-1", "finish"]


def test_earlier_reports_without_a_person_are_told_in_words() -> None:
    made = filled(grounds(particulars=particulars(accounts=[])))
    assert "It follows up the reports 4564001, 4564002, A-7." in made.values["additionalInfo"]


def test_the_firm_speaks_by_its_options() -> None:
    made = filled(
        first_name="D", last_name="O", phone="5550101", contact_email="law@firm.example", legal_url="https://f.example/l",
        company_template="t", terms_of_service="s",
    )  # fmt: skip
    assert made.values["reporter"] == {
        "reportingPerson": {
            "firstName": "D", "lastName": "O", "phone": [{"value": "5550101"}],
            "email": [{"value": "duty@firm.example"}],
        },
        "contactPerson": {"email": [{"value": "law@firm.example"}]},
        "companyTemplate": "t", "termsOfService": "s", "legalURL": "https://f.example/l",
    }  # fmt: skip
    assert not [gap for gap in CHANNEL.check(made, config()) if gap.blocks]


def test_several_reported_accounts_are_a_persons_decision() -> None:
    accounts = [Account(role="reported", id=one).model_dump(mode="json") for one in ("a", "b")]
    made = filled(grounds(particulars=particulars(accounts=accounts)))
    assert [one["espIdentifier"] for one in made.values["personOrUserReported"]] == ["a", "b"]
    blocking = [gap.path for gap in CHANNEL.check(made, config()) if gap.blocks]
    assert blocking == ["report/personOrUserReported/1"]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_of_a_user_can_go_out(name: str, note: str) -> None:
    accounts = [{"role": "reported", "id": "u", "display_names": [name], "note": note}]
    given_ = particulars(accounts=accounts, files=[{"sha256": SHA256, "name": name, "marks": [note]}], note=note)
    made = filled(grounds(particulars=given_))
    assert not [gap for gap in CHANNEL.check(made, config()) if gap.blocks]


@pytest.mark.parametrize(
    "options",
    [{"address": "https://x.example"}, {"environment": "other"}, {"private": True}, {"email": "nobody"},
     {"additions": [{"parent": "x", "name": "y"}]}, {"surprise": 1}],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        config(**options)


def test_environments_are_ncmecs_own() -> None:
    assert config(environment="production").line.base == "https://report.cybertip.org/ispws"
    assert CHANNEL.lane(config()) == "ncmec:https://exttest.cybertip.org/ispws"
    assert "secret" not in repr(config())
