from __future__ import annotations
import pytest
from tests.evidence.test_guarded_in_browser import PICTURE, clock  # noqa
from himaya.evidence.guarded.custodians import end_custodian
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_factor")]

def test_shots(guard, keep, grant, custodians, people, window):
    one, two = guard("one"), keep(PICTURE, media_type="image/jpeg", once="a picture")
    custodians.add(people.lead)
    access = grant(one, two)
    custodians.bring(access.about, "ann")
    for n, look in enumerate(({"width": 1440}, {"width": 1440, "dark": True, "language": "ar"}, {"width": 360})):
        seen = window(person=people.reviewer, **look)
        seen.open(f"/evidence/access/{access.pk}/")
        if n == 0:
            seen.page.get_by_role("button", name="Look, blurred " + two.reference).click()
            seen.page.frame_locator("iframe[name=shown]").locator("img").wait_for()
            seen.page.screenshot(path="/tmp/guard_shot_blur.png", full_page=True)
            seen.page.get_by_role("button", name="Show as it is " + two.reference).click()
            seen.page.wait_for_timeout(3000)
            seen.page.screenshot(path="/tmp/guard_shot_plain.png", full_page=True)
        else:
            seen.page.screenshot(path=f"/tmp/guard_shot_access{n}.png", full_page=True)
        if n == 0:
            end_custodian(custodians.rows["ben"].pk, by="person:1", reason="x")
            end_custodian(custodians.rows["cat"].pk, by="person:1", reason="x")
        lead = window(person=people.lead, **look)
        for path, name in (("/evidence/custodians/", "custodians"), (f"/evidence/parts/access/{access.pk}/", "parts")):
            lead.open(path)
            lead.page.screenshot(path=f"/tmp/guard_shot_{name}{n}.png", full_page=True)
