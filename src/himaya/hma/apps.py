"""HMA's API as a Django app."""

from django.apps import AppConfig


class HmaConfig(AppConfig):
    """The door for HMA's clients; ends in the worker's round what was to rest until a moment that has come."""

    name = "himaya.hma"
    label = "hma"

    def ready(self) -> None:
        """Hang the end of rests into the worker's round."""
        from himaya.hma.services import end_rests
        from himaya.ledger.worker import on_tick

        on_tick(end_rests)
