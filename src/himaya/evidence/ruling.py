"""Setting and ending rules: what is kept, by which law, and for how long."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from himaya.core import clock
from himaya.core.countries import COUNTRIES, PLACES
from himaya.core.errors import HimayaError
from himaya.core.periods import BadPeriod, add_period
from himaya.core.words import N_, Said
from himaya.evidence import rules
from himaya.evidence.guarded.custodians import check_enough
from himaya.evidence.models import Rule
from himaya.evidence.reasons import reason_of, refuse
from himaya.evidence.states import CLASSES, DELETE, GUARDED, REVIEW, STANDARD
from himaya.ledger.services import record

BINDING = frozenset({"report"})
"""Occasions by which nothing is sealed: they only bind what is kept already, in the class in which it was sealed."""
GUARDS_NOTHING = N_(
    "it would guard nothing: what was reported is sealed already; name an occasion by which something is sealed too, "
    "or the class standard"
)
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class BadRule(HimayaError):
    """The rule cannot be taken: {why}."""

    status = 422


class UnknownRule(HimayaError):
    """There is no rule {name}."""

    status = 404


@dataclass(frozen=True, slots=True)
class RuleTerms:
    """What a rule says; fields as :class:`himaya.evidence.models.Rule` has them."""

    instrument: str
    jurisdiction: str
    basis: str
    occasions: Collection[str]
    minimum: str = ""
    maximum: str = ""
    begins: str = "acquired"
    renewals: int = 0
    renewal: str = ""
    after: str = DELETE
    kept_class: str = STANDARD
    valid_from: date | None = None
    valid_to: date | None = None
    note: str = ""


@transaction.atomic
def set_rule(name: str, *, terms: RuleTerms, by: str) -> Rule:
    """Set a rule, or a new version of it: what is kept by the old one stays bound by that.

    Raises:
        BadRule: a field cannot be taken; nothing was changed.
        TooFewCustodians: what is kept by it would be guarded, and there are too few; nothing was changed.
    """
    _check_rule(name, terms)
    if terms.kept_class == GUARDED:
        check_enough()
    old = Rule.objects.select_for_update().filter(name=name).order_by("-version").first()
    if old is not None and old.ended_at is None:
        old.ended_at = clock.now()
        old.save(update_fields=["ended_at"])
    made = Rule.objects.create(
        name=name, version=old.version + 1 if old else 1, instrument=terms.instrument, jurisdiction=terms.jurisdiction,
        basis=terms.basis, occasions=sorted(terms.occasions), begins=terms.begins, minimum=terms.minimum,
        maximum=terms.maximum, renewals=terms.renewals, renewal=terms.renewal, after=terms.after,
        kept_class=terms.kept_class, valid_from=terms.valid_from or clock.now().date(), valid_to=terms.valid_to,
        note=terms.note, set_by=by, set_at=clock.now(),
    )  # fmt: skip
    facts = {"version": made.version, "instrument": made.instrument, "basis": made.basis, "occasions": made.occasions}
    record("evidence.rule-set", by=by, about=f"rule:{made.pk}", name=name, **facts)
    return made


@transaction.atomic
def end_rule(name: str, *, by: str, reason: str) -> Rule:
    """Keep nothing new by a rule; what is kept by it stays until its time is over.

    Raises:
        UnknownRule, BadRule: there is none that holds; no reason is given.
    """
    text = reason_of(reason, BadRule)
    rule = Rule.objects.select_for_update().filter(name=name, ended_at=None).first()
    if rule is None:
        raise UnknownRule(name=name)
    rule.ended_at = clock.now()
    rule.save(update_fields=["ended_at"])
    record("evidence.rule-ended", by=by, about=f"rule:{rule.pk}", name=name, reason=text)
    return rule


def _is_place(code: str) -> bool:
    """Whether it is a country, a part of one (ISO 3166-2: ``US-CA``) or a union."""
    country, _, part = code.partition("-")
    return code in PLACES or (country in COUNTRIES and re.fullmatch(r"[A-Z0-9]{1,3}", part) is not None)


def _check_rule(name: str, terms: RuleTerms) -> None:
    flaws = {
        N_("its name is of small letters, digits and dashes"): not NAME.fullmatch(name),
        N_("it names no law or order"): not terms.instrument.strip() or len(terms.instrument) > 200,
        N_("its jurisdiction is no country or union that is known here"): not _is_place(terms.jurisdiction),
        N_("it names no legal basis"): not terms.basis.strip() or len(terms.basis) > 40,
        N_("it does not say for what something is kept"): not terms.occasions,
        N_("its time runs from nothing that is known here"): terms.begins not in rules.EVENTS,
        N_("it says neither how long at the least nor how long at the most"): not (terms.minimum or terms.maximum),
        N_("what comes after is neither delete nor review"): terms.after not in (DELETE, REVIEW),
        GUARDS_NOTHING: terms.kept_class == GUARDED and bool(terms.occasions) and BINDING.issuperset(terms.occasions),
        N_("there is no such class"): terms.kept_class not in CLASSES,
        N_("renewals need a period"): bool(terms.renewals) != bool(terms.renewal),
    }
    refuse(flaws, BadRule)
    if strange := sorted(set(terms.occasions) - rules.OCCASIONS.keys()):
        raise BadRule(why=Said("there is no occasion {name!r}", name=strange[0]))
    spans = {}
    for text in filter(None, (terms.minimum, terms.maximum, terms.renewal)):
        try:
            spans[text] = rules.period(text)
        except BadPeriod as error:
            raise BadRule(why=error.said()) from error
    now = clock.now()
    if terms.minimum and terms.maximum:
        least, most = (add_period(now, spans[text]) for text in (terms.minimum, terms.maximum))
        if least > most:
            raise BadRule(why=N_("at the least is longer than at the most"))
