"""A request as it is printed and signed: HTML, and PDF where weasyprint is installed, in English and in Arabic.

What is stated stands as it was written, in whatever language; the form around it is in the language of the page. What
is missing of a draft stands on top of it, so that nobody sends it by mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING

from himaya.core.bundles.report import Language, code, data, facts, framed
from himaya.core.config import config
from himaya.core.countries import PLACES
from himaya.core.reference.requests import PARTS
from himaya.core.words import N_
from himaya.evidence.demands.requesting import ASSIST, KINDS, asked_fields, lacking
from himaya.evidence.demands.states import DRAFT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from himaya.core.reference import RequestField
    from himaya.evidence.demands.models import Request

LEADS: Mapping[str, str] = {
    "preservation": N_(
        "We ask that the data named below be preserved as they are now, quickly, until a request for legal assistance "
        "follows, and that nobody be told of it. Preserving is not handing over: no content is asked for by this."
    ),
    ASSIST: N_("We ask for the legal assistance named below, by the treaty or on the ground stated in it."),
}
"""Kind → what is asked, in a sentence."""
DRAFTED = N_("A draft: it has not been sent")
MISSING = N_("Missing before it can be sent:")
SIGNED = (N_("Name and office"), N_("Place and date"), N_("Signature"))
PROVED = N_("SHA-256 of the text as it was sent, which the record holds:")


def html(one: Request, language: Language) -> bytes:
    """The request as one page that asks nobody for anything."""
    made = (one.sent_at or one.made_at).isoformat(timespec="seconds")
    lines = framed(KINDS[one.kind], _body(one, language), language=language, number=one.reference, made=made)
    return "\n".join(lines).encode() + b"\n"


def _body(one: Request, language: Language) -> Iterator[str]:
    said = language.said
    if one.state == DRAFT:
        yield from _draft(one, language)
    yield f"<p>{said(LEADS[one.kind])}</p>"
    yield from facts(_head(one, language))
    fields = asked_fields()
    for part, words in PARTS.items():
        stated = [field for field in fields if field.part == part and one.fields.get(field.key)]
        if stated:
            yield f"<h2>{said(words)}</h2>"
            yield from facts((said(field.field), _text(one.fields[field.key])) for field in stated)
    yield f"<h2>{said(SIGNED[-1])}</h2>"
    yield from facts((said(what), "&nbsp;") for what in SIGNED)
    if one.text:
        yield f"<p>{said(PROVED)}</p>"
        yield f"<pre>{sha256(one.text.encode()).hexdigest()}</pre>"


def _draft(one: Request, language: Language) -> Iterator[str]:
    missing = lacking(one)
    yield f"<h2>{language.said(DRAFTED)}</h2>"
    if missing:
        yield f"<p>{language.said(MISSING)}</p>\n<ul>"
        yield from (f"<li>{' / '.join(_name(field, language) for field in each.fields)}</li>" for each in missing)
        yield "</ul>"


def _name(field: RequestField, language: Language) -> str:
    return language.said(field.field)


def _head(one: Request, language: Language) -> Iterator[tuple[str, str]]:
    said = language.said
    yield said(N_("Our number")), code(one.reference)
    yield said(N_("From")), data(config().organisation)
    yield said(N_("To")), f"{data(one.recipient)} ({said(PLACES[one.country])})"
    if one.reference_theirs:
        yield said(N_("Your reference")), data(one.reference_theirs)
    if one.sent_at:
        yield said(N_("Sent")), code(one.sent_at.isoformat(timespec="seconds"))


def _text(text: str) -> str:
    """What is stated, line by line."""
    return "<br>".join(data(line) for line in text.splitlines())
