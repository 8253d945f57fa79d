"""Reports as INHOPE's ICCAM (API 3) takes them: the form, its codes and rules, and what goes over the wire.

INHOPE gives its documentation to members alone. What stands here is read from SCART, the open-source tool of the Dutch
hotline (AbuseIO/SCART-application, 1f8cfd5, May 2024), which speaks this interface; two of its mistakes are not copied:
it writes local times as UTC, and swaps *user-generated* and *child modelling*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from himaya.core.countries import COUNTRIES
from himaya.core.filing import Choice, Draft, Form, FormField, Gap
from himaya.core.filling import gaps, is_empty, listed, moment, ordered, pruned
from himaya.core.words import N_, Said

BASELINE, NATIONAL, IGNORE = 1, 2, 4
MOVED = "moved"
FINAL = frozenset({"3", "4", "6"})
"""Actions after which ICCAM takes no other one for a content."""
REASONED = frozenset({"4", "6"})
MEDIA, WEBSITE = "1", "2"
NOT_SAID = "1"
"""*Not categorised* and *not determined*, of age, gender, commerciality and payment."""


def _choices(**labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(name.removeprefix("c"), label) for name, label in labels.items())


CLASSIFICATIONS = _choices(c1=N_("Baseline"), c2=N_("National"), c4=N_("Not illegal (ignore)"))
AGES = _choices(c1=N_("Not categorised"), c2=N_("Infant"), c3=N_("Pre-pubescent"), c4=N_("Pubescent"))
GENDERS = _choices(c1=N_("Not determined"), c2=N_("Female"), c3=N_("Male"), c4=N_("Both"))
SITE_TYPES = _choices(
    c2=N_("Website"), c3=N_("File host"), c4=N_("Image store"), c5=N_("Image board"), c6=N_("Forum"),
    c7=N_("Banner site"), c8=N_("Link site"), c9=N_("Social network"), c10=N_("Redirector"), c11=N_("Web archive"),
    c18=N_("Search service"), c20=N_("Image host"), c22=N_("Blog"), c24=N_("Not applicable"),
)  # fmt: skip
COMMERCIALITIES = _choices(c1=N_("Not determined"), c2=N_("Commercial"), c3=N_("Not commercial"))
PAYMENTS = _choices(
    c1=N_("Not determined"), c2="American Express", c3="Diners", c4="Mastercard", c5="PayPal", c6="Visa",
    c7="Western Union", c8=N_("Other"), c9=N_("None"), c10="SMS", c11=N_("E-mail"), c12="Liberty Reserve",
    c13="Bitcoin",
)  # fmt: skip
ACTIONS = (
    Choice("1", N_("Reported to the police")),
    Choice("2", N_("Reported to the provider")),
    Choice("3", N_("Removed")),
    Choice("4", N_("Not available")),
    Choice(MOVED, N_("Moved to another host")),
    Choice("6", N_("Not illegal")),
)
REASONS = _choices(
    c1=N_("Other"), c2=N_("Content not found"), c3=N_("Referrer not known or not correct"), c4=N_("No access"),
    c5=N_("Protected by a password"), c6=N_("Account disabled"), c7=N_("No access by law"), c8=N_("Link expired"),
    c9=N_("Not found, or site down"), c10=N_("Not available for the time being"), c11=N_("Needs a paid account"),
    c12=N_("Parts of the file are missing"), c13=N_("Removed before it was assessed"), c14=N_("Adults only"),
    c15=N_("Nudity that is not sexualised"), c16=N_("Below the threshold of the law"), c17=N_("Pictures too small"),
    c18=N_("Virtual material"), c19=N_("Links that are not illegal"), c20=N_("Age not clear"),
    c21=N_("Age above the limit of the law"),
)  # fmt: skip
LISTS = {
    "classifications": CLASSIFICATIONS, "age-categories": AGES, "gender-categories": GENDERS, "site-types": SITE_TYPES,
    "commercialities": COMMERCIALITIES, "payment-methods": PAYMENTS,
    "action-types": tuple(one for one in ACTIONS if one.value != MOVED),
}  # fmt: skip
"""ICCAM's list of codes → ours."""
COUNTRY = tuple(Choice(code, name) for code, name in COUNTRIES.items())
_ASSESSMENT = FormField(
    "assessment", N_("Assessment"), "group", required=True,
    fields=(
        FormField("classification", N_("Classification"), "choice", required=True, choices=CLASSIFICATIONS,
                  why=N_("Baseline is final, nobody takes it back; the hotline of the host may overrule National.")),
        FormField("ageCategorization", N_("Age"), "choice", required=True, choices=AGES),
        FormField("genderCategorization", N_("Gender"), "choice", required=True, choices=GENDERS),
        FormField("virtualContentCategorization", N_("Virtual or generated"), "flag"),
        FormField("userGeneratedContentCategorization", N_("Made by the child, or by other users"), "flag"),
        FormField("childModelingCategorization", N_("Child modelling"), "flag"),
    ),
)  # fmt: skip
_ACTIONS = FormField(
    "actions", N_("Actions"), "group", many=True,
    fields=(
        FormField("actionType", N_("Action"), "choice", required=True, choices=ACTIONS),
        FormField("actionDate", N_("When"), "moment", required=True),
        FormField("reasonId", N_("Reason"), "choice", choices=REASONS),
        FormField("reasonText", N_("Reason in words"), "text", longest=500),
        FormField("newCountryCode", N_("New country"), "choice", choices=COUNTRY),
        FormField("newIpAddress", N_("New address (IP)"), "text", longest=45),
    ),
)  # fmt: skip
_URLS = FormField(
    "urls", N_("Web addresses"), "group", required=True, many=True,
    fields=(
        FormField("urlString", N_("Web address"), "text", required=True, longest=2083),
        FormField("isSourceUrl", N_("The page from which the others were found"), "flag"),
        FormField("hostingCountryCode", N_("Country of the host"), "choice", required=True, choices=COUNTRY,
                  why=N_("It decides which hotline acts.")),
        FormField("hostingIpAddress", N_("Address of the host (IP)"), "text", longest=45, suggested=True,
                  why=N_("By it the hotline there finds the provider.")),
        FormField("hostingIsp", N_("Provider"), "text", longest=255),
        FormField("hostingOrganization", N_("Organisation that hosts it"), "text", longest=255),
        FormField("contentType", N_("Kind"), "choice", required=True,
                  choices=(Choice(MEDIA, N_("Picture or film")), Choice(WEBSITE, N_("Web page")))),
        FormField("memo", N_("Memo"), "long", longest=2000),
        _ASSESSMENT,
        _ACTIONS,
    ),
)  # fmt: skip
REPORT = FormField(
    "report", N_("Report"), "group", required=True,
    fields=(
        FormField("reportId", N_("Report in ICCAM that this follows up"), "text", longest=20),
        FormField("hotlineReceivedDate", N_("When we received it"), "moment", required=True),
        FormField("memo", N_("Memo"), "long", longest=4000),
        _URLS,
        FormField("sourceUrlSiteType", N_("Kind of site"), "choice", required=True, choices=SITE_TYPES),
        FormField("sourceUrlCommerciality", N_("Commerciality"), "choice", required=True, choices=COMMERCIALITIES),
        FormField("sourceUrlPaymentMethods", N_("Ways to pay"), "choice", required=True, many=True, choices=PAYMENTS),
        FormField("sourceUrlReferrer", N_("Referrer"), "text", longest=2083,
                  why=N_("Some pages show their content only to who comes from there.")),
        FormField("sourceUrlUsername", N_("User name for the page"), "text", longest=255),
        FormField("sourceUrlPassword", N_("Password for the page"), "text", longest=255),
    ),
)  # fmt: skip
FORM = Form(REPORT)


