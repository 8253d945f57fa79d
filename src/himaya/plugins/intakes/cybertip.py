"""A CyberTipline report as it is downloaded: the report as XML, what is said of each file as XML, and the files.

The elements are those of the public reporting schema (``report``, ``fileDetails``); a file of which no ``fileDetails``
tell is taken nevertheless. Addresses, names of accounts and other facts about persons stay in the report, which is kept
as it came: they are not copied out of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from himaya.core.intake.offered import MAX_LABELS, Declared, Intake, Label, Offered, Told, declared, label, short, when
from himaya.core.intake.parcels import BadPlace, Parcel, head_of, text_of
from himaya.core.markup import BadMarkup, child, named, text, whole
from himaya.core.words import N_

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_DETAILS, MAX_XML, MAX_DEEP = 5000, 8 * 1024**2, 5
MOST_LOOKED_AT, FEW = 20_000, 50
"""XML documents whose beginning is looked at; documents in which the report's number is looked for."""
_ROOT = re.compile(rb"<(report|fileDetails|reportDoneResponse)[\s>]")
_NUMBER = re.compile(r"(?<!\d)(\d{5,12})(?!\d)")
_FACTS = {
    "fileRelevance": "relevance", "uploadedToEspTimestamp": "uploaded", "locationOfFile": "location",
    "fileViewedByEsp": "viewed by the provider", "publiclyAvailable": "publicly available",
}  # fmt: skip


class CyberTip(Intake):
    """The report's number, type and time, and each file with its digests, its time and what the provider says of it."""

    name: ClassVar[str] = "cybertip"
    label: ClassVar[str] = N_("CyberTipline report")
    occasion: ClassVar[str] = "tip"

    def documents(self, parcel: Parcel) -> tuple[str, ...]:
        """The XML of the report first, then that of the files. Without a report it is none."""
        found: dict[str, list[str]] = {"report": [], "fileDetails": [], "reportDoneResponse": []}
        near = (name for name in sorted(parcel.files) if name.lower().endswith(".xml") and name.count("/") < MAX_DEEP)
        for name in islice(near, MOST_LOOKED_AT):
            if sum(map(len, found.values())) < MAX_DETAILS:
                match = _ROOT.search(head_of(parcel, name, 4096))
                if match:
                    found[match[1].decode()].append(name)
        if not found["report"]:
            return ()
        return (*found["report"], *found["fileDetails"], *found["reportDoneResponse"])

    def told(self, parcel: Parcel, documents: tuple[str, ...]) -> Told:
        """What the report says of itself; its number may stand beside it, or in the name of its file."""
        report = _element(parcel, documents[0])
        if named(report) != "report":
            raise BadPlace(where=documents[0], why=N_("it is no report"))
        summary, reporter = child(report, "incidentSummary"), child(report, "reporter")
        number = next((found for name in documents[1:FEW] if (found := _number(_element(parcel, name)))), "")
        in_name = _NUMBER.search(documents[0])
        platform = short(text(child(summary, "platform"))) if summary is not None else ""
        person = child(reporter, "reportingPerson") if reporter is not None else None
        address = text(child(person, "email")) if person is not None else ""
        happened = when(text(child(summary, "incidentDateTime"))) if summary is not None else None
        kind = short(text(child(summary, "incidentType"))) if summary is not None else ""
        return Told(
            number=number or (in_name[1] if in_name else ""),
            sender=platform or short(address.rpartition("@")[2]), at=happened,
            facts={"incident type": kind} if kind else {},
        )  # fmt: skip

    def offered(self, parcel: Parcel, documents: tuple[str, ...]) -> Iterator[Offered]:
        """Each file, with what its ``fileDetails`` say of it; then those that merely came."""
        left = _Left(set(parcel.files).difference(documents))
        for name in documents:
            element = _element(parcel, name)
            if named(element) == "fileDetails":
                one = _offered(element, name, left)
                left.take(one.name)
                yield one
        for name in sorted(left.names):
            yield Offered(name, called=name)


def _element(parcel: Parcel, name: str) -> Element:
    try:
        content = text_of(parcel, name, most=MAX_XML)
        match = _ROOT.search(content)
        return whole(content, root=match[1].decode() if match else "report")
    except BadMarkup as error:
        raise BadPlace(where=name, why=error.said()) from None


def _number(element: Element) -> str:
    found = short(text(child(element, "reportId")), 40)
    return found if found.isdigit() else ""


def _offered(element: Element, document: str, left: _Left) -> Offered:
    facts = {said: told for key, said in _FACTS.items() if (told := short(text(child(element, key))))}
    number = short(text(child(element, "fileId")), 64)
    called = text(child(element, "originalFileName")) or text(child(element, "fileName"))
    name = _place(called, text(child(element, "fileName")), number, left)
    digests: list[Declared] = []
    for one in element:
        if named(one) == "originalFileHash":
            digests += declared(one.get("hashType", ""), text(one), document)
    return Offered(
        name=name, called=short(called) or number, declared=tuple(dict.fromkeys(digests)),
        facts=facts | ({"file number": number} if number else {}),
        at=when(text(child(element, "uploadedToEspTimestamp"))), labels=_labels(element),
        trouble="" if name else N_("it is not there"),
    )  # fmt: skip


def _place(called: str, other: str, number: str, left: _Left) -> str:
    """The file: called as it was, or by its number."""
    wanted = ["/" + one.replace("\\", "/").rpartition("/")[2].lower() for one in (called, other) if one]
    return next((found for key in [*wanted, number.lower()] if key and (found := left.only(key))), "")


class _Left:
    """Files of which nothing was told yet, found by what they are called (``/name.jpg``), or by the number that their
    name is, begins or ends with. Each is looked at once, however many documents ask for one.
    """

    def __init__(self, names: set[str]) -> None:
        self.names = names
        self._numbers = dict(enumerate(names))
        self._of = {name: number for number, name in self._numbers.items()}
        self._count, self._sum = Counter[str](), Counter[str]()
        for name, number in self._of.items():
            for key in _keys(name):
                self._count[key] += 1
                self._sum[key] += number

    def only(self, key: str) -> str:
        """The one file that is left of a key; empty: none, or several."""
        return self._numbers[self._sum[key]] if self._count.get(key) == 1 else ""

    def take(self, name: str) -> None:
        """Something was told of a file: it is not left any more."""
        if name in self.names:
            self.names.remove(name)
            for key in _keys(name):
                self._count[key] -= 1
                self._sum[key] -= self._of[name]


def _keys(name: str) -> set[str]:
    last = name.rpartition("/")[2].lower()
    parts = [part for part in re.split(r"[^0-9a-z]", last.rpartition(".")[0] or last) if part]
    return {"/" + last, last.rpartition(".")[0] or last, *parts[:1], *parts[-1:]}


def _labels(element: Element) -> tuple[Label, ...]:
    found: list[Label] = []
    found += label(
        "category", f"industry:{graded}" if (graded := text(child(element, "industryClassification"))) else ""
    )
    flags = child(element, "fileAnnotations")
    for flag in flags if flags is not None else ():
        name = named(flag)
        kind = "self-generated" if name == "possibleSelfProduction" else "tag"
        if text(flag).lower() in ("", "true", "1"):
            found += label(kind, "yes" if kind != "tag" else name)
    return tuple(dict.fromkeys(found))[:MAX_LABELS]


PLUGIN = CyberTip()
