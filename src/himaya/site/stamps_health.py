"""Whether the time-stamping authority that the operator named gives stamps, and will go on doing so."""

from __future__ import annotations

from datetime import timedelta

from himaya.core import clock
from himaya.core.config import config
from himaya.core.words import N_, Said
from himaya.evidence import stamping
from himaya.ledger.queries import entries
from himaya.site.finding import Finding

WHAT = N_("Evidence")
PATIENCE, BEFORE_END = timedelta(days=2), timedelta(days=30)
"""So long nothing may be stamped; so long before the certificate of who signs the stamps ends it is told."""


def stamps_health() -> list[Finding]:
    """What is wrong with time stamps; nothing where no authority is named."""
    if not config().timestamp_url:
        return []
    last, now, found = stamping.last_stamp(), clock.now(), list[Finding]()
    missing = stamping.roots_missing()
    if missing is not None:
        said = Said("nothing proves time stamps, and none are had: {why}", why=missing.facts["why"])
        remedy = N_("Set timestamp_roots to the file of the certificates that the authority gives out, in PEM.")
        found.append(Finding(WHAT, "danger", said, remedy))
    first = entries().last()
    since = last.at if last else first.at if first else now
    if missing is None and now - since > PATIENCE:
        said = Said("the time-stamping authority has given no stamp since {day}", day=f"{since:%Y-%m-%d}")
        remedy = N_(
            "See that this node reaches timestamp_url and that timestamp_roots holds the authority's root; the log of "
            "the worker says why. Name another authority where this one is gone: nothing is lost, it is stamped later."
        )
        found.append(Finding(WHAT, "danger", said, remedy))
    if last and last.until - now < BEFORE_END:
        said = Said("the certificate of the time-stamping authority ends on {day}", day=f"{last.until:%Y-%m-%d}")
        remedy = N_(
            "Ask the authority for its next one, and add its root to timestamp_roots: stamps that are had before that "
            "day prove those of today for longer."
        )
        found.append(Finding(WHAT, "wait", said, remedy))
    return found