# --- rules -----------------------------------------------------------------------------------------------------------


def flaws(draft: Draft, country: str) -> tuple[Gap, ...]:
    """Everything that is missing or wrong; the blocking first. ``country``: that of our hotline."""
    return ordered([*gaps(FORM, draft), *_rules(draft, country)])


def _rules(draft: Draft, country: str) -> Iterator[Gap]:
    urls = [one for one in listed(draft.values.get("urls")) if isinstance(one, Mapping)]
    follows = draft.values.get("reportId")
    if isinstance(follows, str) and follows.strip() and not (follows.isascii() and follows.isdigit()):
        yield Gap("report/reportId", N_("A report in ICCAM has a number made of digits."), True)
    if urls and sum(one.get("isSourceUrl") is True for one in urls) != 1:
        yield Gap("report/urls", N_("One of the web addresses is the page from which the others were found."), True)
    seen: set[str] = set()
    for number, one in enumerate(listed(draft.values.get("urls"))):
        if isinstance(one, Mapping):
            yield from _url(one, f"report/urls/{number}", country, seen)


def _url(one: Mapping[str, Any], path: str, country: str, seen: set[str]) -> Iterator[Gap]:
    place = one.get("urlString")
    if isinstance(place, str) and place:
        if not is_web(place):
            yield Gap(f"{path}/urlString", N_("It is no web address (http or https)."), True)
        elif same(place) in seen:
            yield Gap(f"{path}/urlString", N_("It is there twice."), True)
        seen.add(same(place))
    yield from _address(one.get("hostingIpAddress"), f"{path}/hostingIpAddress")
    actions = [each for each in listed(one.get("actions")) if isinstance(each, Mapping)]
    if actions and one.get("hostingCountryCode") != country:
        why = N_("The content lies in another country: its hotline acts, and ICCAM takes no actions from ours.")
        yield Gap(f"{path}/actions", why, True)
    kinds = [str(each.get("actionType")) for each in actions]
    if sum(kind in FINAL for kind in kinds) > 1 or len(set(kinds)) < len(kinds):
        yield Gap(
            f"{path}/actions", N_("Each action stands once, and of removed, not available and not illegal one."), True
        )
    assessed = one.get("assessment")
    illegal = isinstance(assessed, Mapping) and assessed.get("classification") in ("1", "2")
    if illegal and "6" in kinds:
        yield Gap(f"{path}/actions", N_("The assessment says that it is illegal, and an action that it is not."), True)
    for number, each in enumerate(listed(one.get("actions"))):
        if isinstance(each, Mapping):
            yield from _action(each, f"{path}/actions/{number}")


