"""Who has seen enough is shown nothing more, and then nothing was read: evidence asks who looks after people."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.casework import case_numbered
from tests.evidence.conftest import Grant, Keep

from himaya.cases.care.keeping import EnoughForToday
from himaya.cases.care.models import Exposure
from himaya.cases.care.queries import looks_of
from himaya.core import drawing
from himaya.core.caring import Care
from himaya.core.config import config
from himaya.evidence.models import Access, Look
from himaya.evidence.viewing import look_at, show_plain

PICTURE = drawing.encode(drawing.landscape(7, width=160, height=90))


@pytest.mark.django_db
def test_a_look_is_counted_for_who_looks_and_at_the_limit_nothing_is_read(
    keep: Keep, grant: Grant, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_numbered(1)
    first, second = (keep(PICTURE, media_type="image/jpeg", once=f"a picture {n}") for n in (1, 2))
    monkeypatch.setattr(config(), "care", Care(looks_a_day=1))
    access = grant(first, second)
    who = {"access": access.pk, "person": people.reviewer}
    look_at(first, **who)
    show_plain(first, **who)
    with pytest.raises(EnoughForToday):
        look_at(second, **who)
    assert list(Exposure.objects.order_by("pk").values_list("kind", "case", "person")) == [
        (kind, "case:1", people.reviewer.pk) for kind in ("look", "plain")
    ]
    assert looks_of("case:1") == (1, 1)
    assert (Access.objects.get().reads_left, Look.objects.count()) == (1, 1)
