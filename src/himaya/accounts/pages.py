"""Signing in and out, confirming, the password, second factors: allauth's views, and only those named here.

There is no sign-up and no reset by mail: an administrator makes accounts and resets passwords. allauth's own code
reverses those names all the same, so they exist and lead to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from allauth.account import views as account
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.http import Http404
from django.urls import path

from himaya.accounts.access import open_to_all, signed_in
from himaya.accounts.own_acts import together

if TYPE_CHECKING:
    from django.http import HttpRequest


@open_to_all
def nothing_here(_request: HttpRequest) -> NoReturn:
    """An address that allauth names and this node does not offer."""
    raise Http404


urlpatterns = [
    path("login/", open_to_all(account.login), name="account_login"),
    path("logout/", open_to_all(account.logout), name="account_logout"),
    path("inactive/", open_to_all(account.account_inactive), name="account_inactive"),
    path("reauthenticate/", signed_in(account.reauthenticate), name="account_reauthenticate"),
    path("password/change/", signed_in(together(account.password_change)), name="account_change_password"),
    path("2fa/", signed_in(factors.index), name="mfa_index"),
    path("2fa/authenticate/", open_to_all(factors.authenticate), name="mfa_authenticate"),
    path("2fa/reauthenticate/", signed_in(factors.reauthenticate), name="mfa_reauthenticate"),
    path("2fa/totp/activate/", signed_in(together(totp.activate_totp)), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", signed_in(together(totp.deactivate_totp)), name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", signed_in(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "2fa/recovery-codes/generate/",
        signed_in(together(codes.generate_recovery_codes)),
        name="mfa_generate_recovery_codes",
    ),
    path("2fa/recovery-codes/download/", signed_in(codes.download_recovery_codes), name="mfa_download_recovery_codes"),
    path("2fa/webauthn/", signed_in(webauthn.list_webauthn), name="mfa_list_webauthn"),
    path("2fa/webauthn/add/", signed_in(together(webauthn.add_webauthn)), name="mfa_add_webauthn"),
    path(
        "2fa/webauthn/reauthenticate/", signed_in(webauthn.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"
    ),
    path(
        "2fa/webauthn/keys/<int:pk>/remove/", signed_in(together(webauthn.remove_webauthn)), name="mfa_remove_webauthn"
    ),
    path("2fa/webauthn/keys/<int:pk>/edit/", signed_in(webauthn.edit_webauthn), name="mfa_edit_webauthn"),
    path("signup/", nothing_here, name="account_signup"),
    path("email/", nothing_here, name="account_email"),
    path("password/set/", nothing_here, name="account_set_password"),
]
