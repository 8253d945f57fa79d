"""What is well and what is not, in words: for the dashboard, the doctor and probes."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from himaya.accounts.queries import people, sealed_elsewhere
from himaya.accounts.roles import LEAD, REVIEWER
from himaya.accounts.words import day, moment, number
from himaya.core import clock, kernel
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.federation import queries as federation
from himaya.federation.native import overview as publishing
from himaya.flow.reactor import FollowAgain, followed
from himaya.ledger import append_only, delivery, turns
from himaya.ledger import queries as ledger
from himaya.ledger.proving import last_proved
from himaya.lists import lasting, subscribing
from himaya.lists.quarantine import quarantines
from himaya.lists.queries import nothing_to_match, terms
from himaya.log import queries as transparency_log
from himaya.log import restored
from himaya.screening import before, decoders, snapshots
from himaya.site.desk_health import desk_health
from himaya.site.evidence_health import evidence_health
from himaya.site.finding import Finding as Finding
from himaya.site.quality_health import quality_health
from himaya.site.reports_health import reports_health

KEYS_END = timedelta(days=14)
"""So long before a partner's key ends, somebody is told."""
BEHIND = timedelta(seconds=60)
"""What waits for longer, although a worker runs, waits too long."""
LATE = timedelta(hours=3)
"""Three rounds of the log."""
WIDE = 40
"""Bits. With one list of 48, all questions take ten times as long as with 31, with one of 64 a hundred times."""
ALARMED = timedelta(days=30)
"""For so long after a canary was caught it is told."""
STUCK = {"dead", "unknown"}
"""States of a job that do not end by themselves."""


def health(*, thorough: bool = False) -> list[Finding]:
    """Everything that a running node can say about itself; ``thorough``: decoders are started to look at them, and
    the files of the search index read whole.
    """
    return [
        database_health(),
        kernel_health(),
        worker_health(),
        rules_health(),
        letters_health(),
        items_health(),
        lists_health(),
        *canary_health(),
        *benign_health(),
        *radius_health(),
        *subscriptions_health(),
        *(index_health() if thorough else ()),
        ledger_health(),
        log_health(),
        people_health(),
        *partners_health(),
        *exchange_health(),
        *decoders_health(start=thorough),
        *routes_health(),
        *before_health(),
        *backup_health(),
        *evidence_health(thorough=thorough),
        *desk_health(),
        *quality_health(),
        *reports_health(),
    ]


def decoders_health(*, start: bool) -> list[Finding]:
    """What keeps the processes in that decode the files of strangers; nothing where none has been started."""
    what = N_("Decoders")
    try:
        level = decoders.level(start=start)
    except HimayaError as error:
        return [Finding(what, "danger", str(error), error.remedy.format(**error.facts))]
    if level is None:
        return []
    if not level.suffices:
        said = Said("kept in by {layers} alone", layers=", ".join(level.layers))
        remedy = N_("Have the system allow filters of system calls (seccomp); see SECURITY.md.")
        return [Finding(what, "wait", said, remedy)]
    if level.missing:
        return [Finding(what, "ok", Said("in a sandbox, without {lacking}", lacking=", ".join(level.missing)))]
    return [Finding(what, "ok", N_("in a sandbox of every layer"))]


def database_health() -> Finding:
    """Which database, and whether it refuses to change the ledger, and what was said about items."""
    what = N_("Database")
    if not append_only.is_installed(connection):
        said = N_("the triggers that protect the ledger are missing")
        return Finding(what, "danger", said, N_("Run: himaya init, then: himaya ledger verify"))
    if not lasting.is_installed(connection):
        said = N_("the triggers that protect what was said about items are missing")
        return Finding(what, "danger", said, N_("Run: himaya init"))
    kind = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    return Finding(what, "ok", kind)


def kernel_health() -> Finding:
    """Whether the C kernel serves, or NumPy in its place."""
    what, status = N_("Kernel"), kernel.status()
    if status.available:
        return Finding(what, "ok", f"C, {status.instructions}")
    said = Said("NumPy serves in its place, more slowly: {why}", why=status.why_not)
    return Finding(what, "wait", said, kernel.REMEDY)


