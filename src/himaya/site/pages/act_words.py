"""Every act of the ledger in words: one table, to which each room that has pages of its own adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from himaya.cases import words
from himaya.core.words import N_
from himaya.evidence.demands import words as desk

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTS = {
    **words.ACTS,
    "backup.drilled": N_("Backup %(name)s put back for a drill, in %(seconds)s seconds"),
    "backup.keys-made": N_("Keys of this node backed up, encrypted to others: %(recipients)s"),
    "backup.made": N_("Backup %(name)s made"),
    "backup.restored": N_("Node restored from the backup of %(made_at)s; deliveries to be looked at: %(jobs)s"),
    **desk.ACTS,
    "bank.named": N_("List named %(name)s for HMA's clients"),
    "bank.removed": N_("Bank %(name)s deleted by an HMA client: its list is off"),
    "content.added": N_("Content %(content)s added by an HMA client"),
    "content.changed": N_("Content %(content)s switched on or off by an HMA client"),
    "content.removed": N_("Content %(content)s removed by an HMA client"),
    "item.active": N_("Item restored, list %(list)s"),
    "item.benign": N_("Item said to be known benign, list %(list)s"),
    "item.disputed": N_("Item marked as disputed, list %(list)s"),
    "item.quarantined": N_("Item held: it matched %(contents)s contents in %(hours)s hours, list %(list)s"),
    "item.released": N_("Item let go, list %(list)s"),
    "item.voted": N_("%(organisation)s voted on an item, list %(list)s"),
    "item.withdrawn": N_("Item withdrawn, list %(list)s"),
    "key.added": N_("Key made for a program"),
    "key.revoked": N_("Key revoked"),
    "ledger.proved": N_("Ledger proved: whole up to entry %(entries)s"),
    "list.beside-benign": N_("New items lie beside what is known to be benign: %(items)s"),
    "list.canary": N_("Rows that match a benign picture were refused: %(items)s"),
    "list.bundled": N_("List put into a file for a stick"),
    "list.changed": N_("List changed"),
    "list.created": N_("List made"),
    "list.expired": N_("Items whose time is over: %(items)s"),
    "list.exported": N_("List exported"),
    "list.followed": N_("Source read: %(added)s added, %(changed)s changed, %(retracted)s taken back"),
    "list.imported": N_("File imported: %(added)s added, %(changed)s changed"),
    "list.narrowed": N_("List may be handed on no wider than its source said: TLP:%(tlp)s"),
    "list.published": N_("List published, state %(sequence)s"),
    "list.passed-on": N_("Passed on what %(signatory)s signed, state %(sequence)s"),
    "log.alarm-settled": N_("Alarm %(alarm)s of the log settled"),
    "log.audit-announced": N_("Audit of %(leaves)s leaves announced"),
    "log.audit-revealed": N_("The secret of audit %(audit)s revealed"),
    "log.audited": N_("Audit concluded: %(wrong)s of %(judged)s leaves wrong"),
    "log.begun-again": N_("The log goes on under a new name"),
    "log.forked": N_("Alarm of the log: %(kind)s"),
    "log.key-made": N_("Keys of the log made"),
    "log.watched": N_("Another log is witnessed from now on"),
    "log.witness-added": N_("A witness looks at the log from now on"),
    "log.witness-removed": N_("A witness of the log is not asked any more"),
    "log.witnessed": N_("The witnesses of the log were asked"),
    "list.answered": N_("Answers of a source taken: %(added)s added, %(changed)s changed, %(retracted)s taken back"),
    "list.read": N_("List read by a partner (%(protocol)s)"),
    "list.shared": N_("List shared with %(partner)s"),
    "list.unshared": N_("List shared no more with %(partner)s"),
    "list.subscribed": N_("Source %(subscription)s added to the list"),
    "node.key-made": N_("Key of this node made"),
    "node.key-retired": N_("Key of this node retired"),
    "node.root": N_("Root %(version)s put in force"),
    "organisation.named": N_("Organisation named"),
    "organisation.own": N_("Organisation made this node's own"),
    "organisation.renamed": N_("Organisation renamed; it was %(was)s"),
    "list.judged": N_("List judged anew, since %(organisation)s was placed: %(items)s items changed"),
    "organisation.placed": N_("Jurisdiction of an organisation noted: %(jurisdiction)s"),
    "partner.admitted": N_("Partner admitted"),
    "partner.ended": N_("Partner reads no more"),
    "partner.used": N_("What a partner read on a day"),
    "partner.sated": N_("Partner refused: it has read as much as it may today"),
    "person.added": N_("Person added"),
    "person.changed": N_("Person changed"),
    "person.factor-added": N_("Set up a second factor: %(factor)s"),
    "person.factor-removed": N_("Removed their own second factor: %(factor)s"),
    "person.factor-reset": N_("Second factor taken away"),
    "person.locked": N_("Account locked for a while: too many wrong passwords or codes"),
    "person.password-changed": N_("Changed their own password"),
    "person.password-reset": N_("New password given"),
    "person.signed-in": N_("Signed in"),
    "proposal.approved": N_("Proposal approved, to be done by a worker, list %(list)s"),
    "proposal.done": N_("Proposal approved and done, list %(list)s"),
    "proposal.failed": N_("Proposal approved, but it could not be done, list %(list)s"),
    "proposal.made": N_("Proposed, list %(list)s"),
    "proposal.refused": N_("Proposal refused, list %(list)s"),
    "reference.changed": N_("Row of the reference changed"),
    "scan.finished": N_("Scan finished: %(files)s files, %(hits)s hits"),
    "scan.started": N_("Scan started"),
    "scan.stopped": N_("Scan stopped: %(files)s files, %(hits)s hits"),
    "signatory.admitted": N_("What %(organisation)s signs is passed on from now on"),
    "signatory.dismissed": N_("What %(organisation)s signs is passed on no more"),
    "signatory.rekeyed": N_("%(organisation)s signs with another key, %(key)s, as its node says"),
    "signatory.resumed": N_("What %(organisation)s signs is passed on again"),
    "signatory.withheld": N_("What %(organisation)s signs may not be passed on, and is not any more"),
    "subscription.asked": N_("Source asked about hashes (%(signal)s): %(hashes)s"),
    "subscription.changed": N_("Subscription changed, list %(list)s"),
    "subscription.closed": N_("Source may not be asked about hashes any more"),
    "subscription.due": N_("Source to be read at once, list %(list)s"),
    "subscription.failed": N_("Source could not be read, list %(list)s"),
    "subscription.opened": N_("Source may be asked about hashes from now on, and learns them: at most %(daily)s a day"),
}
ROOMS = {
    "backup": N_("Backups"),
    "bank": N_("Banks of HMA's clients"),
    "case": N_("Cases"),
    "content": N_("Contents of HMA's clients"),
    "delivery": N_("Deliveries"),
    "demand": N_("Demands of authorities"),
    "flow": N_("Rules"),
    "item": N_("Items"),
    "key": N_("Keys for programs"),
    "ledger": N_("Ledger"),
    "list": N_("Lists"),
    "log": N_("Log"),
    "node": N_("This node"),
    "notice": N_("Notices"),
    "organisation": N_("Organisations"),
    "partner": N_("Partners"),
    "person": N_("People"),
    "proposal": N_("Proposals"),
    "reference": N_("Reference"),
    "report": N_("Reports"),
    "request": N_("Requests to others"),
    "scan": N_("Scans"),
    "signatory": N_("Signatories whose words are passed on"),
    "subscription": N_("Subscriptions"),
}


def act_words(act: str, facts: Mapping[str, Any]) -> str:
    """What an entry says happened; the bare name of an act of another version."""
    return words.act_words(act, facts, ACTS)


def room_words(room: str) -> str:
    """What acts before whose dot ``room`` stands are about."""
    return gettext(ROOMS[room]) if room in ROOMS else room
