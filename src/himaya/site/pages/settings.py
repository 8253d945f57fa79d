"""Settings in words, and the forms for people and keys that stand on the same page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.utils.functional import lazy
from django.utils.html import format_html_join
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from himaya.accounts import queries as accounts
from himaya.accounts.access import needs
from himaya.accounts.roles import ROLES, SCOPES
from himaya.accounts.services import FACTOR_GONE
from himaya.accounts.words import joined
from himaya.core import clock
from himaya.core.caring import Care
from himaya.core.config import Config, config
from himaya.core.routes import Route
from himaya.core.words import N_

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest

ROLE_NAMES = {
    "analyst": N_("Analyst"),
    "reviewer": N_("Reviewer"),
    "lead": N_("Lead"),
    "auditor": N_("Auditor"),
    "admin": N_("Administrator"),
}
ROLE_WORDS = {
    "analyst": N_("Analyst: claims and comments"),
    "reviewer": N_("Reviewer: decides cases"),
    "lead": N_("Lead: decides, reopens, sends again"),
    "auditor": N_("Auditor: reads everything"),
    "admin": N_("Administrator: runs the node, sees no case"),
}
SCOPE_WORDS = {
    "screen": N_("Screen files and hashes"),
    "scans:read": N_("Read scans"),
    "lists:read": N_("Read lists"),
    "lists:write": N_("Change lists"),
    "subscriptions:read": N_("Read subscriptions"),
    "subscriptions:write": N_("Change subscriptions"),
    "cases:read": N_("Read cases"),
    "appeals:read": N_("Ask what came of appeals"),
    "appeals:write": N_("Pass on appeals of users"),
    "numbers:read": N_("Read numbers"),
    "log:read": N_("Read proofs of the log"),
    "log:write": N_("Audit the log, settle its alarms"),
    "partners:read": N_("Read partners"),
    "partners:write": N_("Admit partners, share lists"),
    "publishing:read": N_("Read how our lists are published"),
    "publishing:write": N_("Publish our lists"),
    "reference:read": N_("Read time limits and contact points"),
    "demands:read": N_("Read demands of authorities and our requests"),
    "evidence:read": N_("Read what is kept and until when, never its content"),
    "evidence:write": N_("Keep files as evidence, place holds"),
    "reports:read": N_("Read reports in forms of others"),
    "reports:write": N_("Tell of incidents, complete reports; never file them"),
    "exchange": N_("Read our lists as a partner"),
}
GONE_WORDS = {
    "lost": N_("It is lost"),
    "broken": N_("It is broken"),
    "stolen": N_("It was stolen, or somebody else may have used it"),
}


def role_choices() -> list[tuple[str, str]]:
    """Role and its name, short enough for a phone."""
    return [(role, gettext(ROLE_NAMES[role])) for role in ROLES]


def _roles_told() -> str:
    return format_html_join("", "{}<br>", [(gettext(ROLE_WORDS[role]),) for role in ROLES])


class NewPerson(forms.Form):
    """Somebody new."""

    username = forms.CharField(
        label=_("User name"),
        max_length=50,
        help_text=_("Small letters, digits, dots, dashes and underscores; a letter or digit first. Used to sign in."),
    )
    name = forms.CharField(label=_("Name"), max_length=100, required=False, help_text=_("As colleagues know them."))
    role = forms.ChoiceField(label=_("Role"), choices=role_choices, help_text=lazy(_roles_told, str)())


class FactorGone(forms.Form):
    """Why somebody's second factor has to go."""

    reason = forms.ChoiceField(
        label=_("Why"),
        choices=lambda: [("", gettext("Choose")), *((why, gettext(GONE_WORDS[why])) for why in FACTOR_GONE)],
        help_text=_("Stands in the ledger with your name and theirs."),
    )


class NewKey(forms.Form):
    """A key for a program."""

    name = forms.CharField(label=_("Whose key it is"), max_length=80)
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=lambda: [(scope, gettext(SCOPE_WORDS[scope])) for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(label=_("Good for how many days"), initial=365, min_value=1, max_value=1095)


@needs("settings.view")
@require_safe
def settings(request: StaffRequest) -> HttpResponse:
    """The node's settings, people and keys."""
    return settings_page(request)


def settings_page(
    request: StaffRequest, *, new_person: NewPerson | None = None, new_key: NewKey | None = None, status: int = 200
) -> HttpResponse:
    """The page, with a form that was refused in the place of its empty one."""
    context = {
        "rows": rows(config()),
        "file": config().file,
        "data": config().data,
        "people": accounts.people(),
        "roles": role_choices(),
        "keys": [_key(key) for key in accounts.keys()[:200]],
        "new_person": new_person or NewPerson(prefix="person"),
        "new_key": new_key or NewKey(prefix="key"),
        "may_change": request.user.may("accounts.change"),
    }
    return render(request, "site/settings.html", context, status=status)


def secret_page(request: StaffRequest, *, title: str, whose: str, secret: str, copy: str) -> HttpResponse:
    """A secret, shown this once, as the answer to the post itself: neither a session nor a cookie ever holds it."""
    return render(request, "site/secret.html", {"title": title, "whose": whose, "secret": secret, "copy": copy})


def _key(key: Any) -> dict[str, Any]:
    valid = key.revoked_at is None and key.expires_at > clock.now()
    scopes = joined(gettext(SCOPE_WORDS.get(scope, scope)) for scope in key.scopes)
    return {"key": key, "name": _whose(key), "valid": valid, "scopes": scopes}


def _whose(key: Any) -> str:
    """Whose key it is; one that was made for a partner is named by this node itself."""
    kind, _, name = key.name.partition(" ")
    if kind == "partner" and key.scopes == ["exchange"]:
        return gettext("partner %(name)s") % {"name": name}
    return str(key.name)


def rows(settings: Config) -> list[dict[str, str]]:
    """Name, meaning and value of every setting, as people read them. What is secret stays out."""
    return [
        {"name": name, "meaning": gettext(field.description or ""), "value": in_words(name, getattr(settings, name))}
        for name, field in Config.model_fields.items()
    ]


def in_words(name: str, value: Any) -> str:
    """A setting's value for people. An address of a database shows neither user nor password, a route no options."""
    if name == "database_url":
        return _database(str(value))
    if isinstance(value, bool):
        return pgettext("setting", "yes") if value else pgettext("setting", "no")
    if isinstance(value, list):
        return joined(_route(part) if isinstance(part, Route) else str(part) for part in value) or gettext("none")
    if isinstance(value, Care):
        return joined(f"{one} {number}" for one, number in value)
    if name.endswith("_bytes"):
        return str(filesizeformat(value))
    return str(value)


def _route(route: Route) -> str:
    return route.name if route.name == route.channel else f"{route.name} ({route.channel})"


def _database(url: str) -> str:
    if not url:
        return gettext("SQLite in the data directory")
    parts = urlsplit(url)
    return gettext("PostgreSQL, database %(name)s on %(host)s") % {
        "name": parts.path.strip("/"),
        "host": parts.hostname or "localhost",
    }
