"""Flow as a Django app."""

from django.apps import AppConfig


class FlowConfig(AppConfig):
    """Hangs the reader of the ledger into the worker's round."""

    name = "himaya.flow"
    label = "flow"

    def ready(self) -> None:
        """Load the rules; react in every round."""
        from himaya.flow import rules  # noqa: F401
        from himaya.flow.reactor import react
        from himaya.ledger.worker import on_tick

        on_tick(react)
