"""Partners as a Django app."""

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """Other bodies, and what they may read of ours."""

    name = "himaya.federation"
    label = "federation"

    def ready(self) -> None:
        """Beside the worker's rounds, publish what is new of our lists."""
        from himaya.federation.native.publishing import publish_due
        from himaya.federation.services import record_days, share_list
        from himaya.ledger.worker import beside
        from himaya.lists.proposals import provides

        beside(publish_due)
        beside(record_days)
        provides("share", share_list)
