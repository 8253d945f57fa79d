"""Accounts as a Django app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, roles, keys; removes in the worker's round what has expired."""

    name = "himaya.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Hang the housekeeping into the worker's round; listen to what people do about their own way in."""
        from himaya.accounts import own_acts  # noqa: F401
        from himaya.accounts.housekeeping import sweep
        from himaya.ledger.worker import on_tick

        on_tick(sweep)
