"""Writing about people and keys."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from himaya.accounts import queries, revocations
from himaya.accounts.models import ApiKey, Person
from himaya.accounts.roles import ADMIN, OWNED, ROLES, SCOPES
from himaya.accounts.standing import has_to_wait
from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.ledger.services import SYSTEM, record

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_LIFE = 1095
"""Days for which a key is good at most."""
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
FACTOR_GONE = ("lost", "broken", "stolen")
"""Why a second factor is taken away. A closed list: the ledger keeps the word, and no free text about a person."""


class BadPerson(HimayaError):
    """The account {username!r} cannot be made: {why}."""

    status = 422


class UnknownPerson(HimayaError):
    """Nobody here has the user name {username!r}."""

    remedy = "See who is here with: himaya users list"
    status = 404


class LastAdministrator(HimayaError):
    """{username} is the only administrator: without one, nobody could add people here."""

    remedy = "Make somebody else an administrator first."
    status = 409


class BadReason(HimayaError):
    """{reason!r} is no reason to take away a second factor; reasons are: {known}."""

    status = 422


class YourOwnRole(HimayaError):
    """Your own role is not changed here."""

    remedy = "Another administrator changes it."
    status = 409


class YourOwnFactor(HimayaError):
    """Your own second factor is not taken away here."""

    remedy = "Change it under Security, while you have one; once it is lost, another administrator takes it away."
    status = 409


class BadKey(HimayaError):
    """The key {name!r} cannot be made: {why}."""

    status = 422


class UnknownKey(HimayaError):
    """There is no key {prefix!r}."""

    status = 404


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its secret, which is shown this once."""

    key: ApiKey
    secret: str


@transaction.atomic
def add_person(username: str, *, role: str, by: str, name: str = "", email: str = "", password: str = "") -> str:
    """Make an account; the password is returned, generated where none was given.

    Raises:
        BadPerson: the name is taken or malformed, the role unknown, or the password weak.
    """
    if not USERNAME.fullmatch(username):
        why = "use 1 to 50 small letters, digits, dots, dashes or underscores, beginning with a letter or digit"
        raise BadPerson(username=username, why=why)
    if role not in ROLES:
        raise BadPerson(username=username, why=f"there is no role {role!r}; there are: {', '.join(ROLES)}")
    if Person.objects.filter(username=username).exists():
        raise BadPerson(username=username, why="the name is taken")
    person = Person(username=username, name=name or username, email=email, role=role)
    password = password or secrets.token_urlsafe(15)
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise BadPerson(username=username, why=" ".join(error.messages)) from error
    person.set_password(password)
    waits = has_to_wait(person, by=by)
    person.save()
    record("person.added", by=by, about=person.actor, role=role, **waits)
    return password


@transaction.atomic
def reset_password(username: str, *, by: str) -> str:
    """Give somebody a new password and end their sessions. Their second factor stays: see :func:`reset_factor`.

    Raises:
        UnknownPerson: there is no such account.
    """
    person = _person(username)
    password = _new_password(person)
    record("person.password-reset", by=by, about=person.actor)
    return password


@transaction.atomic
def reset_factor(username: str, *, reason: str, by: str) -> str:
    """Take away every second factor that somebody has (apps, keys, recovery codes), and end their sessions.

    Until they set up another one the password alone opens the account, so they get a new one, which is returned:
    whoever learned the old one, and now says that a phone was lost, gains nothing.

    Raises:
        UnknownPerson: there is no such account.
        BadReason: it is none of ``FACTOR_GONE``.
        YourOwnFactor: one administrates others, not oneself.
    """
    if reason not in FACTOR_GONE:
        raise BadReason(reason=reason, known=", ".join(FACTOR_GONE))
    person = _person(username)
    if person.actor == by:
        raise YourOwnFactor
    removed = Authenticator.objects.filter(user=person).delete()[0]
    password = _new_password(person)
    waits = has_to_wait(person, by=by)
    person.save(update_fields=["waits_until"])
    record("person.factor-reset", by=by, about=person.actor, reason=reason, removed=removed, **waits)
    return password


def _new_password(person: Person) -> str:
    """A password that nobody knows yet. Sessions end with the old one: they are bound to it."""
    password = secrets.token_urlsafe(15)
    person.set_password(password)
    person.save(update_fields=["password"])
    return password


