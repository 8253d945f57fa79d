"""A draft of a report out of what is known: a case's document, and what the service tells of the incident.

What is not known is left out, never guessed. The same grounds give the same draft. Texts go to NCMEC: they are English.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any

from himaya.core import registry
from himaya.core.cybertip.files import of_file
from himaya.core.cybertip.labels import MATERIAL
from himaya.core.cybertip.persons import moment, person, texts
from himaya.core.cybertip.writing import FORBIDDEN
from himaya.core.filing import Draft, Grounds
from himaya.core.particulars import Venue

KINDS = {"reported": "personOrUserReported", "recipient": "intendedRecipient", "victim": "victim"}
_VENUES = {
    "web": ("webPageIncident", ""), "email": ("emailIncident", ""), "chat": ("chatImIncident", "chatClient"),
    "game": ("onlineGamingIncident", "gameName"), "newsgroup": ("newsgroupIncident", "name"),
    "peer-to-peer": ("peer2peerIncident", "client"), "phone": ("cellPhoneIncident", ""),
    "offline": ("nonInternetIncident", "locationName"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Firm:
    """What is the same in every report of a firm. ``reporter`` is the element of that name."""

    reporter: Mapping[str, Any] = field(default_factory=dict)
    platform: str = ""
    in_agreement: bool = False


def fill(grounds: Grounds, firm: Firm) -> Draft:
    """The draft, as far as what is known goes."""
    told = grounds.particulars
    values: dict[str, Any] = {
        "incidentSummary": _summary(grounds, firm),
        "internetDetails": [_venue(one) for one in told.venues] or _sightings(grounds),
        "reporter": dict(firm.reporter),
    }
    for role, name in KINDS.items():
        values[name] = [person(one, name, grounds.document.made_at) for one in told.accounts if one.role == role]
    notes = [_case(grounds), *_unsent(grounds), told.note, _earlier(values, grounds)]
    values["additionalInfo"] = "\n".join(filter(None, notes))
    files = tuple(
        replace(file, values=clean(of_file(file, grounds, in_agreement=firm.in_agreement))) for file in grounds.files
    )
    return Draft(grounds.document.key, clean(values), files)


def clean(value: Any) -> Any:
    """Without what says nothing, and with the characters that XML cannot carry written as escapes."""
    if isinstance(value, Mapping):
        return {name: made for name, one in value.items() if (made := clean(one)) not in (None, "", {}, [])}
    if isinstance(value, list | tuple):
        return [made for one in value if (made := clean(one)) not in (None, "", {}, [])]
    if isinstance(value, str):
        return FORBIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value).strip()
    return value


def _summary(grounds: Grounds, firm: Firm) -> dict[str, Any]:
    told, verdict = grounds.particulars, grounds.document.verdict
    scheme = registry.schemes().get(verdict.scheme)
    code = scheme.get(verdict.code) if scheme else None
    at, what = _happened(grounds)
    return {
        "incidentType": MATERIAL if code and code.confirms else "",
        "platform": firm.platform,
        "escalateToHighPriority": told.urgent,
        "incidentDateTime": at,
        "incidentDateTimeDescription": "\n".join(filter(None, [what, told.happened_note])),
    }


def _happened(grounds: Grounds) -> tuple[str, str]:
    """When it was and what that time is: as the service says, or the first upload, or the first sighting."""
    told, made = grounds.particulars, grounds.document.made_at
    kept = {one.sha256 for one in grounds.files} | set(_digests(grounds, "sha256"))
    uploads = [one.uploaded_at for one in told.files if one.uploaded_at and one.sha256 in kept]
    for times, what in (
        ([told.happened_at] if told.happened_at else [], ""),
        (uploads, "The time of the first upload."),
        ([one.at for one in grounds.document.sightings], "The time at which the reporter first found it."),
    ):
        if past := [at for at in times if at <= made]:
            return moment(min(past), made), what
    return "", ""


def _venue(venue: Venue) -> dict[str, Any]:
    kind, named = _VENUES[venue.kind]
    made: dict[str, Any] = {named: venue.name} if named else {}
    notes = [] if named else [venue.name]
    if venue.kind == "web":
        made["url"] = [venue.url]
    elif venue.url:
        notes.append(f"Address: {venue.url}")
    made["additionalInfo"] = "\n".join(filter(None, [*notes, venue.note]))
    if not any((venue.name, venue.url, venue.note)):  # that it was this kind of place is all that is known
        made["additionalInfo"] = f"No more is known of the place than its kind ({venue.kind})."
    return {kind: made}


def _sightings(grounds: Grounds) -> list[dict[str, Any]]:
    seen = [one.where for one in grounds.document.sightings if one.where.startswith(("https://", "http://"))]
    return [{"webPageIncident": {"url": list(dict.fromkeys(seen))}}] if seen else []


def _case(grounds: Grounds) -> str:
    """What ties the report to the case, and why the content counts as known."""
    document, verdict = grounds.document, grounds.document.verdict
    lines = [
        f"Reference of the reporter: {document.key} (case {document.case}).",
        f"Decided on {verdict.decided_at.astimezone(UTC):%Y-%m-%d}: {verdict.code} of the scheme {verdict.scheme}.",
        *(
            f"Known from the list {one.list_name}: {one.signal} {one.value}, distance {one.distance}"
            f" (at most {one.radius}), class {one.code or 'none'}."
            for one in document.matches
        ),
    ]
    if digests := texts(f"{one.signal} {one.value}" for one in document.fingerprints):
        lines.append(f"Fingerprints of the content: {digests}.")
    return "\n".join(lines)


def _unsent(grounds: Grounds) -> Iterable[str]:
    for one in grounds.files:
        if not one.sent:
            yield f"Kept by the reporter and not sent: SHA-256 {one.sha256}, {one.size} bytes, {one.media_type}."


def _digests(grounds: Grounds, signal: str) -> list[str]:
    return [one.value for one in grounds.document.fingerprints if one.signal == signal]


def _earlier(values: dict[str, Any], grounds: Grounds) -> str:
    """Put the numbers of earlier reports where they belong; what is no number, or has no person, as a text."""
    known = dict.fromkeys([*grounds.particulars.earlier, *grounds.earlier])
    numbers = [int(one) for one in known if one.isascii() and one.isdigit() and 0 < int(one) < 2**63]
    others = [one for one in known if not (one.isascii() and one.isdigit() and 0 < int(one) < 2**63)]
    owner = next((values[name][0] for name in KINDS.values() if values[name]), None)
    if owner is not None and numbers:
        owner["priorCTReports"] = numbers
    elif numbers:
        others = [*map(str, numbers), *others]
    return f"It follows up the reports {', '.join(others)}." if others else ""