def _action(one: Mapping[str, Any], path: str) -> Iterator[Gap]:
    kind = str(one.get("actionType"))
    if kind in REASONED and is_empty(one.get("reasonId")):
        yield Gap(f"{path}/reasonId", N_("This action needs a reason."), True)
    if kind == MOVED:
        for name in ("newCountryCode", "newIpAddress"):
            if is_empty(one.get(name)):
                yield Gap(f"{path}/{name}", N_("Say where it is now."), True)
    yield from _address(one.get("newIpAddress"), f"{path}/newIpAddress")


def _address(value: object, path: str) -> Iterator[Gap]:
    if isinstance(value, str) and value:
        try:
            ip_address(value)
        except ValueError:
            yield Gap(path, N_("It is no address of the internet (IP)."), True)


def is_web(place: str) -> bool:
    """Whether it is an absolute address of the web."""
    try:
        parts = urlsplit(place)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and not any(c.isspace() for c in place)


def same(place: str) -> str:
    """Web addresses that ICCAM may write differently, in one way: small scheme and host, no slash at the end."""
    try:
        parts = urlsplit(place.strip())
    except ValueError:
        return place
    rest = parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()
    return rest.rstrip("/")


# --- the wire --------------------------------------------------------------------------------------------------------


def utc(value: object) -> str:
    """A time as ICCAM writes it: in UTC, with a Z that is true."""
    found = moment(value) if not isinstance(value, datetime) else value.astimezone(UTC)
    return found.replace(microsecond=0, tzinfo=None).isoformat() + "Z" if found else ""


def urls(draft: Draft) -> list[dict[str, Any]]:
    """The web addresses of a draft, in order."""
    return [dict(one) for one in listed(pruned(draft.values).get("urls")) if isinstance(one, Mapping)]


