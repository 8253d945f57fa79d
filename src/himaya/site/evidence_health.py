"""Whether what is kept as evidence is whole, can be opened, and is looked after."""

from __future__ import annotations

from datetime import timedelta

from himaya.accounts.words import number
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, unpacked
from himaya.evidence import queries, stopping
from himaya.evidence.awaiting import overdue, unreviewed
from himaya.evidence.guarded.custodians import LEAST, acting, lost, thin
from himaya.evidence.keys import epoch_keys, lost_epochs, store, unarchived_epochs
from himaya.evidence.locking import foreign_holds, unlocked
from himaya.evidence.losing import confirmed_losses, exhibits_lost
from himaya.evidence.mounted import KeysAway, keys_away, owner
from himaya.evidence.moved import lost_exhibits
from himaya.ledger.queries import entries
from himaya.site.backups import keys as key_archives
from himaya.site.backups.archives import MADE, opening_what_is_gone
from himaya.site.finding import Finding
from himaya.site.stamps_health import stamps_health

WHAT = N_("Evidence")
SHOWN = 10
GRACE = timedelta(days=1)


def evidence_health(*, thorough: bool = False) -> list[Finding]:
    """What is wrong with what is kept; nothing where nothing is kept and no rule says that anything is.

    Args:
        thorough: the store is asked what it has.
    """
    standing, stamps = queries.standing(), stamps_health()
    if not standing.states and not queries.rules_that_hold().exists():
        return stamps
    found = [
        *_store(thorough=thorough), *_files(), *_locks(), *_unread(), *_keys(), *_lost(), *_archived(), *_large(),
        *_opening(), *_stops(), *_foreign_holds(), *_unkept(), *_readings(), *_holds(), *_custodians(),
        *_looks(standing.to_review), *stamps,
    ]  # fmt: skip
    hints = _second() if thorough else []
    return [*(found or [Finding(WHAT, "ok", N_("what is kept is whole, and looked after"))]), *hints]


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


def _locks() -> list[Finding]:
    found = unlocked()
    first = found.first()
    if first is None:
        return []
    why = unpacked(first.why)
    said = Said("sealed files that could not be locked in their bucket: {n}; {why}", n=number(found.count()), why=why)
    remedy = N_(
        "See to the bucket and to what its credentials may do there. It is tried again each hour; until then whoever "
        "has them can delete these files."
    )
    return [Finding(WHAT, "wait", said, remedy)]


def _unread() -> list[Finding]:
    """Whether files wait for their reading for a day longer than they may."""
    days = config().evidence_scrub_days
    n = queries.unread_since(clock.now() - timedelta(days=days) - GRACE).count()
    if not n:
        return []
    said = Said("sealed files that nobody has read for more than {days} days, to find what rots: {n}", days=days, n=n)
    remedy = N_(
        "A worker reads them: see that one runs, and that the store answers. Where they are too many for it, raise "
        "evidence_scrub_mib; or run: himaya evidence scrub"
    )
    return [Finding(WHAT, "wait", said, remedy)]


def _archived() -> list[Finding]:
    """Whether all keys of epochs are in the last archive of keys, where they have to be as soon as a backup is due;
    nothing where those are made in another way.
    """
    days, last = config().backup_days, entries(act=MADE).first()
    if not days:
        return []
    try:
        archived = last.data.get("epochs", ()) if last else ()
        missing = unarchived_epochs(archived, before=clock.now() - timedelta(days=days))
    except OSError:  # that is told already
        return []
    if not missing:
        return []
    said = Said(
        "keys without which exhibits do not open are in no archive of keys: {names}", names=", ".join(missing[:SHOWN])
    )
    return [Finding(WHAT, "wait", said, N_("Run: himaya backup --keys --to DIRECTORY --recipient age1…"))]


def _large() -> list[Finding]:
    """Whether the last archive of keys has half of what can be read again."""
    last = entries(act=MADE).first()
    size = int(last.data.get("size", 0)) if last else 0
    if size <= key_archives.LONGEST // 2:
        return []
    said = Said(
        "the last archive of keys has {size} MiB; one of more than {most} MiB cannot be written",
        size=number(key_archives.in_mib(size)),
        most=number(key_archives.in_mib(key_archives.LONGEST)),
    )
    remedy = N_(
        "What was moved under keys fills it, and goes when they end. Where it goes on growing, copy the directory of "
        "epoch keys in another way: encrypted, and apart from the data."
    )
    return [Finding(WHAT, "wait", said, remedy)]


def _opening() -> list[Finding]:
    """Whether something opens what was destroyed: archives of keys, and keys that were set aside when a backup was put
    back.
    """
    try:
        archives, gone = opening_what_is_gone(), set(epoch_keys().destroyed())
        aside = [path for path in config().epoch_directory.glob("set-aside-*/*.key") if path.stem in gone]
    except OSError:  # that is told already
        return []
    found = []
    if archives:
        names = ", ".join(list(archives)[:SHOWN])
        said = Said("archives of keys open what was destroyed since they were written: {names}", names=names)
        remedy = N_("Destroy every copy of each, then run: himaya backup --keys-gone NAME")
        found.append(Finding(WHAT, "danger", said, remedy))
    if aside:
        said = Said(
            "keys that were set aside open what was destroyed: {names}", names=", ".join(map(str, aside[:SHOWN]))
        )
        remedy = N_(
            "Find out whose they are. Where they are of this node, destroy them; else take them away from here."
        )
        found.append(Finding(WHAT, "danger", said, remedy))
    return found


def _second() -> list[Finding]:
    """A hint, and no trouble."""
    if config().evidence_second_store:
        return []
    remedy = N_("Name a second store (evidence_second_store), from which files that have rotted are repaired.")
    return [Finding(WHAT, "ok", N_("sealed files lie in one place alone"), remedy)]


