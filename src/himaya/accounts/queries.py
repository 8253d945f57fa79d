"""Reading about people and keys."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.db.models import Count, Exists, OuterRef

from himaya.accounts.models import ApiKey, Person
from himaya.accounts.roles import LEAD, MAY
from himaya.accounts.sealing import SealedElsewhere, unseal
from himaya.core import clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

SECRET = re.compile(r"himaya_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
"""A key as its holder has it: prefix (which the ledger shows) and 256 random bits."""


def people() -> QuerySet[Person]:
    """Everybody, by user name; ``has_factor`` says whether they have set up a second factor."""
    return Person.objects.annotate(has_factor=Exists(Authenticator.objects.filter(user=OuterRef("pk")))).order_by(
        "username"
    )


def person(username: str) -> Person | None:
    """The person of that user name, or None."""
    return Person.objects.filter(username=username).first()


def who_may(permission: str) -> list[Person]:
    """Everybody who has a permission now, by user name."""
    return [one for one in people().filter(is_active=True, role__in=MAY[permission]) if one.may(permission)]


def leads_with_address() -> list[str]:
    """The e-mail addresses of leads, each once, new leads' too: of what is told to every lead."""
    found = people().filter(is_active=True, role=LEAD).exclude(email="")
    return sorted(set(found.values_list("email", flat=True)))


def sealed_elsewhere() -> bool:
    """Whether a second factor cannot be read here: database and secrets file are not of one backup."""
    stored = Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).values_list("data", flat=True)
    try:
        for data in stored:
            unseal(data.get("secret") or data["seed"])
    except SealedElsewhere:
        return True
    return False


def keys() -> QuerySet[ApiKey]:
    """All keys, newest first."""
    return ApiKey.objects.select_related("created_by").order_by("-id")


def key_by_secret(secret: str) -> ApiKey | None:
    """The key with this secret, if it is valid now."""
    form = SECRET.fullmatch(secret)
    if form is None:
        return None
    # written by hand: every request asks, and Django takes longer to compose it than the database to answer
    rows = ApiKey.objects.raw("SELECT * FROM accounts_apikey WHERE prefix = %s", [form[1]])
    key = next(iter(rows), None)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if key is None or not hmac.compare_digest(key.digest, digest):
        return None
    return key if key.revoked_at is None and key.expires_at > clock.now() else None


def owner(actor: str) -> str:
    """Who answers for what an actor does: for a program whoever made its key, where that was a person; else itself."""
    if not actor.startswith("key:"):
        return actor
    key = ApiKey.objects.select_related("created_by").filter(prefix=actor.removeprefix("key:")).first()
    return key.created_by.actor if key and key.created_by else actor


def key_by_name(name: str) -> ApiKey | None:
    """The newest key of that name that is valid now."""
    return keys().filter(name=name, revoked_at=None, expires_at__gt=clock.now()).first() if name else None


def names(actors: Iterable[str]) -> dict[str, str]:
    """How people are called, for actors as the ledger writes them; programs and the system keep their own names."""
    wanted = {int(actor[7:]) for actor in actors if actor.startswith("person:") and actor[7:].isdigit()}
    return {row.actor: str(row) for row in Person.objects.filter(pk__in=wanted)}


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    roles = dict(Person.objects.filter(is_active=True).values_list("role").annotate(n=Count("id")).order_by())
    valid = keys().filter(revoked_at=None, expires_at__gt=clock.now()).count()
    return {"people.active": sum(roles.values()), "keys.valid": valid}