def actions(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The actions of a web address, what is final at last."""
    found = [dict(each) for each in listed(one.get("actions")) if isinstance(each, Mapping)]
    return sorted(found, key=lambda each: str(each.get("actionType")) in FINAL)


def reference(key: str, number: int) -> str:
    """Our reference of the number-th web address of a report (from 0): each is unique in ICCAM."""
    return f"{key}/{number + 1}"


def report(draft: Draft, analyst: str) -> dict[str, Any]:
    """The body of ``POST rest/reports``. Actions go later: ICCAM takes none with a new report."""
    values = pruned(draft.values)
    return {
        "reportingAnalystName": analyst,
        "hotlineReceivedDate": utc(values.get("hotlineReceivedDate")),
        "hotlineReference": draft.key,
        "memo": values.get("memo", ""),
        "urls": [_wire_url(draft.key, number, one, analyst) for number, one in enumerate(urls(draft))],
        "sourceUrlUsername": values.get("sourceUrlUsername", ""),
        "sourceUrlPassword": values.get("sourceUrlPassword", ""),
        "sourceUrlReferrer": values.get("sourceUrlReferrer"),
        "sourceUrlSiteType": _number(values.get("sourceUrlSiteType")),
        "sourceUrlCommerciality": _number(values.get("sourceUrlCommerciality")),
        "sourceUrlPaymentMethods": [_number(one) for one in listed(values.get("sourceUrlPaymentMethods"))],
    }


def _wire_url(key: str, number: int, one: Mapping[str, Any], analyst: str) -> dict[str, Any]:
    organisation = one.get("hostingOrganization") or one.get("hostingIsp")
    return {
        "urlString": one.get("urlString", ""),
        "hotlineReference": reference(key, number),
        "hostingCountryCode": one.get("hostingCountryCode", ""),
        "hostingIpAddress": one.get("hostingIpAddress"),
        "hostingIsp": one.get("hostingIsp"),
        "hostingOrganization": {"organizationName": organisation} if organisation else None,
        "isSourceUrl": one.get("isSourceUrl") is True,
        "memo": one.get("memo", ""),
        "contentType": _number(one.get("contentType")),
        "assessment": assessment(one, analyst),
        "actions": [],
    }


def assessment(one: Mapping[str, Any], analyst: str) -> dict[str, Any]:
    """What is said of a web address; of what is left open nothing is sent."""
    stated = one.get("assessment")
    values: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
    made: dict[str, Any] = {"assessingAnalystName": analyst}
    for field in _ASSESSMENT.fields:
        if field.kind == "choice":
            made[field.name] = _number(values.get(field.name))
        elif field.name in values:
            made[field.name] = int(values[field.name])
    return made


def action(one: Mapping[str, Any], analyst: str) -> dict[str, Any]:
    """The body of ``POST rest/Content/{id}/actions``; the first three have no reason there."""
    made: dict[str, Any] = {
        "actionType": _number(one.get("actionType")), "actioningAnalystName": analyst,
        "actionDate": utc(one.get("actionDate")),
    }  # fmt: skip
    if one.get("actionType") in REASONED:
        label = next((str(each.label) for each in REASONS if each.value == one.get("reasonId")), "")
        made |= {"reasonId": _number(one.get("reasonId")), "reasonText": one.get("reasonText") or label}
    return made


def _number(value: object) -> int | None:
    """ICCAM takes codes as numbers alone."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def lacking(name: str, answer: Any) -> tuple[list[str], list[str]] | None:
    """Compare a list of codes that ICCAM gives with ours.

    Returns:
        Codes of ours that it does not have, and how it names those that it calls otherwise; None: it cannot be read.
    """
    theirs = {_code(one): _named(one) for one in listed(answer) if isinstance(one, Mapping)}
    theirs.pop(None, None)
    if not theirs:
        return None
    missing = [one.value for one in LISTS[name] if int(one.value) not in theirs]
    other = [
        f"{one.value}: {theirs[int(one.value)]}"
        for one in LISTS[name]
        if int(one.value) in theirs and _letters(theirs[int(one.value)]) != _letters(str(one.label))
    ]
    return missing, other


def _code(one: Mapping[str, Any]) -> int | None:
    found = next((one[name] for name in one if name.lower().endswith("id")), None)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _named(one: Mapping[str, Any]) -> str:
    return next((str(one[name])[:80] for name in one if name.lower().endswith(("name", "description"))), "")


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def refuses_for_now(words: str, phrases: Sequence[str] = ("not in the right phase", "not in correct state")) -> bool:
    """Whether ICCAM refuses only because it is still at work with the report."""
    return any(phrase in words.casefold() for phrase in phrases)


def unknown(key: str, address: str, since: datetime) -> str:
    """What a person is asked where nobody can tell whether a report was taken."""
    return Said(
        "Look in ICCAM ({address}) for a report of our hotline with the reference {key}, from {since} on. If it is "
        "there, note its number; if it is not there after an hour, file it again.",
        address=address, key=key, since=utc(since),
    )  # fmt: skip
