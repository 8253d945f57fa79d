"""The ledger as a Django app."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Registers the delivery handler with the worker."""

    name = "himaya.ledger"
    label = "ledger"

    def ready(self) -> None:
        """Import what registers itself."""
        from himaya.ledger import delivery  # noqa: F401