@transaction.atomic
def change_person(username: str, *, by: str, role: str | None = None, active: bool | None = None) -> None:
    """Change somebody's role, or bar or readmit them. It holds from their next request.

    Raises:
        UnknownPerson: there is no such account.
        BadPerson: there is no such role.
        LastAdministrator: nobody else would be left to run the node.
        YourOwnRole: one administrates others, not oneself.
    """
    # Locked first, and in one order: two administrators could otherwise remove each other at the same moment.
    administrators = list(Person.objects.select_for_update(no_key=True).filter(role=ADMIN).order_by("pk"))
    person = _person(username)
    if role is not None and role not in ROLES:
        raise BadPerson(username=username, why=f"there is no role {role!r}; there are: {', '.join(ROLES)}")
    others = [other for other in administrators if other.is_active and other.pk != person.pk]
    loses = person.role == ADMIN and person.is_active and (active is False or role not in (None, ADMIN))
    if loses and not others:
        raise LastAdministrator(username=username)
    if person.actor == by and role not in (None, person.role):
        raise YourOwnRole
    before = (person.role, person.is_active)
    person.role = role or person.role
    person.is_active = person.is_active if active is None else active
    changed = before != (person.role, person.is_active)
    waits = has_to_wait(person, by=by) if changed and person.is_active else {}
    person.save(update_fields=["role", "is_active", "waits_until"])
    record("person.changed", by=by, about=person.actor, role=person.role, active=person.is_active, **waits)


def _person(username: str) -> Person:
    person = Person.objects.select_for_update(no_key=True).filter(username=username).first()
    if person is None:
        raise UnknownPerson(username=username)
    return person


@transaction.atomic
def add_key(name: str, *, scopes: Iterable[str], by: str, days: int = 365, owner: str = "") -> NewKey:
    """Make a key for a program.

    Args:
        name: whose it is, for people.
        scopes: some of ``roles.SCOPES``.
        by: the actor.
        days: how long it is good, 1 to 1095.
        owner: user name of the person it acts for; whoever makes it where empty. Where two people have to approve, it
            counts as that one: a key that may ask for such things needs one.

    Raises:
        BadKey: no or unknown scopes, a time outside those limits, no owner where it needs one, or one who is barred.
        UnknownPerson: there is no such owner.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        wrong = f"there is no scope {unknown[0]!r}; " if unknown else ""
        raise BadKey(name=name, why=f"{wrong}scopes must be some of {', '.join(SCOPES)}")
    if not 1 <= len(name) <= 80:
        raise BadKey(name=name[:80], why=N_("its name has 1 to 80 characters"))
    if not 1 <= days <= LONGEST_LIFE:
        raise BadKey(name=name, why=Said("it is good for 1 to {n} days", n=LONGEST_LIFE))
    who = _owner(name, owner) if owner else queries.owner(by)
    if by != SYSTEM and not who.startswith("person:") and OWNED & set(wanted):
        why = Said("with {scopes} it acts for a person: say whom with --owner USERNAME",
                   scopes=", ".join(sorted(OWNED & set(wanted))))  # fmt: skip
        raise BadKey(name=name, why=why)
    mine = Person.objects.filter(pk=who.removeprefix("person:")).first() if "person:" in who else None
    prefix, rest = secrets.token_hex(6), secrets.token_urlsafe(32)
    secret = f"himaya_{prefix}_{rest}"
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        digest=hashlib.sha256(secret.encode()).hexdigest(),
        scopes=wanted,
        created_by=mine,
        expires_at=clock.now() + timedelta(days=days),
    )
    record("key.added", by=by, about=key.actor, scopes=wanted, days=days, owner=mine.actor if mine else "")
    return NewKey(key, secret)


def _owner(name: str, owner: str) -> str:
    person = _person(owner)
    if not person.is_active:
        why = Said("{username} may not sign in, and nobody acts for such a one", username=owner)
        raise BadKey(name=name, why=why)
    return person.actor


@transaction.atomic
def revoke_key(prefix: str, *, by: str) -> None:
    """End a key; its next request is refused.

    Raises:
        UnknownKey: there is no such key.
    """
    if not ApiKey.objects.filter(prefix=prefix, revoked_at=None).update(revoked_at=clock.now()):
        raise UnknownKey(prefix=prefix)
    record("key.revoked", by=by, about=f"key:{prefix}")
    transaction.on_commit(revocations.note)


def note_use(key: ApiKey) -> None:
    """Remember that a key was used, to the minute: one write a minute, not one a request."""
    now = clock.now()
    if key.last_used_at is None or now - key.last_used_at > timedelta(minutes=1):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
