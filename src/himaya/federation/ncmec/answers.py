"""How this door answers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from django.http import HttpResponse

from himaya.core.hash_sharing import TYPES
from himaya.federation.door import NothingHere
from himaya.federation.ncmec.entries import SIGNALS, document

if TYPE_CHECKING:
    from himaya.core.errors import HimayaError

XML = "application/xml; charset=utf-8"


def told(root: str, inner: str, status: int = 200) -> HttpResponse:
    """An answer."""
    return HttpResponse(document(root, inner), status=status, content_type=XML)


def refusal(error: HimayaError) -> HttpResponse:
    """What is wrong and what to do."""
    message = error.diagnostics().replace("\n", " ")
    return told("error", f"<code>{error.code()}</code><message>{escape(message)}</message>", error.status)


def signal_of(kind: str) -> str:
    """Our signal, by the protocol's name in a path.

    Raises:
        NothingHere: there is none.
    """
    found = next((signal for signal in SIGNALS if TYPES[signal] == kind), None)
    if found is None:
        raise NothingHere
    return found
