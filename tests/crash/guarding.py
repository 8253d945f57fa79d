"""What the processes of a crash test do with what is guarded. Loaded by :mod:`tests.crash.worker`."""

from __future__ import annotations

import io
import json
from typing import Any

WHO = ("ann", "ben", "cat")


def guard_things(upto: int) -> list[str]:
    """Name three custodians where there are none, and keep so many things guarded; their references."""
    from himaya.evidence.models import Rule
    from himaya.evidence.ruling import RuleTerms, set_rule
    from himaya.evidence.services import Acquired, preserve

    if not _keys().exists():
        _name()
    if not Rule.objects.exists():
        terms = RuleTerms("a law", "US", "duty", ["match"], minimum="1 year", kept_class="guarded")
        set_rule("a-law", terms=terms, by="system")
    kept = []
    for number in range(upto):
        acquired = Acquired(
            label="a file", occasion="match", once=f"act {number}", how="screened", tool="a program 1", by="system",
            case=f"case:{number % 3 + 1}",
        )  # fmt: skip
        kept.append(preserve(io.BytesIO(f"text {number}".encode()), acquired=acquired).reference)
    return kept


def _keys() -> Any:
    from himaya.core.config import config

    return config().data / "custodians.json"


def _name() -> None:
    from django.contrib.auth import get_user_model

    from himaya.core.vault.recipients import Identity
    from himaya.evidence.guarded.custodians import add_custodian

    make, keys = get_user_model().objects.create, {}
    for name in ("reader", "granter", *WHO):
        person = make(username=name, name=name, role="lead")
        if name in WHO:
            own = Identity.new()
            keys[name] = own.text()
            add_custodian(person, recipient=str(own.recipient), by="system")
    _keys().write_text(json.dumps(keys))


def _people() -> dict[str, Any]:
    from django.contrib.auth import get_user_model

    return {one.username: one for one in get_user_model().objects.all()}


def grant_all() -> int:
    """Ask to read all that stands, and have it granted; its number."""
    from himaya.core import clock
    from himaya.evidence.granting import Proof, ask_access, grant_access
    from himaya.evidence.models import Exhibit

    people, recipient = _people(), next(iter(json.loads(_keys().read_text()).values())).split()[3]
    chosen = list(Exhibit.objects.exclude(state="destroyed"))
    made = ask_access(chosen, purpose="court", reason="an order", recipient=recipient, person=people["reader"])
    return grant_access(made.pk, person=people["granter"], proof=Proof("webauthn", clock.now())).pk


def renew_all() -> int:
    """Begin to deal all keys anew; its number."""
    from himaya.evidence.guarded.renewing import begin_renewal
    from himaya.evidence.models import Exhibit

    return begin_renewal(list(Exhibit.objects.order_by("pk")), person=_people()["granter"]).pk


def bring(about: str, who: str) -> int:
    """One custodian brings theirs; how many exhibits have enough."""
    import zipfile

    from himaya.core.vault import shares
    from himaya.core.vault.recipients import identity
    from himaya.evidence.guarded.bringing import bring_parts, parts_file

    own = identity(json.loads(_keys().read_text())[who])
    title, content = parts_file(about, person=_people()[who])
    files = [content]
    if title.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [archive.read(each) for each in archive.namelist()]
    text = "\n".join(shares.take(file, own).text() for file in files)
    return sum(one.enough for one in bring_parts(about, text=text, by="system"))


def counts() -> dict[str, int]:
    """Rows of each table of what is guarded."""
    from himaya.evidence.guarded import models

    tables = (models.Deal, models.Part, models.Brought)
    return {table.__name__: table._default_manager.count() for table in tables}


def read_guarded(access: int) -> list[Any]:
    """What the reader gets of each exhibit of a grant, or which error says why not."""
    from himaya.core.errors import HimayaError
    from himaya.evidence.granting import exhibits_of, read_exhibit
    from himaya.evidence.models import Access

    found, reader = [], _people()["reader"]
    for one in exhibits_of(Access.objects.get(pk=access)).select_related("blob", "epoch"):
        try:
            found.append(b"".join(read_exhibit(one, access=access, person=reader)).decode())
        except HimayaError as error:
            found.append(error.code())
    return found
