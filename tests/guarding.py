"""Custodians for tests: people with age keys, what they take, and what they bring."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from django.contrib.auth import get_user_model

from himaya.core.vault import recipients
from himaya.core.vault.recipients import Identity
from himaya.evidence.guarded.bringing import bring_parts, parts_file
from himaya.evidence.guarded.custodians import add_custodian
from himaya.evidence.models import Exhibit

WHO = ("ann", "ben", "cat")


class Custodians:
    """Three people, each with a key of their own; what they do alone, at home, they do here."""

    def __init__(self, *names: str, role: str = "auditor") -> None:
        self.people: dict[str, Any] = {}
        self.keys: dict[str, Identity] = {}
        self.rows: dict[str, Any] = {}
        make = get_user_model().objects.create
        for name in names or WHO:
            self.add(make(username=name, name=name.title(), role=role))

    def add(self, person: Any) -> None:
        """Name one more."""
        name = person.username
        self.people[name], self.keys[name] = person, Identity.new()
        self.rows[name] = add_custodian(person, recipient=str(self.keys[name].recipient), by="person:1")

    def text(self, about: str, name: str) -> str:
        """What ``age -d`` makes of the file that a custodian takes."""
        title, content = parts_file(about, person=self.people[name])
        if title.endswith(".age"):
            return opened(content, self.keys[name])
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "".join(opened(archive.read(each), self.keys[name]) for each in archive.namelist())

    def bring(self, about: str, *names: str) -> list[Any]:
        """Each of them brings theirs."""
        return [
            bring_parts(about, text=self.text(about, name), by=self.people[name].actor, person=self.people[name])
            for name in names
        ][-1]


def opened(content: bytes, key: Identity) -> str:
    """As ``age -d -i key.txt``."""
    to = io.BytesIO()
    recipients.decrypt(io.BytesIO(content), to, identity=key)
    return to.getvalue().decode()


def fresh(one: Exhibit) -> Exhibit:
    """As it stands now."""
    return Exhibit.objects.select_related("blob", "epoch").get(pk=one.pk)
