"""Who may come in at the doors for partners: whoever has a partner's key, as a bearer token or in HTTP Basic.

Each door speaks another body's protocol and says in its shapes what is wrong; who calls, what they may read and how
much of it is decided here, for all of them alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.accounts.keys import NoKey, admitted, secret_of
from himaya.accounts.queries import key_by_secret
from himaya.federation.queries import partner_of
from himaya.federation.services import SCOPE

if TYPE_CHECKING:
    from django.http import HttpRequest

    from himaya.federation.models import Partner

REALM = 'Basic realm="himaya", charset="UTF-8"'
"""What a refusal asks for (RFC 7617)."""


def enter(request: HttpRequest) -> Partner:
    """The partner that calls; the use of its key is noted.

    Raises:
        NoKey: no valid key, or none of a partner that still reads.
        MissingScope: a key that is valid for something else.
    """
    key = key_by_secret(secret_of(request.headers.get("Authorization", "")))
    if key is None:
        raise NoKey
    partner = partner_of(admitted(key, SCOPE))
    if partner is None:
        raise NoKey
    return partner