def worker_health() -> Finding:
    """Whether a worker runs, deliveries leave, and the rules follow the ledger."""
    what = N_("Worker")
    due, unread = ledger.oldest_due(), ledger.unread_since("flow", acts=followed())
    if not turns.is_alive():
        remedy = N_("Run: himaya serve (or himaya worker)")
        if due or unread:
            return Finding(what, "danger", N_("none is running, and work waits for it"), remedy)
        return Finding(what, "wait", N_("none is running; nothing waits for it"), remedy)
    if unread and clock.now() - unread > BEHIND:
        remedy = N_("Read what the worker logs: it names the reason, and the worker goes on once that is put right.")
        return Finding(what, "danger", N_("runs, but has not followed the ledger for more than a minute"), remedy)
    if due and clock.now() - due > BEHIND:
        remedy = N_("Raise worker_threads in the configuration file, or run another one: himaya worker")
        return Finding(what, "danger", N_("runs, but work has been waiting for more than a minute"), remedy)
    return Finding(what, "ok", N_("keeps up"))


def rules_health() -> Finding:
    """Whether what follows from a verdict was done."""
    what = N_("Rules")
    waiting = ledger.waiting(kind=FollowAgain.kind)
    if set(waiting) & STUCK:
        said = N_("what follows from a verdict could not be done")
        remedy = N_("Open Deliveries: read the error, put right what it names, then let it be tried again.")
        otherwise = N_("Once its cause is put right, a lead can let it be tried again.")
        return Finding(what, "danger", said, remedy, "deliveries.settle", otherwise)
    if waiting:
        said = N_("what follows from a verdict failed and is tried again")
        remedy = N_("Open Deliveries and read the error: it names what to put right.")
        return Finding(what, "wait", said, remedy, "deliveries.view", N_("A lead can see what it is."))
    return Finding(what, "ok", N_("all were followed"))


def letters_health() -> Finding:
    """Deliveries that a person must look at."""
    what = N_("Deliveries")
    if set(ledger.waiting(kind=delivery.DeliveryHandler.kind)) & STUCK:
        remedy = N_("Open Deliveries: send them again, or note that they arrived.")
        otherwise = N_("A lead can send them again, or note that they arrived.")
        return Finding(what, "wait", N_("some need a person"), remedy, "deliveries.settle", otherwise)
    return Finding(what, "ok", N_("none needs a person"))


def items_health() -> Finding:
    """Items that suddenly matched too much and wait for a person."""
    what, held = N_("Items"), quarantines().count()
    if held:
        remedy = N_("Open Lists, then Quarantine: let each go, or withdraw it.")
        otherwise = N_("A lead can let them go, or withdraw them.")
        said = Said("in quarantine because they suddenly matched too much: {n}", n=number(held))
        return Finding(what, "wait", said, remedy, "lists.release", otherwise)
    return Finding(what, "ok", N_("none suddenly matches too much"))


def index_health() -> list[Finding]:
    """Whether the files of the search index are whole, each read from end to end; nothing where there are none."""
    what, stamps = N_("Search index"), snapshots.stamps()
    damaged = [signal for signal in sorted(stamps) if snapshots.wrong_with(signal)]
    if damaged:
        said = Said("damaged on the disk, so that items may be missed: {names}", names=", ".join(damaged))
        return [
            Finding(what, "danger", said, N_("Run: himaya index verify (it puts them away), and look at the disk."))
        ]
    return [Finding(what, "ok", N_("every file is whole"))] if stamps else []


def lists_health() -> Finding:
    """Whether there is anything to compare with."""
    what, nothing = N_("Lists"), nothing_to_match()
    if nothing:
        return Finding(what, "wait", nothing, N_("Fill a list and switch it on; until then nothing can match."))
    return Finding(what, "ok", N_("there is something to compare with"))


def canary_health() -> list[Finding]:
    """Lists to which somebody brought a fingerprint of a picture that was drawn to be benign, of late."""
    remedy = N_(
        "Look in the ledger who brought them, ask them how it came about, and look at what else came from them: "
        "withdraw what is wrong. This ends 30 days after the last time."
    )
    said = N_("fingerprints of benign pictures were brought to these, and refused: {names}")
    return _brought("list.canary", N_("Canaries"), said, remedy)


