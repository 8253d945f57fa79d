"""Statements of reasons as the DSA Transparency Database takes them: the form, its rules, and what goes over the wire.

Source: the Commission's own code (digital-services-act/transparency-database, state of June 2026), its API page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from himaya.core.countries import COUNTRIES
from himaya.core.filing import Choice, Draft, Form, FormField, Gap, Values
from himaya.core.filling import gaps, is_empty, listed, moment, ordered, pruned, texts
from himaya.core.personal import CERTAIN, WORDS, found_in
from himaya.core.words import N_, Said

BATCH = 100
LONGEST_PUID = 500
EEA = tuple(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905 - a list of this is thirty lines
)
EARLIEST, APPLIED, LATEST = date(2000, 1, 1), date(2020, 1, 1), date(2038, 1, 1)
_PUID = re.compile(r"[^A-Za-z0-9_-]")
_LANGUAGE = re.compile(r"[A-Z]{2}")
_EAN = re.compile(r"[0-9]{13}")
MINORS = "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
ILLEGAL, INCOMPATIBLE = "DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"
KNOWN, SYNTHETIC = "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL", "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE"
GROOMING = "KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS"
DECISIONS = ("decision_visibility", "decision_monetary", "decision_provision", "decision_account")
FREE = ("decision_facts", "illegal_content_explanation", "incompatible_content_explanation", "content_type_other",
        "decision_visibility_other", "decision_monetary_other", "category_specification_other",
        "source_identity")  # fmt: skip
"""Texts in which nothing of a person may stand, nor a link that leads to the content."""
GROUNDS = ("illegal_content_legal_ground", "incompatible_content_ground", "decision_ground_reference_url")
"""As those, though a law or a page of terms may be linked to."""
OTHERS = {
    "content_type_other": ("content_type", "CONTENT_TYPE_OTHER"),
    "decision_visibility_other": ("decision_visibility", "DECISION_VISIBILITY_OTHER"),
    "decision_monetary_other": ("decision_monetary", "DECISION_MONETARY_OTHER"),
    "category_specification_other": ("category_specification", "KEYWORD_OTHER"),
}
"""Text → field and value that make it needed."""
BY_GROUND = {
    ILLEGAL: ("illegal_content_legal_ground", "illegal_content_explanation"),
    INCOMPATIBLE: ("incompatible_content_ground", "incompatible_content_explanation"),
}
LEFT_OUT = N_("The database leaves it out: it belongs to another choice than the one that was made.")
PERSONS = N_("It holds {what}. The database publishes its texts, and nothing of a person may stand in them.")
MAYBE = N_("It holds {what}. Look whether it is somebody's: the database publishes its texts.")


def _choices(prefix: str, **labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(f"{prefix}_{name}", label) for name, label in labels.items())


YES_NO = (Choice("Yes", N_("Yes")), Choice("No", N_("No")))
VISIBILITIES = _choices(
    "DECISION_VISIBILITY",
    CONTENT_REMOVED=N_("Content removed"),
    CONTENT_DISABLED=N_("Access to content disabled"),
    CONTENT_DEMOTED=N_("Content demoted"),
    CONTENT_AGE_RESTRICTED=N_("Content restricted by age"),
    CONTENT_INTERACTION_RESTRICTED=N_("Interaction with content restricted"),
    CONTENT_LABELLED=N_("Content labelled"),
    OTHER=N_("Another restriction"),
)
MONETARIES = _choices(
    "DECISION_MONETARY",
    SUSPENSION=N_("Payments suspended"),
    TERMINATION=N_("Payments ended"),
    OTHER=N_("Another restriction"),
)
PROVISIONS = _choices(
    "DECISION_PROVISION",
    PARTIAL_SUSPENSION=N_("Service suspended in part"),
    TOTAL_SUSPENSION=N_("Service suspended"),
    PARTIAL_TERMINATION=N_("Service ended in part"),
    TOTAL_TERMINATION=N_("Service ended"),
)
ACCOUNTS = _choices("DECISION_ACCOUNT", SUSPENDED=N_("Account suspended"), TERMINATED=N_("Account closed"))
CONTENT_TYPES = _choices(
    "CONTENT_TYPE",
    APP=N_("App"),
    AUDIO=N_("Sound"),
    IMAGE=N_("Picture"),
    PRODUCT=N_("Product"),
    SYNTHETIC_MEDIA=N_("Synthetic media"),
    TEXT=N_("Text"),
    VIDEO=N_("Video"),
    OTHER=N_("Another kind"),
)
KEYWORDS = (
    Choice(KNOWN, N_("Child sexual abuse material")),
    Choice(SYNTHETIC, N_("Child sexual abuse material, synthetic or altered")),
    Choice(GROOMING, N_("Grooming, sexual enticement of minors")),
    Choice("KEYWORD_AGE_SPECIFIC_RESTRICTIONS_MINORS", N_("Restrictions by age that protect minors")),
    Choice("KEYWORD_UNSAFE_CHALLENGES", N_("Unsafe challenges")),
    Choice("KEYWORD_OTHER", N_("Another keyword")),
)
SOURCES = (
    Choice("SOURCE_ARTICLE_16", N_("A notice (Art. 16)")),
    Choice("SOURCE_TRUSTED_FLAGGER", N_("A trusted flagger")),
    Choice("SOURCE_TYPE_OTHER_NOTIFICATION", N_("Another notification")),
    Choice("SOURCE_VOLUNTARY", N_("Own initiative")),
)
AUTOMATED = _choices(
    "AUTOMATED_DECISION",
    FULLY=N_("Fully automated"),
    PARTIALLY=N_("Partly automated"),
    NOT_AUTOMATED=N_("Not automated"),
)
CONTENT = FormField(
    "contents", N_("Contents"), "group", required=True, many=True,
    fields=(
        FormField("content_type", N_("Kind of content"), "choice", required=True, many=True, choices=CONTENT_TYPES),
        FormField("content_type_other", N_("Which other kind"), "text", longest=500),
        FormField("content_date", N_("When it was posted"), "moment", required=True,
                  why=N_("The database needs the day on which the content was posted.")),
        FormField("content_language", N_("Language of the content (two capitals)"), "text", longest=2),
        FormField("ean_13", N_("EAN of a product"), "text", longest=13),
    ),
)  # fmt: skip
REPORT = FormField(
    "report", N_("Statement of reasons"), "group", required=True,
    fields=(
        FormField("decision_visibility", N_("Decision: content"), "choice", many=True, choices=VISIBILITIES,
                  suggested=True,
                  why=N_("Say what was decided: of content, payments, service or account one at least.")),
        FormField("decision_visibility_other", N_("Which other restriction of content"), "text", longest=500),
        FormField("decision_monetary", N_("Decision: payments"), "choice", choices=MONETARIES),
        FormField("decision_monetary_other", N_("Which other restriction of payments"), "text", longest=500),
        FormField("decision_provision", N_("Decision: service"), "choice", choices=PROVISIONS),
        FormField("decision_account", N_("Decision: account"), "choice", choices=ACCOUNTS),
        FormField("account_type", N_("Kind of account"), "choice",
                  choices=_choices("ACCOUNT_TYPE", BUSINESS=N_("Business"), PRIVATE=N_("Private"))),
        FormField("decision_ground", N_("Ground"), "choice", required=True,
                  choices=(Choice(ILLEGAL, N_("Illegal content")), Choice(INCOMPATIBLE, N_("Against the terms")))),
        FormField("decision_ground_reference_url", N_("Where the ground is published"), "text", longest=500),
        FormField("illegal_content_legal_ground", N_("Law that it breaks"), "text", longest=500),
        FormField("illegal_content_explanation", N_("Why it breaks that law"), "long", longest=2000),
        FormField("incompatible_content_ground", N_("Term that it breaks"), "text", longest=500),
        FormField("incompatible_content_explanation", N_("Why it breaks that term"), "long", longest=2000),
        FormField("incompatible_content_illegal", N_("Whether it is illegal, too"), "choice", choices=YES_NO),
        FormField("decision_facts", N_("Facts that the decision rests on"), "long", required=True, longest=5000,
                  why=N_("How it was found and confirmed, without anything of a person.")),
        FormField("category", N_("Category"), "choice", required=True,
                  choices=(Choice(MINORS, N_("Protection of minors")),)),
        FormField("category_specification", N_("Keywords"), "choice", many=True, choices=KEYWORDS, suggested=True,
                  why=N_("Without a keyword nobody can count what was restricted.")),
        FormField("category_specification_other", N_("Which other keyword"), "text", longest=500),
        FormField("territorial_scope", N_("Where it applies (EU and EEA)"), "choice", many=True, suggested=True,
                  choices=tuple(Choice(code, COUNTRIES[code]) for code in EEA),
                  why=N_("Without countries it counts for none.")),
        FormField("application_date", N_("From when on it applies"), "moment", required=True),
        FormField("source_type", N_("What led to it"), "choice", required=True, choices=SOURCES),
        FormField("source_identity", N_("Who notified it (an organisation, never a person)"), "text", longest=500),
        FormField("automated_detection", N_("Found by automated means"), "choice", required=True, choices=YES_NO),
        FormField("automated_decision", N_("Decided by automated means"), "choice", required=True, choices=AUTOMATED),
        CONTENT,
        FormField("withheld", N_("Names that the texts must not hold (not sent)"), "text", many=True, longest=2083,
                  why=N_("Of accounts and files of the case: the texts are searched for them. Take out plain words.")),
    ),
)  # fmt: skip
FORM = Form(REPORT)


def flaws(draft: Draft) -> tuple[Gap, ...]:
    """Everything that is missing or wrong by the rules of the database, or of a person; the blocking first."""
    return ordered([*gaps(FORM, draft), *_rules(draft), *_persons(draft.values)])


def _rules(draft: Draft) -> Iterator[Gap]:
    values: Values = pruned(draft.values)
    if all(is_empty(values.get(name)) for name in DECISIONS):
        yield Gap("report", N_("Nothing is said of what was decided: of content, payments, service or account."), True)
    ground = values.get("decision_ground")
    for of, names in BY_GROUND.items():
        for name in names:
            if ground == of and is_empty(values.get(name)):
                yield Gap(f"report/{name}", N_("It is needed with this ground."), True)
            elif ground != of and not is_empty(values.get(name)):
                yield Gap(f"report/{name}", LEFT_OUT, False)
    if ground != INCOMPATIBLE and not is_empty(values.get("incompatible_content_illegal")):
        yield Gap("report/incompatible_content_illegal", LEFT_OUT, False)
    if values.get("source_type") == "SOURCE_VOLUNTARY" and not is_empty(values.get("source_identity")):
        yield Gap("report/source_identity", LEFT_OUT, False)
    yield from _others(values, "report")
    yield from _day(values.get("application_date"), "report/application_date", APPLIED)
    for number, one in enumerate(listed(draft.values.get("contents"))):
        if isinstance(one, Mapping):
            yield from _content(pruned(one), f"report/contents/{number}")
    if not draft.key or len(_puid(draft.key)) > LONGEST_PUID - 5:
        yield Gap("report", N_("The key is too long to be a number of the database."), True)


def _content(one: Mapping[str, Any], path: str) -> Iterator[Gap]:
    yield from _others(one, path)
    yield from _day(one.get("content_date"), f"{path}/content_date", EARLIEST)
    for name, pattern, why in (
        ("content_language", _LANGUAGE, N_("A language is two capital letters, as in EN (ISO 639-1).")),
        ("ean_13", _EAN, N_("An EAN has 13 digits.")),
    ):
        value = one.get(name)
        if isinstance(value, str) and value and not pattern.fullmatch(value):
            yield Gap(f"{path}/{name}", why, True)


def _others(values: Mapping[str, Any], path: str) -> Iterator[Gap]:
    """A text of another kind is needed with the choice *other*, and goes with no other one."""
    for name, (field, value) in OTHERS.items():
        if (field == "content_type") == (path == "report"):
            continue
        chosen = value in texts(values.get(field))
        if chosen and is_empty(values.get(name)):
            yield Gap(f"{path}/{name}", N_("Say which other one was chosen."), True)
        elif not chosen and not is_empty(values.get(name)):
            yield Gap(f"{path}/{name}", LEFT_OUT, False)


def _day(value: object, path: str, earliest: date) -> Iterator[Gap]:
    found = moment(value)
    if found and not earliest <= found.date() <= LATEST:
        why = Said(
            "The database takes days from {first} to {last}.", first=earliest.isoformat(), last=LATEST.isoformat()
        )
        yield Gap(path, why, True)


def _persons(values: Values) -> Iterator[Gap]:
    names = texts(values.get("withheld"))
    yield from _persons_in(values, "report", names)
    for number, one in enumerate(listed(values.get("contents"))):
        if isinstance(one, Mapping):
            yield from _persons_in(one, f"report/contents/{number}", names)


def _persons_in(values: Mapping[str, Any], path: str, names: Sequence[str]) -> Iterator[Gap]:
    for field in (*FREE, *GROUNDS):
        text = values.get(field)
        for what in found_in(text, names) if isinstance(text, str) else ():
            if what == "link" and field in GROUNDS:
                continue
            certain = what in CERTAIN
            yield Gap(f"{path}/{field}", Said(PERSONS if certain else MAYBE, what=WORDS[what]), certain)


def _puid(key: str) -> str:
    return _PUID.sub(lambda found: f"-{ord(found[0]):x}-", key)


def statements(draft: Draft) -> list[dict[str, Any]]:
    """The statements as they go over the wire: one a content, under our key, numbered where there are several."""
    common, contents = dict(pruned(draft.values)), listed(draft.values.get("contents"))
    common.pop("withheld", None)
    common.pop("contents", None)
    ground = common.get("decision_ground")
    dropped = {name for of, names in BY_GROUND.items() if of != ground for name in names}
    dropped |= {"incompatible_content_illegal"} if ground != INCOMPATIBLE else set()
    dropped |= {"source_identity"} if common.get("source_type") == "SOURCE_VOLUNTARY" else set()
    dropped |= {name for name, (field, value) in OTHERS.items() if value not in texts(common.get(field))}
    common = {name: value for name, value in common.items() if name not in dropped}
    common["application_date"] = _wire_day(common.get("application_date"))
    made = []
    for number, one in enumerate(contents, 1):
        content = dict(pruned(one)) if isinstance(one, Mapping) else {}
        if "CONTENT_TYPE_OTHER" not in texts(content.get("content_type")):
            content.pop("content_type_other", None)
        content["content_date"] = _wire_day(content.get("content_date"))
        if ean := content.pop("ean_13", ""):
            content["content_id"] = {"EAN-13": ean}
        puid = _puid(draft.key) + (f"-{number}" if len(contents) > 1 else "")
        made.append({**common, **content, "puid": puid})
    return made


def _wire_day(value: object) -> str:
    found = moment(value)
    return found.date().isoformat() if isinstance(found, datetime) else ""
