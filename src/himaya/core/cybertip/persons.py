"""Accounts of a service as the persons of a report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from himaya.core.particulars import Account, Connection, Device

EVENTS = {"login": "Login", "registration": "Registration", "purchase": "Purchase", "upload": "Upload",
          "unknown": "Unknown", "": ""}  # fmt: skip


def person(account: Account, kind: str, now: datetime) -> dict[str, Any]:
    """An account as an element ``kind``: ``personOrUserReported``, ``intendedRecipient`` or ``victim``.

    Times that lie behind ``now`` are left out: NCMEC refuses them.
    """
    first, *others = account.screen_names or ("",)
    notes = [account.note, f"Other screen names: {texts(others)}." if others else ""]
    return {
        f"{kind}Person": {
            "firstName": account.first_name,
            "lastName": account.last_name,
            "phone": [{"value": one} for one in account.phones],
            "email": [{"value": one} for one in account.emails],
            "age": account.age,
        },
        "espIdentifier": account.id,
        "espService": account.service,
        "screenName": first,
        "displayName": list(account.display_names),
        "profileUrl": [account.profile_url],
        "ipCaptureEvent": [captured(one, now) for one in account.connections],
        "deviceId": [device(one) for one in account.devices],
        "estimatedLocation": {"countryCode": account.country},
        "additionalInfo": "\n".join(filter(None, notes)),
    }


def captured(one: Connection, now: datetime) -> dict[str, Any]:
    """A connection as an ``ipCaptureEvent``."""
    return {
        "ipAddress": one.address,
        "eventName": EVENTS.get(one.what.lower(), "Other"),
        "dateTime": moment(one.at, now),
        "possibleProxy": one.proxy,
        "port": one.port,
    }


def moment(at: datetime | None, now: datetime) -> str:
    """A time as a draft has it; empty where it is not known, or lies behind ``now``."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at and at <= now else ""


def device(one: Device) -> dict[str, Any]:
    """A device as a ``deviceId``."""
    return {"idType": one.kind, "idValue": one.value}


def texts(several: Iterable[str]) -> str:
    """Several as one text."""
    return ", ".join(several)
