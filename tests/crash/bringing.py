"""What the processes of a crash test do with what others bring. Loaded by :mod:`tests.crash.worker`."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def take_brought(path: str, known: str) -> str:
    """Take a delivery as the command line does; its state."""
    from himaya.core.intake.reading import opened_delivery
    from himaya.core.ports import ItemRow
    from himaya.evidence.models import Rule
    from himaya.evidence.ruling import RuleTerms, set_rule
    from himaya.lists import services as lists
    from himaya.lists.models import HashList
    from himaya.screening.incoming import checking, taking

    if not HashList.objects.exists():
        made = lists.create_list("hotline", by="system")
        lists.add_items(made, rows=[ItemRow(1, "sha256", known)], by="system")
    if not Rule.objects.exists():
        set_rule("a-law", terms=RuleTerms("a law", "US", "duty", ["received"], minimum="1 year"), by="system")
    with opened_delivery(Path(path)) as delivery, taking.alone_with(delivery.digest):
        found = taking.find_intake(delivery)
        if found is None or found.state == "reading":
            found = taking.start_intake(delivery, checked=checking.check(delivery), path=path, by="system")
        found = taking.confirm_intake(found.pk, by="system")
        found = taking.look_again(found, delivery=delivery, by="system")
        if found.state == "wanted":
            found = taking.take_intake(found, delivery=delivery, by="system")
    return found.state


def read_brought() -> dict[str, Any]:
    """What is kept of it: fates, contents, labels and sightings; and how many exhibits and sealed files there are."""
    from himaya.cases.models import Sighting
    from himaya.evidence.keys import store
    from himaya.evidence.models import Exhibit, Label
    from himaya.evidence.reading import unsafe_content
    from himaya.screening.incoming.models import IntakeFile

    kept = {}
    for row in IntakeFile.objects.exclude(exhibit=None).order_by("number"):
        one = Exhibit.objects.select_related("blob", "epoch").get(pk=row.exhibit)
        labels = Label.objects.filter(exhibit=one).count()
        kept[row.called] = [b"".join(unsafe_content(one)).decode("utf-8", "replace")[:40], one.case, labels]
    return {
        "kept": kept, "exhibits": Exhibit.objects.count(), "sightings": Sighting.objects.count(),
        "sealed": len(list(store().names())),
    }  # fmt: skip
