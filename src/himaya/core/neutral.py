"""The neutral form: a report in nobody's terms but ours, for bodies that take any. It is the shape of a packet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from himaya.core.filing import Choice, DraftFile, Form, FormField, Grounds
from himaya.core.filling import pruned
from himaya.core.particulars import UploadedFile
from himaya.core.words import N_

_ADDRESSES = FormField(
    "connections", N_("Addresses of the internet"), "group", many=True,
    fields=(
        FormField("address", N_("Address (IP)"), "text", required=True, longest=45),
        FormField("at", N_("When"), "moment",
                  why=N_("Without a time a provider cannot tell who had it.")),
        FormField("what", N_("At what"), "text", longest=255),
        FormField("proxy", N_("It may be a proxy"), "flag"),
        FormField("port", N_("Port"), "number"),
    ),
)  # fmt: skip
_DEVICES = FormField(
    "devices", N_("Devices"), "group", many=True,
    fields=(
        FormField("kind", N_("Kind of number"), "text", required=True, longest=255),
        FormField("value", N_("Number"), "text", required=True, longest=2083),
    ),
)  # fmt: skip
_ACCOUNTS = FormField(
    "accounts", N_("Accounts"), "group", many=True,
    why=N_("Without an account nobody can be found behind what was reported."),
    suggested=True,
    fields=(
        FormField("role", N_("Role"), "choice", required=True,
                  choices=(Choice("reported", N_("Reported")), Choice("recipient", N_("Recipient")),
                           Choice("victim", N_("Child or other affected person")))),
        FormField("id", N_("Identifier at the service"), "text", required=True, longest=255),
        FormField("service", N_("Service"), "text", longest=255),
        FormField("screen_names", N_("User names"), "text", many=True, longest=255),
        FormField("display_names", N_("Names as shown"), "text", many=True, longest=255),
        FormField("first_name", N_("First name"), "text", longest=255),
        FormField("last_name", N_("Last name"), "text", longest=255),
        FormField("emails", N_("E-mail addresses"), "text", many=True, longest=255),
        FormField("phones", N_("Telephone numbers"), "text", many=True, longest=255),
        FormField("profile_url", N_("Profile"), "text", longest=2083),
        FormField("age", N_("Age, as the service has it"), "number"),
        FormField("country", N_("Country, as the service has it"), "text", longest=2),
        _ADDRESSES,
        _DEVICES,
        FormField("note", N_("Note"), "long", longest=3000),
    ),
)  # fmt: skip
REPORT = FormField(
    "report", N_("Report"), "group", required=True,
    fields=(
        FormField("summary", N_("What happened"), "long", required=True, longest=5000,
                  why=N_("In plain words, so that whoever reads it knows what to do with it.")),
        FormField("law", N_("Ground in law"), "text", longest=500, suggested=True,
                  why=N_("Name the duty or the right by which you report: the body may have to.")),
        FormField("urgent", N_("Why it is urgent"), "long", longest=3000, suggested=True,
                  why=N_("Say it where a child may be in danger now; else leave it empty.")),
        FormField("contact", N_("Whom to ask back"), "text", longest=320, suggested=True,
                  why=N_("Without it the body cannot ask.")),
        FormField("happened_at", N_("When it happened"), "moment"),
        FormField("happened_note", N_("About that time"), "long", longest=3000),
        FormField("case", N_("Our case"), "text", longest=255),
        FormField("earlier", N_("Earlier reports that belong to it"), "text", many=True, longest=255),
        FormField("decision", N_("Decision"), "group", required=True,
                  fields=(
                      FormField("scheme", N_("Classification"), "text", required=True, longest=255),
                      FormField("code", N_("Class"), "text", required=True, longest=255),
                      FormField("label", N_("Class in words"), "text", longest=255),
                      FormField("reason", N_("Reason"), "long", longest=5000),
                      FormField("decided_at", N_("When it was decided"), "moment"),
                  )),
        FormField("fingerprints", N_("Fingerprints"), "group", many=True,
                  fields=(
                      FormField("signal", N_("Kind"), "text", required=True, longest=40),
                      FormField("value", N_("Value"), "text", required=True, longest=500),
                      FormField("quality", N_("Quality (of 100)"), "number"),
                  )),
        FormField("known", N_("Why it is known"), "group", many=True,
                  fields=(
                      FormField("list", N_("List"), "text", longest=255),
                      FormField("signal", N_("Kind"), "text", longest=40),
                      FormField("value", N_("Value"), "text", longest=500),
                      FormField("distance", N_("Distance in bits"), "number"),
                      FormField("class", N_("Class there"), "text", longest=255),
                      FormField("source", N_("Source"), "text", longest=255),
                  )),
        FormField("seen", N_("Where it was seen"), "group", many=True,
                  fields=(
                      FormField("at", N_("When"), "moment", required=True),
                      FormField("where", N_("Place"), "text", longest=4000),
                      FormField("by", N_("By what"), "text", longest=255),
                  )),
        FormField("venues", N_("Services and places"), "group", many=True,
                  fields=(
                      FormField("kind", N_("Kind"), "text", required=True, longest=40),
                      FormField("url", N_("Address"), "text", longest=2083),
                      FormField("name", N_("Name"), "text", longest=255),
                      FormField("note", N_("Note"), "long", longest=3000),
                  )),
        _ACCOUNTS,
        FormField("note", N_("Note"), "long", longest=3000),
    ),
)  # fmt: skip
FILE = FormField(
    "file", N_("File"), "group",
    fields=(
        FormField("name", N_("Name, as its owner gave it"), "text", longest=2083),
        FormField("uploaded_at", N_("When it was uploaded"), "moment"),
        FormField("url", N_("Address"), "text", longest=2083),
        FormField("viewed", N_("A person looked at the whole file"), "flag", required=True),
        FormField("public", N_("Anybody could see it"), "flag"),
        FormField("marks", N_("Marks"), "text", many=True, longest=255),
        FormField("connection", N_("From where it was uploaded"), "group", fields=_ADDRESSES.fields),
        _DEVICES,
        FormField("note", N_("Note"), "long", longest=3000),
    ),
)  # fmt: skip
FORM = Form(REPORT, FILE)


def filled(grounds: Grounds) -> dict[str, Any]:
    """All that is known, under the form's names; what happened is left to a person where no service told it."""
    document, told = grounds.document, grounds.particulars.model_dump(mode="json")
    verdict = document.verdict
    return _plain({
        "summary": told["note"],
        "urgent": told["urgent"],
        "contact": document.contact,
        "happened_at": told["happened_at"],
        "happened_note": told["happened_note"],
        "case": document.case[:255],
        "earlier": [*grounds.earlier, *told["earlier"]],
        "decision": {
            "scheme": verdict.scheme, "code": verdict.code, "label": str(verdict.label),
            "reason": verdict.reason[:5000], "decided_at": verdict.decided_at.isoformat(),
        },
        "fingerprints": [
            {"signal": one.signal, "value": one.value, "quality": one.quality} for one in document.fingerprints
        ],
        "known": [
            {"list": one.list_name, "signal": one.signal, "value": one.value, "distance": one.distance,
             "class": f"{one.scheme}: {one.code}" if one.code else "", "source": one.source}
            for one in document.matches
        ],
        "seen": [
            {"at": one.at.isoformat(), "where": one.where[:4000], "by": one.origin} for one in document.sightings
        ],
        "venues": told["venues"],
        "accounts": told["accounts"],
    })  # fmt: skip


def filled_file(one: DraftFile, uploads: Mapping[str, UploadedFile], *, sent: bool) -> DraftFile:
    """A file with what the service tells of it; it counts as looked at where the service says so, and never else."""
    told = uploads[one.sha256].model_dump(mode="json") if one.sha256 in uploads else {}
    names = {field.name for field in FILE.fields}
    values = {name: value for name, value in told.items() if name in names}
    stated = {**_plain(values), "viewed": bool(told.get("viewed", False))}
    return DraftFile(one.key, one.sha256, one.size, one.media_type, stated, sent)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty, and texts as they can be sent: what a stranger's path holds that is no text is escaped."""
    kept: dict[str, Any] = pruned(_storable(values))
    return kept


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {name: _storable(one) for name, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list | tuple) else value
