"""Rules between fields: what the documentation asks for that no single value shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from himaya.core.cybertip.table import STATES, VALUE, is_absent
from himaya.core.filing import Draft, DraftFile, Gap, Values
from himaya.core.words import N_

PERSONS = ("personOrUserReported", "intendedRecipient", "victim")
BATCH_MARKS = frozenset({"viral", "potentialMeme"})
BATCH_FILE = frozenset({
    "uploadedToEspTimestamp", "fileViewedByEsp", "exifViewedByEsp", "publiclyAvailable", "fileRelevance",
    "fileAnnotations", "industryClassification",
})  # fmt: skip
SUPPLEMENTAL = "Supplemental Reported"
_NOT_BATCHED = N_("a batched report does not have it")


def of_report(draft: Draft) -> Iterator[Gap]:
    """Of a report."""
    values = draft.values
    yield from _reporter(values)
    batched = not is_absent(values.get("batchedReport"))
    persons = _list(values.get("personOrUserReported"))
    if batched:
        yield from _batch(draft, persons)
    elif len(persons) > 1:
        why = N_("One report names one reported person or user; others get a report each, or are associated accounts.")
        yield Gap(f"report/personOrUserReported/{persons[1][0]}", why, blocks=True)
    yield from _mails(values)
    yield from _everywhere(values, "report")


def of_file(file: DraftFile, path: str, *, batched: bool) -> Iterator[Gap]:
    """Of a file that is sent."""
    values = file.values
    if values.get("exifViewedByEsp") is True and values.get("fileViewedByEsp") is not True:
        why = N_(
            "Where the EXIF data were viewed, NCMEC wants it said that the file was. If it was not, leave both out."
        )
        yield Gap(f"{path}/fileViewedByEsp", why, blocks=True)
    said = values.get("fileAnnotations")
    marks = {name for name, there in said.items() if there is True} if isinstance(said, Mapping) else set()
    if values.get("fileRelevance") == SUPPLEMENTAL:
        if "potentialMeme" in marks:
            why = N_("a supplemental file cannot be marked as a potential meme")
            yield Gap(f"{path}/fileAnnotations/potentialMeme", why, blocks=True)
        if not is_absent(values.get("industryClassification")):
            why = N_("a supplemental file has no class")
            yield Gap(f"{path}/industryClassification", why, blocks=True)
    if batched:
        yield from _batched_file(values, marks, path)
    yield from _everywhere(values, path)


def _reporter(values: Values) -> Iterator[Gap]:
    if is_absent(_at(values, "reporter", "reportingPerson", "email")):
        why = N_("NCMEC asks back by e-mail: the reporting person needs an address.")
        yield Gap("report/reporter/reportingPerson/email", why, blocks=True)


def _batch(draft: Draft, persons: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Gap]:
    for name in ("internetDetails", "lawEnforcement", "intendedRecipient", "victim", "additionalInfo"):
        if not is_absent(draft.values.get(name)):
            yield Gap(f"report/{name}", _NOT_BATCHED, blocks=True)
    if not is_absent(_at(draft.values, "incidentSummary", "escalateToHighPriority")):
        yield Gap("report/incidentSummary/escalateToHighPriority", _NOT_BATCHED, blocks=True)
    for n, person in persons:
        where = f"report/personOrUserReported/{n}"
        for name, value in person.items():
            if name != "espIdentifier" and not is_absent(value):
                yield Gap(f"{where}/{name}", N_("a batched report names accounts by identifier alone"), blocks=True)
        if is_absent(person.get("espIdentifier")):
            yield Gap(f"{where}/espIdentifier", N_("a batched report names accounts by identifier"), blocks=True)
    for file in [one for one in draft.files if one.sent][1:]:
        yield Gap(f"file:{file.key}", N_("a batched report has one file at most"), blocks=True)


def _batched_file(values: Values, marks: set[str], path: str) -> Iterator[Gap]:
    for name, value in values.items():
        if name not in BATCH_FILE and not is_absent(value):
            yield Gap(f"{path}/{name}", N_("the file of a batched report does not have it"), blocks=True)
    if not marks & BATCH_MARKS:
        why = N_("the file of a batched report is marked as viral or as a potential meme")
        yield Gap(f"{path}/fileAnnotations", why, blocks=True)
    for name in sorted(marks - BATCH_MARKS):
        yield Gap(f"{path}/fileAnnotations/{name}", N_("the file of a batched report has no other mark"), blocks=True)
    if values.get("fileRelevance") == SUPPLEMENTAL:
        yield Gap(f"{path}/fileRelevance", N_("the file of a batched report is the reported one"), blocks=True)


def _mails(values: Values) -> Iterator[Gap]:
    """An address of an incident has to stand with a person, too."""
    known: set[str] = set()
    for kind in PERSONS:
        for _, person in _list(values.get(kind)):
            known.update(str(one.get(VALUE)) for _, one in _list(_at(person, f"{kind}Person", "email")))
    for n, details in _list(values.get("internetDetails")):
        for kind in ("emailIncident", "newsgroupIncident"):
            for m, one in _list(_at(details, kind, "emailAddress")):
                if str(one.get(VALUE)) not in known:
                    why = N_("NCMEC wants this address to stand on a reported person, a recipient or a victim, too.")
                    yield Gap(f"report/internetDetails/{n}/{kind}/emailAddress/{m}", why, blocks=True)


def _everywhere(value: Any, path: str) -> Iterator[Gap]:
    """Rules of groups that stand in many places, told by what they hold."""
    if isinstance(value, list | tuple):
        for n, one in enumerate(value):
            yield from _everywhere(one, f"{path}/{n}")
    elif isinstance(value, Mapping):
        yield from _group(value, path)
        for name, one in value.items():
            yield from _everywhere(one, f"{path}/{name}")


def _group(value: Mapping[str, Any], path: str) -> Iterator[Gap]:
    if not is_absent(value.get("@verificationDate")) and value.get("@verified") is not True:
        yield Gap(f"{path}/@verified", N_("where a date of verification stands, it is verified"), blocks=True)
    code = value.get("@countryCallingCode")
    if not is_absent(code) and str(value.get(VALUE)).startswith((str(code), str(code)[1:])):
        yield Gap(f"{path}/{VALUE}", N_("the number stands without the calling code that is given apart"), blocks=True)
    if not is_absent(value.get("approximateAge")) and not is_absent(value.get("dateOfBirth")):
        yield Gap(f"{path}/approximateAge", N_("either the age or the date of birth is stated"), blocks=True)
    disabled = value.get("@disabledDate")
    if not is_absent(disabled):
        told, again = value.get("@userNotifiedDate"), value.get("@reenabledDate")
        if _is_before(told, disabled):
            yield Gap(f"{path}/@userNotifiedDate", N_("it is not before the account was disabled"), blocks=True)
        if again == disabled or _is_before(again, disabled):
            yield Gap(f"{path}/@reenabledDate", N_("it is after the account was disabled"), blocks=True)
    if path.endswith("/estimatedLocation") and not is_absent(value):
        yield from _location(value, path)


def _location(value: Mapping[str, Any], path: str) -> Iterator[Gap]:
    country, region = value.get("countryCode"), value.get("region")
    if is_absent(country):
        yield Gap(f"{path}/countryCode", N_("a place is stated with its country"), blocks=True)
    elif country == "US" and is_absent(region) and not is_absent(value.get("city")):
        yield Gap(f"{path}/region", N_("a city of the USA is stated with its state"), blocks=True)
    elif country == "US" and not is_absent(region) and str(region) not in STATES:
        yield Gap(f"{path}/region", N_("a state of the USA is written with its two letters"), blocks=True)


def _is_before(one: Any, other: Any) -> bool:
    try:
        return datetime.fromisoformat(one) < datetime.fromisoformat(other)
    except (TypeError, ValueError):  # one is not there, or no time: that is said elsewhere
        return False


def _list(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    """The groups of a list that say something, with their places."""
    found = enumerate(value) if isinstance(value, list | tuple) else ()
    return [(n, one) for n, one in found if isinstance(one, Mapping) and not is_absent(one)]


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