def _keys() -> list[Finding]:
    try:
        keys = epoch_keys()
        given = set(confirmed_losses().values_list("about", flat=True))
        away, returned, lost = keys_away(keys), keys.returned(), [one for one in lost_epochs() if one not in given]
        unkept = lost_exhibits(set(keys.destroyed()))
    except OSError as error:
        why = error.strerror or str(error)
        said = Said("the directory of the epoch keys cannot be read: {why}", why=why)
        return [Finding(WHAT, "danger", said, N_("Mount it, or set epoch_keys in the configuration file."))]
    if away:
        gone = KeysAway(directory=keys.directory, owner=owner() or N_("a name"))
        return [Finding(WHAT, "danger", gone.said(), Said(gone.remedy, **gone.facts))]
    found = []
    if unkept:
        said = Said(
            "exhibits that are to be kept, and that nothing opens any more, as their keys were destroyed: {n}",
            n=number(unkept),
        )
        remedy = N_(
            "A backup of the data was put back that is older than an end, and no key came with it under which they "
            "were moved. Put back a newer archive of keys with it, or a newer backup. What ended since by a verdict "
            "or a lifted hold is counted, too."
        )
        found.append(Finding(WHAT, "danger", said, remedy))
    if returned:
        said = Said("keys that were destroyed are here again: {names}", names=", ".join(returned[:SHOWN]))
        remedy = N_("Somebody put them back, or an old copy was restored. Find out who, and destroy them again.")
        found.append(Finding(WHAT, "danger", said, remedy))
    if lost:
        said = Said("keys without which exhibits do not open are not here: {names}", names=", ".join(lost[:SHOWN]))
        remedy = N_(
            "Put them back from where the epoch keys are kept twice: without them nothing opens these exhibits. "
            "Where no archive has them either, two leads say so: open Evidence, then What stops the end."
        )
        found.append(Finding(WHAT, "danger", said, remedy))
    return found


def _lost() -> list[Finding]:
    """What is lost for good, as two leads say: nobody can do anything about it, and nothing hides it."""
    n = exhibits_lost()
    said = Said("exhibits that nothing opens, as the keys of their epochs are lost: {n}", n=number(n))
    return [Finding(WHAT, "ok", said)] if n else []


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


def _foreign_holds() -> list[Finding]:
    """What buckets hold and nothing here does: after a restore, what was held since the backup was made."""
    exhibits = foreign_holds()
    if not (n := exhibits.count()):
        return []
    names = ", ".join(one.reference for one in exhibits[:SHOWN])
    said = Said("a hold stands in the bucket, and none here: {names} ({n})", names=names, n=number(n))
    remedy = N_(
        "After a backup was put back, ask which authority wants it kept, and enter that hold again before you confirm "
        "that all is. Where nobody wants it, take the hold off in the bucket: nothing here does that, and until then "
        "the sealed file does not go."
    )
    return [Finding(WHAT, "wait", said, remedy)]


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
    late, new = overdue().count(), unreviewed().count()
    if not new:
        return []
    said = Said("somebody read exhibits alone, since a life may hang on it, and nobody has looked yet: {n}",
                n=number(new))  # fmt: skip
    if late:
        said = Said("urgent readings that nobody else has looked at within a day: {n}", n=number(late))
    remedy = N_("Open Evidence, then Access: look at each, and say what you found.")
    return [Finding(WHAT, "danger", said, remedy, "evidence.grant", N_("A lead who did not read has to look."))]


def _holds() -> list[Finding]:
    n = queries.overdue_holds().count()
    if not n:
        return []
    said = Said("holds whose day of review has passed: {n}", n=number(n))
    remedy = N_("Open Evidence, then Holds: ask each authority, then lift it or place another one.")
    return [Finding(WHAT, "wait", said, remedy, "evidence.hold", N_("A lead asks the authorities."))]


def _custodians() -> list[Finding]:
    """Whether what is guarded can be opened, now and after one more custodian is lost."""
    found, there = [], acting().count()
    if there < LEAST and queries.rules_that_hold().filter(kept_class="guarded").exists():
        said = Said("a rule wants things guarded, and there are {n} custodians: nothing is kept by it", n=number(there))
        remedy = N_("Open Evidence, then Custodians: name as many as it takes to be three.")
        found.append(Finding(WHAT, "danger", said, remedy, "evidence.custodians", N_("A lead names custodians.")))
    gone = lost().count()
    if gone:
        said = Said("guarded exhibits that the custodians of today cannot open, not even together: {n}", n=number(gone))
        remedy = N_(
            "Where a custodian was ended or barred by mistake, put that right: two of those who have parts are needed. "
            "Where they are lost, what is guarded by them is lost for good."
        )
        found.append(Finding(WHAT, "danger", said, remedy, "evidence.custodians", N_("A lead looks after custodians.")))
    weak = thin().count() - gone
    if weak:
        said = Said("guarded exhibits that would be lost with one more custodian: {n}", n=number(weak))
        remedy = N_("Open Evidence, then Custodians: have their keys dealt anew; two custodians bring their parts.")
        found.append(Finding(WHAT, "wait", said, remedy, "evidence.share", N_("The custodians deal the keys anew.")))
    return found


def _looks(n: int) -> list[Finding]:
    if not n:
        return []
    said = Said("exhibits whose time is over, and which a person has to look at: {n}", n=number(n))
    remedy = N_("Open Evidence, then What ends next: renew each, or say that it may end.")
    return [Finding(WHAT, "wait", said, remedy, "evidence.rule", N_("A lead looks at them."))]
