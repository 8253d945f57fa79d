"""Rules of the CyberTipline's documentation that its schema does not state, each with the place where it is broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cybertip_random import NOW

from himaya.core import clock
from himaya.core.clock import SetClock
from himaya.core.cybertip.checking import gaps
from himaya.core.filing import Draft, DraftFile, Gap

MATERIAL = "Child Pornography (possession, manufacture, and distribution)"
AT, LATER = "2026-01-02T03:04:05Z", "2030-01-01T00:00:00Z"
PERSON = {"personOrUserReportedPerson": {"email": [{"value": "one@mail.example"}]}}
BATCH = {"batchedReport": {"@reason": "VIRAL_POTENTIAL_MEME"}}
VIRAL = {"fileAnnotations": {"viral": True}}


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with clock.use(SetClock(NOW)):
        yield


def report(**more: Any) -> dict[str, Any]:
    return {
        "incidentSummary": {"incidentType": MATERIAL, "incidentDateTime": AT},
        "reporter": {"reportingPerson": {"email": [{"value": "duty@firm.example"}]}},
        **more,
    }


def file(key: str = "f", *, sent: bool = True, **values: Any) -> DraftFile:
    return DraftFile(key, "0" * 64, 1, "image/png", values, sent)


def found(values: dict[str, Any], *files: DraftFile, blocks: bool = True, **how: Any) -> list[str]:
    return [gap.path for gap in gaps(Draft("k", values, files), **how) if gap.blocks is blocks]


def user(**values: Any) -> dict[str, Any]:
    return report(personOrUserReported=[values])


def mailed(address: str) -> dict[str, Any]:
    return report(
        internetDetails=[{"emailIncident": {"emailAddress": [{"value": address}]}}], personOrUserReported=[PERSON]
    )


OF_REPORTS: list[tuple[dict[str, Any], list[str]]] = [
    (report(), []),
    ({**report(), "reporter": {"reportingPerson": {"firstName": "D"}}}, ["report/reporter/reportingPerson/email"]),
    (mailed("one@mail.example"), []),
    (mailed("two@mail.example"), ["report/internetDetails/0/emailIncident/emailAddress/0"]),
    (user(**PERSON), []),
    (report(personOrUserReported=[{}, PERSON, PERSON]), ["report/personOrUserReported/2"]),
    (user(personOrUserReportedPerson={"email": [{"value": "a@b.c", "@verificationDate": AT}]}),
     ["report/personOrUserReported/0/personOrUserReportedPerson/email/0/@verified"]),
    (user(personOrUserReportedPerson={"phone": [{"value": "+49 30 1", "@countryCallingCode": "+49"}]}),
     ["report/personOrUserReported/0/personOrUserReportedPerson/phone/0/value"]),
    (user(personOrUserReportedPerson={"phone": [{"value": "30 1", "@countryCallingCode": "+49"}]}), []),
    (user(estimatedLocation={"city": "Berlin"}), ["report/personOrUserReported/0/estimatedLocation/countryCode"]),
    (user(estimatedLocation={"city": "Berlin", "countryCode": "DE"}), []),
    (user(estimatedLocation={"city": "Troy", "countryCode": "US"}),
     ["report/personOrUserReported/0/estimatedLocation/region"]),
    (user(estimatedLocation={"region": "New York", "countryCode": "US"}),
     ["report/personOrUserReported/0/estimatedLocation/region"]),
    (user(estimatedLocation={"city": "Troy", "region": "NY", "countryCode": "US"}), []),
    (user(associatedAccount=[{"@type": "Linked", "approximateAge": 30, "dateOfBirth": "1990-01-01"}]),
     ["report/personOrUserReported/0/associatedAccount/0/approximateAge"]),
    (user(associatedAccount=[{"screenName": "x"}]), ["report/personOrUserReported/0/associatedAccount/0/@type"]),
    (user(accountPermanentlyDisabled={"value": True, "@disabledDate": AT, "@userNotifiedDate": "2026-01-02T03:04:04Z"}),
     ["report/personOrUserReported/0/accountPermanentlyDisabled/@userNotifiedDate"]),
    (user(accountTemporarilyDisabled={"value": True, "@disabledDate": AT, "@reenabledDate": AT}),
     ["report/personOrUserReported/0/accountTemporarilyDisabled/@reenabledDate"]),
    (user(accountTemporarilyDisabled={"value": True, "@disabledDate": AT, "@reenabledDate": LATER}), []),
    (user(priorCTReports=[0]), ["report/personOrUserReported/0/priorCTReports/0"]),
    (report(internetDetails=[{"webPageIncident": {"additionalInfo": "a"}, "chatImIncident": {"chatClient": "c"}}]),
     ["report/internetDetails/0"]),
    (report(victim=[{"espIdentifier": "u"}]), []),
    (report(lawEnforcement={"caseNumber": "1"}), ["report/lawEnforcement/agencyName"]),
    (report(**BATCH, personOrUserReported=[{"espIdentifier": "u"}, {"espIdentifier": "v"}]), []),
    (report(**BATCH, personOrUserReported=[{"espIdentifier": "u", "displayName": ["d"]}, {"espService": "s"}]),
     ["report/personOrUserReported/0/displayName", "report/personOrUserReported/1/espService",
      "report/personOrUserReported/1/espIdentifier"]),
    (report(**BATCH, additionalInfo="x", victim=[{"espIdentifier": "u"}], lawEnforcement={"agencyName": "p"},
            intendedRecipient=[{"espIdentifier": "u"}], internetDetails=[{"chatImIncident": {"chatClient": "c"}}]),
     ["report/internetDetails", "report/lawEnforcement", "report/intendedRecipient", "report/victim",
      "report/additionalInfo"]),
    ({**report(**BATCH), "incidentSummary": {**report()["incidentSummary"], "escalateToHighPriority": "now"}},
     ["report/incidentSummary/escalateToHighPriority"]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "paths"), OF_REPORTS, ids=lambda one: str(one)[-40:])
def test_a_report_is_held_to_the_documentation(values: dict[str, Any], paths: list[str]) -> None:
    assert found(values) == paths


OF_FILES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {"exifViewedByEsp": True}, ["fileViewedByEsp"]),
    ({}, {"exifViewedByEsp": True, "fileViewedByEsp": False}, ["fileViewedByEsp"]),
    ({}, {"exifViewedByEsp": True, "fileViewedByEsp": True}, []),
    ({}, {"exifViewedByEsp": False}, []),
    ({}, {"fileRelevance": "Supplemental Reported", "fileAnnotations": {"potentialMeme": True}},
     ["fileAnnotations/potentialMeme"]),
    ({}, {"fileRelevance": "Supplemental Reported", "industryClassification": "B2"}, ["industryClassification"]),
    ({}, {"fileRelevance": "Supplemental Reported", "fileAnnotations": {"potentialMeme": False, "viral": True}}, []),
    ({}, {"uploadedToEspTimestamp": "2030-01-01T00:00:00Z"}, ["uploadedToEspTimestamp"]),
    ({}, {"originalFileHash": [{"value": "x"}]}, ["originalFileHash/0/@hashType"]),
    ({}, {"originalFileName": "n" * 2057}, ["originalFileName"]),
    (BATCH, {"fileRelevance": "Reported", **VIRAL}, []),
    (BATCH, {"industryClassification": "A2", **VIRAL}, []),
    (BATCH, {}, ["fileAnnotations"]),
    (BATCH, {"fileAnnotations": {"viral": True, "infant": True}}, ["fileAnnotations/infant"]),
    (BATCH, {"originalFileName": "n", "additionalInfo": ["x"], **VIRAL}, ["originalFileName", "additionalInfo"]),
    (BATCH, {"fileRelevance": "Supplemental Reported", **VIRAL}, ["fileRelevance"]),
]  # fmt: skip


@pytest.mark.parametrize(("batch", "values", "paths"), OF_FILES, ids=lambda one: str(one)[-40:])
def test_a_file_is_held_to_the_documentation(batch: dict[str, Any], values: dict[str, Any], paths: list[str]) -> None:
    assert found(report(**batch), file(**values)) == [f"file:f/{path}" for path in paths]


def test_a_batch_has_one_file_at_most() -> None:
    files = (file("a", **VIRAL), file("b", sent=False), file("c", **VIRAL))
    assert found(report(**BATCH), *files) == ["file:c"]


def test_what_is_empty_and_would_help_is_advice_with_its_reason() -> None:
    told = gaps(Draft("k", user(ipCaptureEvent=[{"ipAddress": "192.0.2.1"}]), (file(), file("g", sent=False))))
    assert not [gap for gap in told if gap.blocks]
    advice = {gap.path: gap.why for gap in told}
    assert "stranger" in advice["report/personOrUserReported/0/ipCaptureEvent/0/dateTime"]
    assert "warrant" in advice["file:f/fileViewedByEsp"]
    assert "not sent" in advice["file:g"]
    assert {"report/internetDetails", "report/personOrUserReported/0/espIdentifier"} <= set(advice)


def test_a_batch_is_not_asked_for_what_it_may_not_have() -> None:
    assert gaps(Draft("k", report(**BATCH, personOrUserReported=[{"espIdentifier": "u"}]), (file(**VIRAL),))) == ()


def test_a_class_of_the_industry_is_for_firms_of_the_agreement() -> None:
    values = {"industryClassification": "B1"}
    assert "file:f/industryClassification" in found(report(), file(**values), blocks=False)
    assert "file:f/industryClassification" not in found(report(), file(**values), blocks=False, in_agreement=True)


def test_what_blocks_comes_first_and_says_why() -> None:
    told: tuple[Gap, ...] = gaps(Draft("k", {"additionalInfo": "a\x00b"}))
    assert [gap.blocks for gap in told] == sorted((gap.blocks for gap in told), reverse=True)
    assert next(gap.why for gap in told if gap.path == "report/additionalInfo").endswith("(U+0000)")
    assert all(gap.why for gap in told)
