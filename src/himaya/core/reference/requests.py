"""Requests for mutual legal assistance: what stands in one, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from himaya.core.reference import marks
from himaya.core.reference.fields import Field
from himaya.core.reference.marks import Mark
from himaya.core.words import N_

PARTS = {
    "authorities": N_("Authorities"),
    "legal-basis": N_("Legal basis"),
    "facts": N_("Facts"),
    "assistance": N_("Assistance asked for"),
    "digital-evidence": N_("Digital evidence"),
    "handling": N_("How it is to be handled"),
    "annexes": N_("Annexes"),
    "models": N_("Model requests"),
}
"""The parts of a request, in the order in which they stand → in words."""
FIELDS = (
    Field("part", N_("Part"), needed=True, choices=PARTS),
    Field("field", N_("Field"), needed=True),
    *marks.FIELDS,
)

SHIPPED = (
    N_("Central authority of requesting state"),
    N_("Competent authority"),
    N_("Contact person, e-mail, phone"),
    N_("Requested state central authority"),
    N_("Treaty (bilateral, Budapest Convention, UNTOC, UNCAC, UN Cybercrime Convention) or reciprocity"),
    N_("Offence, provisions, maximum penalty"),
    N_("Dual criminality note"),
    N_("Limitation period"),
    N_("Case reference"),
    N_("Facts summary linking evidence to offence"),
    N_("Suspects with identifiers"),
    N_("Victims (coded)"),
    N_("Why assistance is needed"),
    N_("Preservation"),
    N_("Stored subscriber data"),
    N_("Stored traffic data"),
    N_("Stored content"),
    N_("Real-time traffic data"),
    N_("Interception"),
    N_("Witness statement"),
    N_("Search and seizure"),
    N_("Service of documents"),
    N_("Freezing of proceeds"),
    N_("Provider name and country"),
    N_("Account identifiers"),
    N_("IP address with time and time zone and port"),
    N_("URL"),
    N_("Date range"),
    N_("Hash values"),
    N_("Preservation reference number and date"),
    N_("Urgency and reason"),
    N_("Confidentiality, no notice to the user"),
    N_("Formalities for admissibility"),
    N_("Specialty/use limits"),
    N_("Data-protection terms"),
    N_("Costs"),
    N_("Translation"),
    N_("Return of material"),
    N_("Legal texts"),
    N_("Court order"),
    N_("Chain of custody"),
    N_("Glossary"),
)
"""The fields that the program ships, for the catalogue: a request is written in more than one language."""


@dataclass(frozen=True, slots=True)
class RequestField:
    """Something that a request for assistance states.

    Attributes:
        key: names the row for good.
        part: a name of :data:`PARTS`.
        field: what is stated, in words.
        mark: how far the row can be relied upon.
    """

    key: str
    part: str
    field: str
    mark: Mark


def made(key: str, values: Mapping[str, str], *, ours: bool = False) -> RequestField:
    """A row as others use it, from its texts."""
    return RequestField(key, values["part"], values["field"], marks.mark(values, ours=ours))


def flaw(_: Mapping[str, str]) -> tuple[str, str]:
    """Its fields always go together."""
    return "", ""
