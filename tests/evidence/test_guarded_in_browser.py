"""What is guarded, and looking at a picture, as people see it: sound in every look, without a script."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.evidence.conftest import Grant, Keep
from tests.evidence.test_in_browser import press
from tests.guarding import Custodians
from tests.site.test_pages_in_browser import LOOKS, visit
from tests.windows import signed_in

from himaya.core import drawing
from himaya.evidence import custody
from himaya.evidence.guarded.custodians import end_custodian
from himaya.evidence.guarded.renewing import begin_renewal
from himaya.evidence.models import Access

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_factor")]
PICTURE = drawing.encode(drawing.landscape(7, width=1200, height=800))


@pytest.fixture
def clock() -> None:
    """The machine's: sessions and browsers have no other."""


@pytest.mark.one_database
@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_of_what_is_guarded_are_sound(
    guard: Keep, keep: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace, window: Any,
    look: dict[str, Any],
) -> None:  # fmt: skip
    one, two = guard("one"), keep(PICTURE, media_type="image/jpeg", once="a picture")
    custodians.add(people.lead)
    access = grant(one, two)
    made = begin_renewal([one], person=people.lead)
    custodians.bring(access.about, "ann")
    for name in ("ben", "cat"):
        end_custodian(custodians.rows[name].pk, by=people.lead.actor, reason="left")
    paths = [
        "/evidence/custodians/", "/evidence/custodians/new", f"/evidence/parts/access/{access.pk}/",
        f"/evidence/parts/renewal/{made.pk}/", f"/evidence/access/{access.pk}/",
    ]  # fmt: skip
    assert visit(window, look, people.lead, paths) == {}
    assert visit(window, look, people.reviewer, [paths[2], paths[4]]) == {}


def shown(page: Any) -> np.ndarray[Any, Any]:
    """The pixels of the frame with the picture in it, as the browser draws them."""
    frame = page.locator("iframe[name=shown]")
    assert frame.get_attribute("sandbox") == ""
    page.frame_locator("iframe[name=shown]").locator("img").wait_for()
    frame.evaluate("one => one.scrollIntoView()")
    taken = page.screenshot(clip=frame.bounding_box())
    with Image.open(io.BytesIO(taken), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("script", [True, False])
def test_a_picture_is_looked_at_with_two_presses(
    keep: Keep, grant: Grant, people: SimpleNamespace, chromium: Any, live_server: Any, script: bool
) -> None:
    one = keep(PICTURE, media_type="image/jpeg", once="a picture")
    access = grant(one)
    context = chromium.new_context(java_script_enabled=script, viewport={"width": 1440, "height": 1200})
    for name, morsel in signed_in(people.reviewer).cookies.items():
        context.add_cookies([{"name": name, "value": morsel.value, "url": live_server.url}])
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(live_server.url)))
    page.goto(f"{live_server.url}/evidence/access/{access.pk}/")
    assert not [path for path in asked if "/look/" in path or "/show/" in path]
    assert Access.objects.get().reads_left == 1
    if script:
        press(page, f"Look, blurred {one.reference}")
    else:
        page.get_by_role("button", name="Look, blurred").click()
    picture = page.frame_locator("iframe[name=shown]").locator("img")
    picture.wait_for()
    assert page.url.endswith(f"/evidence/access/{access.pk}/")
    with page.expect_response(lambda answer: "/show/" in answer.url) as coming:
        page.get_by_role("button", name="Show as it is").click()
    assert (coming.value.status, coming.value.headers["content-type"]) == (200, "image/png")
    with page.expect_response(lambda answer: "/show/" in answer.url) as coming:
        page.get_by_role("button", name="Show as it is").click()
    assert coming.value.status == 409
    page.frame_locator("iframe[name=shown]").get_by_text("as it is already").wait_for()
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "analyse"]
    context.close()


def test_what_the_browser_draws_is_grey_first_and_has_colours_then(
    keep: Keep, grant: Grant, people: SimpleNamespace, window: Any
) -> None:
    one = keep(PICTURE, media_type="image/jpeg", once="a picture")
    access = grant(one)
    seen = window(person=people.reviewer)
    seen.open(f"/evidence/access/{access.pk}/")
    with seen.page.expect_response(lambda answer: "/look/" in answer.url) as coming:
        seen.page.get_by_role("button", name="Look, blurred").click()
    coming.value.finished()
    small = shown(seen.page)
    inside = small[20:180, 20:280]
    assert np.abs(inside[..., 0] - inside[..., 2]).max() <= 6  # a screen's colours are not quite a file's
    with seen.page.expect_response(lambda answer: "/show/" in answer.url) as coming:
        seen.page.get_by_role("button", name="Show as it is").click()
    coming.value.finished()
    seen.page.frame_locator("iframe[name=shown]").locator("img").wait_for()
    plain = shown(seen.page)
    assert np.abs(plain[..., 0] - plain[..., 2]).max() > 60
    assert seen.complaints() == []
