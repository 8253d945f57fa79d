"""Partners as a Django app."""

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """Other bodies, and what they may read of ours."""

    name = "himaya.federation"
    label = "federation"

    def ready(self) -> None:
        """Beside the worker's rounds, publish what is new of our lists, and pass on what others signed."""
        from himaya.federation.native.hub import admit_proposed
        from himaya.federation.native.passing import pass_on_due
        from himaya.federation.native.publishing import publish_due
        from himaya.federation.services import record_days, share_list
        from himaya.ledger.worker import beside
        from himaya.lists.proposals import provides

        beside(publish_due)
        beside(record_days)
        beside(pass_on_due)
        provides("share", share_list)
        provides("admit", admit_proposed)
