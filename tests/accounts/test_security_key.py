"""A security key in real Chromium, under the console's own Content-Security-Policy: added, then used to sign in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def key_in(window: Any, *, presence: bool = True) -> tuple[Any, str]:
    """A security key, plugged into the browser; and what one talks to it with."""
    wire = window.context.new_cdp_session(window.page)
    wire.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": presence,
    }  # fmt: skip
    return wire, wire.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def give_password(page: Any, button: str) -> None:
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name=button, exact=True).click()


def sign_in(window: Any) -> Any:
    window.open("/accounts/login/")
    window.page.fill("input[name=login]", "reviewer")
    give_password(window.page, "Sign in")
    return window.page


def add_key(window: Any) -> Any:
    """Sign in, go on to where a key is added, confirm who one is, and add it."""
    page = sign_in(window)
    page.wait_for_url("**/accounts/2fa/")
    return confirm_and_add(window)


def confirm_and_add(window: Any) -> Any:
    """Of somebody who is signed in: confirm who one is, and add the key that is plugged in."""
    page = window.page
    window.open("/accounts/2fa/webauthn/add/")
    give_password(page, "Confirm")
    page.fill("input[name=name]", "Blue key")
    click_loaded(page, "#mfa_webauthn_add")
    page.wait_for_url(lambda url: "/webauthn/add" not in url)
    return page


def click_loaded(page: Any, button: str) -> None:
    """Click a button that a script has to wait upon: before the page is loaded, nothing does."""
    page.locator(button).wait_for()
    page.wait_for_load_state()
    page.click(button)


def test_a_key_is_added_and_opens_the_console(people: SimpleNamespace, window: Any) -> None:
    first = window()
    wire, name = key_in(first)
    add_key(first)
    assert Authenticator.objects.get(type="webauthn").wrap().name == "Blue key"
    assert first.open("/cases/") == 200

    first.context.clear_cookies()
    page = sign_in(first)
    page.wait_for_url("**/accounts/2fa/authenticate/")
    first.open("/cases/")
    assert page.url.endswith("/accounts/2fa/authenticate/")  # the password alone does not open
    click_loaded(page, "#mfa_webauthn_authenticate")
    page.wait_for_url(first.base + "/")
    assert first.open("/cases/") == 200
    assert first.said == []  # nothing that the policy refused, nothing else on the console
    (credential,) = wire.send("WebAuthn.getCredentials", {"authenticatorId": name})["credentials"]
    assert credential["rpId"] == "localhost"
    assert credential["signCount"] >= 2


def test_another_key_does_not_open(people: SimpleNamespace, window: Any) -> None:
    owner = window()
    key_in(owner)
    add_key(owner)

    stranger = window()
    key_in(stranger)
    page = sign_in(stranger)
    page.wait_for_url("**/accounts/2fa/authenticate/")
    click_loaded(page, "#mfa_webauthn_authenticate")
    page.locator(".alert:visible, [role=alert]:visible").first.wait_for()
    stranger.open("/cases/")
    assert page.url.endswith("/accounts/2fa/authenticate/")