def benign_health() -> list[Finding]:
    """Lists into which items came, of late, that lie beside what is known to be benign."""
    remedy = N_(
        "Look in the ledger who brought them, and at these items: withdraw what is wrong. This ends 30 days after the "
        "last time."
    )
    said = N_("new items of these lie beside what is known to be benign: {names}")
    return _brought("list.beside-benign", N_("Benign items"), said, remedy)


def _brought(act: str, what: str, said: str, remedy: str) -> list[Finding]:
    """What the ledger holds, of late, of an act about lists."""
    met = ledger.entries(act=act).filter(at__gt=clock.now() - ALARMED)
    names = ", ".join(sorted({about.removeprefix("list:") for about in met.values_list("about", flat=True)}))
    who = N_("A lead can see who brought them.")
    return [Finding(what, "danger", Said(said, names=names), remedy, "ledger.view", who)] if names else []


def radius_health() -> list[Finding]:
    """Lists whose radius makes every question take longer; nothing where there are none."""
    wide = [term.name for term in terms() if term.enabled and term.radius > WIDE]
    if not wide:
        return []
    said = Said("the radius of these makes every question slower, on every list: {names}", names=", ".join(wide))
    remedy = N_("Give them a radius of at most 40, unless what they find is worth that.")
    return [Finding(N_("Lists"), "wait", said, remedy)]


def subscriptions_health() -> list[Finding]:
    """Whether the sources that are followed could be read; nothing where none is followed."""
    what, states = N_("Subscriptions"), dict[str, list[str]]()
    for one in subscribing.subscriptions():
        states.setdefault(subscribing.health(one).state, []).append(one.name)
    found = []
    otherwise = N_("A lead can see what failed.")
    if failing := states.get("failing"):
        said = Said("these sources cannot be read: {names}", names=", ".join(failing))
        remedy = N_("Open Lists, then Subscriptions (or run himaya subscriptions show NAME): each says what to do.")
        found.append(Finding(what, "danger", said, remedy, "subscriptions.view", otherwise))
    if late := states.get("late"):
        said = Said("nothing was read of these for long: {names}", names=", ".join(late))
        remedy = N_("See that a worker runs and keeps up: himaya serve, or himaya worker.")
        found.append(Finding(what, "wait", said, remedy))
    return found or ([Finding(what, "ok", N_("every source was read as planned"))] if states else [])


def before_health() -> list[Finding]:
    """How far new items were compared with what was screened before; nothing where nothing is kept."""
    if not config().keep_fingerprints_days:
        return []
    what, came = N_("What came before"), before.standing()
    if came.done < came.last:
        said = Said("changes of the lists still to be compared: {n}", n=number(came.last - came.done))
        return [Finding(what, "ok" if turns.is_alive() else "wait", said)]
    return [Finding(what, "ok", N_("compared with all that the lists gained"))]


def ledger_health() -> Finding:
    """How long the record is, and when it was last proved in the console (``himaya ledger verify`` writes nothing)."""
    n, last = number(ledger.head()[0]), last_proved()
    if last is None:
        return Finding(N_("Ledger"), "ok", Said("entries: {n}; not yet proved in the console", n=n))
    return Finding(N_("Ledger"), "ok", Said("entries: {n}; proved {when}", n=n, when=moment(last.at)))


DOUBTS = N_(
    "Run: himaya log alarms, and ask the witness that it names what it has seen. Where you do not believe it: "
    "himaya log witness remove NAME, then himaya log alarms --settle NUMBER --reason TEXT"
)


