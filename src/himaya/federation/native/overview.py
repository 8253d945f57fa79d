"""How our own publishing is: the root in force, this node's keys, what was signed and until when, what is wrong."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from himaya.accounts.words import day
from himaya.core import clock
from himaya.core.repository.ceremony import LIFE, bases_of, digest_of, name_of
from himaya.core.repository.publishing import Repository
from himaya.core.repository.states import LIVES
from himaya.core.repository.store import RepositoryDamaged
from himaya.core.words import N_, Said, told, unpacked
from himaya.federation.models import NodeKey, Served, Signatory
from himaya.federation.native import hub
from himaya.federation.native.keys import current, directory, named, roots
from himaya.lists import organisations, queries
from himaya.lists.own import news_since
from himaya.log import queries as transparency_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

ROOT_ENDS = timedelta(days=60)
"""So long before its end the next root is asked for: people have to meet for it."""
SIGNATORY_ENDS = timedelta(days=9)
"""What is signed in our organisation's name is signed anew ten days before its end; what is older was not."""
LATE = timedelta(hours=2)
"""A list that changed so long ago and was not published since is told of."""
SILENT = timedelta(days=1)
"""A witness that cosigned nothing for so long is told of."""
ENDS = LIVES["signatory"] / 6
"""So long before its end another's signature is told of; they, too, sign anew ten days before."""
ORDER = ("root", "targets", "signatory", "snapshot", "timestamp")
"""From what lasts longest, and everything hangs on, to what is signed every hour."""
SIGNS, WAITS, RETIRED = "signs", "waits", "retired"
SHORT = 16
"""Digits by which a key is named for people."""


@dataclass(frozen=True, slots=True)
class RootStanding:
    """The root in force. ``holders``: identifiers of the offline keys; so many as ``threshold`` sign the next one."""

    version: int
    until: datetime
    threshold: int
    holders: tuple[str, ...]
    name: str
    bases: tuple[str, ...]
    digest: str
    """As it is read out over the telephone."""


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """A key of this node: it ``signs``, it ``waits`` for a root that names it, or it is ``retired``."""

    key: NodeKey
    state: str


@dataclass(frozen=True, slots=True)
class Expiry:
    """What was signed for a role in all lists together: good until ``until``, for ``life`` when it is signed anew."""

    role: str
    until: datetime
    life: timedelta

    @property
    def left(self) -> float:
        """The part of its life that is left, 0 to 1."""
        return min(1.0, max(0.0, (self.until - clock.now()) / self.life))


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a person should see to. ``about``, ``said`` and ``remedy`` are marked for translation."""

    about: str
    state: Literal["wait", "danger"]
    said: str
    remedy: str


def root() -> RootStanding | None:
    """The root in force; None: there is none."""
    found = current()
    if found is None:
        return None
    holders = found.roles[found.type]
    return RootStanding(
        found.version, found.expires, holders.threshold, tuple(holders.keyids), name_of(found), tuple(bases_of(found)),
        digest_of(roots()[-1]),
    )  # fmt: skip


def node_keys() -> list[KeyStanding]:
    """This node's keys, the newest first."""
    good = named(current())
    return [
        KeyStanding(one, SIGNS if one.keyid in good else RETIRED if one.retired_at else WAITS)
        for one in NodeKey.objects.order_by("-pk")
    ]


def expiries() -> list[Expiry]:
    """Until when the root is good, and what the node signs by itself: of each role the earliest of all lists."""
    found: dict[str, datetime] = {}
    ours = organisations.own().name
    for one in queries.lists().filter(enabled=True):
        known = Repository(directory() / one.name)
        with suppress(RepositoryDamaged):  # its row in the table says so
            for role, until in (known.expiries() if known.store.exists() else {}).items():
                kind = "signatory" if role == ours else role
                if kind not in ORDER:
                    continue  # of others: :func:`_of_signatories`
                found[kind] = min(until, found.get(kind, until))
    lives = {"root": LIFE, **LIVES}
    return [Expiry(role, found[role], lives[role]) for role in ORDER if role in found]


def trouble(served: Served | Signatory, translate: Callable[[str], str]) -> dict[str, str] | None:
    """What stands in the way of a list and the remedy, in another language; None: nothing does."""
    if not served.trouble:
        return None
    said = served.trouble.get("said", served.trouble)
    return {name: str(told(unpacked(said[name]), translate)) for name in ("what", "remedy")}


# --- what a person should see to -------------------------------------------------------------------------------------


def concerns() -> list[Concern]:
    """What is wrong, or soon will be, with the root, the keys and what is published; quick enough for every page."""
    return [*_of_root(), *_of_keys(), *_of_lists(), *_of_signatories()]


