"""Screening as a Django app."""

from django.apps import AppConfig


class ScreeningConfig(AppConfig):
    """Screening, scans, counts."""

    name = "himaya.screening"
    label = "screening"

    def ready(self) -> None:
        """In rounds of the worker: remove what is needed no more, compare new items with what came before, open cases
        for what waited. Beside it: look through and take what others brought. And what is kept as evidence is decoded
        here, in the same sandbox, when somebody looks at it.
        """
        from himaya.evidence.viewing import provides
        from himaya.ledger.worker import beside, on_tick
        from himaya.screening import before, flood, kept, released, showing, waiting
        from himaya.screening.incoming.working import take_due

        provides(showing.picture)
        on_tick(flood.sweep)
        on_tick(kept.sweep)
        on_tick(waiting.sweep)
        on_tick(released.look)
        on_tick(before.look)
        beside(take_due)
