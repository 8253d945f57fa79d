"""What the CyberTipline refuses by rules of its documentation that no schema states."""

from __future__ import annotations

from datetime import datetime

from lxml import etree

PERSONS = ("personOrUserReported", "intendedRecipient", "victim")
MEME = "VIRAL_POTENTIAL_MEME"
MARKS = ("viral", "potentialMeme")


def report_refused(report: etree._Element, now: datetime) -> str:
    """Why the documentation would not have it; empty: it would."""
    if datetime.fromisoformat(report.findtext("incidentSummary/incidentDateTime", "")) > now:
        return "incidentDateTime must be in the past"
    if not report.findall("reporter/reportingPerson/email"):
        return "reportingPerson needs an email"
    known = {one.text for person in PERSONS for one in report.iterfind(f"{person}//email")}
    for kind in ("emailIncident", "newsgroupIncident"):
        for one in report.iterfind(f"internetDetails/{kind}/emailAddress"):
            if one.text not in known:
                return f"{one.text} stands on no person"
    for place in report.iter("estimatedLocation"):
        if not place.findtext("countryCode"):
            return "estimatedLocation needs a countryCode"
    for one in report.iter("escalateToHighPriority"):
        if not (one.text or "").strip() or len(one.text or "") > 3000:
            return "escalateToHighPriority is blank or too long"
    batched = report.find("batchedReport") is not None
    if not batched and len(report.findall("personOrUserReported")) > 1:
        return "one personOrUserReported, unless batched"
    return _batch_refused(report) if batched else ""


def _batch_refused(report: etree._Element) -> str:
    for path in ("internetDetails", "lawEnforcement", "intendedRecipient", "victim", "additionalInfo"):
        if report.find(path) is not None:
            return f"a batched report has no {path}"
    if report.find("incidentSummary/escalateToHighPriority") is not None:
        return "a batched report is not escalated"
    for person in report.iterfind("personOrUserReported"):
        if [child.tag for child in person] != ["espIdentifier"]:
            return "a batched report names accounts by espIdentifier alone"
    return ""


def details_refused(details: etree._Element, batched: bool, now: datetime) -> str:
    """As :func:`report_refused`."""
    if details.findtext("exifViewedByEsp") == "true" and details.findtext("fileViewedByEsp") != "true":
        return "fileViewedByEsp must be true where exifViewedByEsp is"
    if (at := details.findtext("uploadedToEspTimestamp")) and datetime.fromisoformat(at) > now:
        return "uploadedToEspTimestamp must be in the past"
    meme = details.find("potentialMeme") is not None or details.find("fileAnnotations/potentialMeme") is not None
    if details.findtext("fileRelevance") == "Supplemental Reported" and (
        meme or details.find("industryClassification") is not None
    ):
        return "Supplemental Reported excludes potentialMeme and industryClassification"
    if not batched:
        return ""
    marks = [one.tag for one in details.iterfind("fileAnnotations/*")]
    if not set(marks) & set(MARKS) or set(marks) - set(MARKS):
        return "the file of a batched report is viral or a potential meme, and nothing else"
    allowed = {"reportId", "fileId", "fileRelevance", "fileAnnotations", "industryClassification"}
    allowed |= {"uploadedToEspTimestamp", "fileViewedByEsp", "exifViewedByEsp", "publiclyAvailable"}
    if other := {str(one.tag) for one in details} - allowed:
        return f"the file of a batched report has no {sorted(other)}"
    if details.findtext("fileRelevance", "Reported") != "Reported":
        return "fileRelevance must be Reported"
    return ""