def all_concerns() -> list[Concern]:
    """The same, and what the files of all lists and the witnesses of the log say."""
    return [*concerns(), *_of_signatures(), *_of_witnesses()]


def _of_root() -> list[Concern]:
    found, now = root(), clock.now()
    if found is None or found.until >= now + ROOT_ENDS:
        return []
    remedy = N_(
        "Have the next one made while its holders can still meet: himaya keys new-root --previous root.json --to FILE "
        "(docs/exchange.md)"
    )
    facts = {"n": found.version, "day": day(found.until)}
    if found.until <= now:
        said = Said("root {n} has ended on {day}: those who follow our lists take nothing any more", **facts)
        return [Concern(N_("Root"), "danger", said, remedy)]
    said = Said("root {n} ends on {day}; from then on those who follow our lists take nothing any more", **facts)
    return [Concern(N_("Root"), "wait", said, remedy)]


def _of_keys() -> list[Concern]:
    found, standing = [], node_keys()
    if standing and current() and not any(one.state == SIGNS for one in standing):
        said = N_("the root in force names no key of this node, so nothing can be signed")
        remedy = N_("Put back the database and the secrets.json that belong to it, or make a root that names its key.")
        found.append(Concern(N_("Keys"), "danger", said, remedy))
    if waiting := [one.key.keyid[:SHORT] for one in standing if one.state == WAITS]:
        said = Said("no root names this key of the node as yet: {names}", names=", ".join(waiting))
        remedy = N_("Have the holders sign a root that names it, then put it in force: Exchange says how.")
        found.append(Concern(N_("Keys"), "wait", said, remedy))
    return found


def _of_lists() -> list[Concern]:
    if current() is None:
        return []
    now, upto = clock.now(), queries.revision()
    behind = {one.list_id: max(one.sequence, one.looked) for one in Served.objects.all()}
    late = []
    for one in queries.lists().filter(enabled=True):
        since = behind.get(one.pk, 0)
        changed = news_since(one, since=since, upto=upto) if since < upto else None
        if changed is not None and changed < now - LATE:
            late.append(one.name)
    if not late:
        return []
    said = Said("these lists changed, and were not published for two hours or more: {names}", names=", ".join(late))
    remedy = N_("Open Exchange (or run himaya exchange show): it says what stands in the way. A worker has to run.")
    return [Concern(N_("Lists"), "danger", said, remedy)]


def _of_signatories() -> list[Concern]:
    """Of those whose words are passed on: who is withheld or cannot be read, and whose signature ends."""
    soon, trouble, ends = clock.now() + ENDS, list[str](), list[str]()
    for one in hub.signatories():
        name = f"{one.organisation} ({one.list.name})"
        if one.withheld or (one.failed_at and one.failed_at < clock.now() - LATE):
            trouble.append(name)
        elif one.until and one.until < soon:
            ends.append(name)
    found = list[Concern]()
    if trouble:
        said = Said("these cannot be passed on: {names}", names=", ".join(trouble))
        remedy = N_("Open Exchange (or run himaya exchange show): it says what stands in the way of each.")
        found.append(Concern(N_("Signatories"), "danger", said, remedy))
    if ends:
        said = Said(
            "what these signed ends within days, and they have not signed it anew: {names}", names=", ".join(ends)
        )
        remedy = N_("Ask them whether their node's worker runs. Those that are gone for good: himaya exchange dismiss.")
        found.append(Concern(N_("Signatories"), "wait", said, remedy))
    return found


def _of_signatures() -> list[Concern]:
    now = clock.now()
    ends = [one.until for one in expiries() if one.role == "signatory" and one.until < now + SIGNATORY_ENDS]
    if not ends:
        return []
    said = Said("what is signed in the name of our organisation is good until {day} only", day=day(ends[0]))
    return [
        Concern(
            N_("Signatures"), "wait", said, N_("A running worker signs it anew ten days before: see that one runs.")
        )
    ]


def _of_witnesses() -> list[Concern]:
    if current() is None:
        return []
    witnesses, last, now = transparency_log.witnesses(), transparency_log.last_cosigned(), clock.now()
    if not witnesses:
        said = N_("nobody witnesses the log, so that others have to take our word that all of them are shown the same")
        return [
            Concern(
                N_("Witnesses"),
                "wait",
                said,
                N_("Ask two or three other nodes to be witnesses: himaya log witness add"),
            )
        ]
    silent = [one.name for one in witnesses if one.pk not in last or last[one.pk] < now - SILENT]
    if not silent:
        return []
    said = Said("these witnesses have cosigned nothing for a day or more: {names}", names=", ".join(silent))
    return [
        Concern(N_("Witnesses"), "wait", said, N_("Open Log: it says what each witness answered. Ask its operators."))
    ]
