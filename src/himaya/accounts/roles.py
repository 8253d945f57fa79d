"""Roles and what each may do: the one table."""

from __future__ import annotations

ANALYST, REVIEWER, LEAD, AUDITOR, ADMIN = "analyst", "reviewer", "lead", "auditor", "admin"

MAY: dict[str, frozenset[str]] = {
    "cases.view": frozenset({ANALYST, REVIEWER, LEAD, AUDITOR}),
    "cases.claim": frozenset({ANALYST, REVIEWER, LEAD}),
    "cases.comment": frozenset({ANALYST, REVIEWER, LEAD}),
    "cases.flag": frozenset({ANALYST, REVIEWER, LEAD}),
    "cases.decide": frozenset({REVIEWER, LEAD}),
    "cases.reopen": frozenset({LEAD}),
    "cases.export": frozenset({LEAD, AUDITOR}),
    "cases.file": frozenset({REVIEWER, LEAD}),
    "appeals.view": frozenset({REVIEWER, LEAD, AUDITOR}),
    "appeals.add": frozenset({ANALYST, REVIEWER, LEAD}),
    "appeals.answer": frozenset({REVIEWER, LEAD}),
    "quality.practise": frozenset({ANALYST, REVIEWER, LEAD}),
    "quality.view": frozenset({REVIEWER, LEAD, AUDITOR}),
    "quality.classes": frozenset({LEAD, AUDITOR}),
    "quality.look": frozenset({REVIEWER, LEAD}),
    "quality.settle": frozenset({LEAD}),
    "care.view": frozenset({LEAD}),
    "lists.view": frozenset({ANALYST, REVIEWER, LEAD, AUDITOR, ADMIN}),
    "lists.change": frozenset({LEAD, ADMIN}),
    "lists.vote": frozenset({REVIEWER, LEAD}),
    "lists.approve": frozenset({LEAD}),
    "lists.excuse": frozenset({LEAD}),
    "lists.release": frozenset({LEAD}),
    "lists.export": frozenset({LEAD, ADMIN}),
    "partners.view": frozenset({LEAD, AUDITOR, ADMIN}),
    "partners.change": frozenset({ADMIN}),
    "partners.share": frozenset({LEAD}),
    "exchange.view": frozenset({LEAD, AUDITOR, ADMIN}),
    "exchange.change": frozenset({ADMIN}),
    "subscriptions.view": frozenset({LEAD, AUDITOR, ADMIN}),
    "subscriptions.change": frozenset({LEAD, ADMIN}),
    "subscriptions.near": frozenset({ADMIN}),
    "evidence.view": frozenset({REVIEWER, LEAD, AUDITOR}),
    "evidence.ask": frozenset({REVIEWER, LEAD}),
    "evidence.grant": frozenset({LEAD}),
    "evidence.urgent": frozenset({LEAD}),
    "evidence.receive": frozenset({REVIEWER, LEAD}),
    "evidence.rule": frozenset({LEAD}),
    "evidence.hold": frozenset({LEAD}),
    "evidence.custodians": frozenset({LEAD}),
    "evidence.share": frozenset({REVIEWER, LEAD, AUDITOR}),
    "demands.view": frozenset({LEAD, AUDITOR}),
    "demands.work": frozenset({LEAD}),
    "demands.approve": frozenset({LEAD}),
    "documents.view": frozenset({REVIEWER, LEAD, AUDITOR}),
    "reports.view": frozenset({REVIEWER, LEAD, AUDITOR}),
    "reports.write": frozenset({REVIEWER, LEAD}),
    "reports.file": frozenset({REVIEWER, LEAD}),
    "deliveries.view": frozenset({REVIEWER, LEAD, AUDITOR, ADMIN}),
    "deliveries.settle": frozenset({LEAD}),
    "ledger.view": frozenset({LEAD, AUDITOR}),
    "log.view": frozenset({LEAD, AUDITOR, ADMIN}),
    "log.change": frozenset({ADMIN}),
    "reference.view": frozenset({ANALYST, REVIEWER, LEAD, AUDITOR, ADMIN}),
    "reference.change": frozenset({LEAD}),
    "numbers.view": frozenset({ANALYST, REVIEWER, LEAD, AUDITOR, ADMIN}),
    "settings.view": frozenset({ADMIN}),
    "accounts.change": frozenset({ADMIN}),
    "leads.view": frozenset({LEAD, AUDITOR, ADMIN}),
    "leads.confirm": frozenset({LEAD}),
}
"""Permission → the roles that have it. An administrator runs the node and sees no case; what lies on this machine or in
its private network (``subscriptions.near``) is theirs alone to name as a source."""

STANDING = frozenset({"evidence.grant", "evidence.urgent", "demands.approve", "lists.approve", "leads.confirm"})
"""What makes somebody the second person of two: new leads do it once others know them (``accounts/standing.py``)."""

ROLES = (ANALYST, REVIEWER, LEAD, AUDITOR, ADMIN)

SCOPES = (
    "screen", "scans:read", "lists:read", "lists:write", "subscriptions:read", "subscriptions:write", "cases:read",
    "appeals:read", "appeals:write",
    "numbers:read", "log:read", "log:write", "partners:read", "partners:write", "publishing:read", "publishing:write",
    "reference:read", "evidence:read", "evidence:write", "demands:read", "reports:read", "reports:write", "exchange",
)  # fmt: skip
"""What a key may be allowed. Keys never decide: a verdict is a person's."""
OWNED = frozenset({"lists:write", "subscriptions:write", "partners:write", "publishing:write"})
"""What two people may have to stand behind: a key that may do so acts for one of them, its owner."""
