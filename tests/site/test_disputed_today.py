"""Today: a list whose items somebody disputes says so, and leads to them."""

import pytest
from tests.site.test_dashboard import figures

from himaya.core.ports import ItemRow
from himaya.lists import organisations, services, voting
from himaya.lists.models import Item

pytestmark = pytest.mark.django_db


def test_an_item_that_a_partner_disputes_waits_for_a_person_and_is_one_step_away(sign_in):
    hotline = services.create_list("hotline", by="system", title="Hotline")
    services.create_list("other", by="system")
    services.add_items(hotline, rows=[ItemRow(0, "md5", f"{n:032x}") for n in (1, 2)], by="system")
    assert not [word for word in figures(sign_in("lead").get("/")) if "disputed" in word]
    partner = organisations.named("platform", by="system")
    item = Item.objects.first()
    voting.vote(item.pk, opinion="dispute", reason="another picture", by="partner:platform", organisation=partner)
    number, address = figures(sign_in("lead").get("/"))["disputed item of Hotline"]
    assert (number, address) == (1, "/lists/hotline/?state=disputed#items")
    assert f"/lists/items/{item.pk}" in sign_in("lead").get(address.partition("#")[0]).content.decode()


def test_who_may_not_do_a_thing_reads_who_may(sign_in):
    hotline = services.create_list("hotline", by="system")
    answer = sign_in("auditor").post(f"/lists/{hotline.name}/settings")
    assert answer.status_code == 403
    told = answer.content.decode()
    assert "These roles do: Lead, Administrator." in told
    assert "stood open for too long" not in told
