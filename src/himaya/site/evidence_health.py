"""Whether what is kept as evidence is whole, can be opened, and is looked after."""

from __future__ import annotations

from himaya.accounts.words import number
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.evidence import queries, stopping
from himaya.evidence.granting import overdue
from himaya.evidence.keys import epoch_keys, lost_epochs, store
from himaya.site.finding import Finding

WHAT = N_("Evidence")
SHOWN = 10


def evidence_health(*, thorough: bool = False) -> list[Finding]:
    """What is wrong with what is kept; nothing where nothing is kept and no rule says that anything is.

    Args:
        thorough: the store is asked what it has.
    """
    standing = queries.standing()
    if not standing.states and not queries.rules_that_hold().exists():
        return []
    found = [
        *_store(thorough=thorough),
        *_files(),
        *_keys(),
        *_stops(),
        *_unkept(),
        *_readings(),
        *_holds(),
        *_looks(standing.to_review),
    ]
    return found or [Finding(WHAT, "ok", N_("what is kept is whole, and looked after"))]


def _store(*, thorough: bool) -> list[Finding]:
    try:
        kept = store()
        if thorough:
            next(iter(kept.names()), None)
    except HimayaError as error:
        return [Finding(WHAT, "danger", str(error), error.remedy.format(**error.facts))]
    return []


def _files() -> list[Finding]:
    n = queries.rotten().count()
    if not n:
        return []
    said = Said("sealed files that are not what was sealed, and that no second store has repaired: {n}", n=number(n))
    remedy = N_(
        "Look at the disk or the bucket, put back what a copy of the store has, then run: himaya evidence scrub. Name "
        "a second store (evidence_second_store), from which such files are repaired."
    )
    return [Finding(WHAT, "danger", said, remedy)]


def _keys() -> list[Finding]:
    try:
        returned, lost = epoch_keys().returned(), lost_epochs()
    except OSError as error:
        why = error.strerror or str(error)
        said = Said("the directory of the epoch keys cannot be read: {why}", why=why)
        return [Finding(WHAT, "danger", said, N_("Mount it, or set epoch_keys in the configuration file."))]
    found = []
    if returned:
        said = Said("keys that were destroyed are here again: {names}", names=", ".join(returned[:SHOWN]))
        remedy = N_("Somebody put them back, or an old copy was restored. Find out who, and destroy them again.")
        found.append(Finding(WHAT, "danger", said, remedy))
    if lost:
        said = Said("keys without which exhibits do not open are not here: {names}", names=", ".join(lost[:SHOWN]))
        remedy = N_(
            "Put them back from where the epoch keys are kept twice: without them nothing opens these exhibits."
        )
        found.append(Finding(WHAT, "danger", said, remedy))
    return found


def _stops() -> list[Finding]:
    may = N_("A lead has to look, and confirm it with a security key.")
    found = [
        Finding(WHAT, "danger", stopping.meaning(one), stopping.remedy(one), "evidence.hold", may)
        for one in stopping.stops()
    ]
    for one in stopping.stuck()[:SHOWN]:
        said = Said("nothing of the epoch {epoch} ends: {why}", epoch=one.about, why=stopping.meaning(one))
        found.append(Finding(WHAT, "danger", said, stopping.remedy(one)))
    if (swept := stopping.swept_not()) is not None:
        found.append(Finding(WHAT, "danger", stopping.meaning(swept), stopping.remedy(swept)))
    elif n := queries.strays().count():
        said = Said("files in the store that nothing here knows, and that are removed after a month: {n}", n=number(n))
        found.append(Finding(WHAT, "wait", said, stopping.REMEDIES[stopping.SWEEP]))
    return found


def _unkept() -> list[Finding]:
    n = queries.unkept().count()
    if not n:
        return []
    said = Said(
        "hits of the last thirty days that could not be sealed and kept; their cases are open: {n}", n=number(n)
    )
    remedy = N_("See to the store and to the epoch keys, then screen again what these cases are about.")
    return [Finding(WHAT, "danger", said, remedy)]


def _readings() -> list[Finding]:
    n = overdue().count()
    if not n:
        return []
    said = Said("urgent readings that nobody else has looked at within a day: {n}", n=number(n))
    remedy = N_("Open Evidence, then Access: look at each, and say what you found.")
    return [Finding(WHAT, "danger", said, remedy, "evidence.grant", N_("A lead who did not read has to look."))]


def _holds() -> list[Finding]:
    n = queries.overdue_holds().count()
    if not n:
        return []
    said = Said("holds whose day of review has passed: {n}", n=number(n))
    remedy = N_("Open Evidence, then Holds: ask each authority, then lift it or place another one.")
    return [Finding(WHAT, "wait", said, remedy, "evidence.hold", N_("A lead asks the authorities."))]


def _looks(n: int) -> list[Finding]:
    if not n:
        return []
    said = Said("exhibits whose time is over, and which a person has to look at: {n}", n=number(n))
    remedy = N_("Open Evidence, then What ends next: renew each, or say that it may end.")
    return [Finding(WHAT, "wait", said, remedy, "evidence.rule", N_("A lead looks at them."))]
