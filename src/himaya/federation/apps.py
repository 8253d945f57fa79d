"""Partners as a Django app."""

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """Other bodies, and what they may read of ours."""

    name = "himaya.federation"
    label = "federation"

    def ready(self) -> None:
        """Beside the worker's rounds, publish what is new of our lists; let the log show what was published."""
        from himaya.federation.native import logged  # noqa: F401 - registers what it provides
        from himaya.federation.services import record_days, share_list
        from himaya.ledger.worker import beside
        from himaya.lists.proposals import provides

        beside(_publish_due)
        beside(record_days)
        provides("share", share_list)


def _publish_due() -> bool:
    """Load what publishes when there is a worker: what signs is heavy, and most commands sign nothing."""
    from himaya.federation.native.publishing import publish_due

    return publish_due()