def log_health() -> Finding:
    """Whether anything speaks against a log, and whether others look at ours."""
    what, open_, newest = N_("Log"), transparency_log.alarms(), transparency_log.latest()
    doubted = transparency_log.DOUBTED
    if alarm := open_.exclude(kind=doubted).first() or open_.first():
        said = Said("alarm {n}: {why}", n=alarm.pk, why=restored.meaning(alarm))
        if alarm.kind == doubted:
            return Finding(what, "wait", said, DOUBTS)
        remedy = N_("Run: himaya log alarms, keep what it shows, and ask the operators of both nodes what happened.")
        return Finding(what, "danger", said, restored.remedy(alarm) or remedy)
    if newest is None:
        return Finding(what, "ok", N_("no checkpoint yet"))
    said = Said("leaves in the last checkpoint: {n}; {when}", n=number(newest.size), when=moment(newest.at))
    if transparency_log.size() > newest.size and clock.now() - newest.at > LATE:
        said = Said("its last checkpoint is of {when}, and more waits to be signed", when=moment(newest.at))
        return Finding(what, "wait", said, N_("Run: himaya log publish, and read what it says."))
    if transparency_log.witnesses().exists() and not newest.is_enough:
        said = Said(
            "witnesses that cosigned the last checkpoint: {n}; so many are needed: {needed}",
            n=len(newest.cosigned),
            needed=config().log_quorum,
        )
        return Finding(what, "wait", said, N_("Open Log: it says what each witness answered."))
    return Finding(what, "ok", said)


def partners_health() -> list[Finding]:
    """Partners whose key ends soon; nothing where there are none."""
    ending = federation.ending(KEYS_END)
    if not ending:
        return []
    names = ", ".join(partner.name for partner, _ in ending[:10])
    said = Said("their key has ended or ends within 14 days, so that they read no more: {names}", names=names)
    remedy = N_("Open Lists, then Partners: make another key and hand it over, or end the partner.")
    otherwise = N_("An administrator can make another key.")
    return [Finding(N_("Partners"), "wait", said, remedy, "partners.change", otherwise)]


def exchange_health() -> list[Finding]:
    """Whether our lists can be published, and are; nothing where this node publishes none."""
    what, root = N_("Exchange"), publishing.root()
    found = [Finding(what, one.state, one.said, one.remedy) for one in publishing.concerns()]
    if found or root is None:
        return found
    said = Said("root {n} is in force, good until {day}", n=root.version, day=day(root.until))
    return [Finding(what, "ok", said)]


def backup_health() -> list[Finding]:
    """Whether backups are made and put back for a trial; nothing before the node is as old as they may be."""
    first, found, what = ledger.entry(1), [], N_("Backups")
    if first is None:
        return []
    made, drilled = N_("Run: himaya backup --to DIRECTORY"), N_("Run: himaya drill DIRECTORY")
    for act, days, said, never, remedy in (
        ("backup.made", config().backup_days, N_("the last was made {when}"), N_("none was made yet"), made),
        (
            "backup.drilled",
            config().drill_days,
            N_("the last drill was {when}"),
            N_("none was put back for a trial yet"),
            drilled,
        ),
    ):
        last = ledger.entries(act=act).first()
        if days and clock.now() - (last or first).at > timedelta(days=days):
            found.append(Finding(what, "wait", Said(said, when=day(last.at)) if last else never, remedy))
    return found


def people_health() -> Finding:
    """Whether somebody can decide cases, and is asked for a second factor that can be read."""
    what = N_("People")
    if sealed_elsewhere():
        said = N_("second factors were sealed with another secrets file: whoever has one cannot sign in")
        return Finding(what, "danger", said, N_("Put back the secrets.json that belongs to this database."))
    if not people().filter(is_active=True, role__in=(REVIEWER, LEAD)).exists():
        return Finding(what, "wait", N_("nobody can decide a case"), N_("Run: himaya users add NAME --role reviewer"))
    if not config().second_factor and not config().demo:
        said = N_("a password alone opens the console")
        return Finding(what, "wait", said, N_("Set second_factor = true in the configuration file."))
    return Finding(what, "ok", N_("somebody can decide"))


def routes_health() -> list[Finding]:
    """Every route that cannot be used."""
    found = []
    for kind in delivery.KINDS:
        for route in delivery.routes(kind):
            try:
                delivery.resolve(kind, route.name)
            except delivery.BadRoute as error:
                found.append(Finding(N_("Routes"), "danger", str(error), error.remedy.format(**error.facts)))
    return found
