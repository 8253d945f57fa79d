"""Evidence as a Django app."""

from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    """Exhibits, how they were kept, and for how long."""

    name = "himaya.evidence"
    label = "evidence"

    def ready(self) -> None:
        """Beside the worker: end what is over, read what is kept, remove what nobody acknowledged,
        have stamped what is new, and forget what custodians brought for what is over.
        """
        from himaya.evidence import anchoring
        from himaya.evidence.custody import shown
        from himaya.evidence.demands.arriving import hold_arrived
        from himaya.evidence.ending import end_when_due
        from himaya.evidence.guarded.bringing import forget_over
        from himaya.evidence.scrubbing import scrub_due
        from himaya.evidence.services import tell_arrivals
        from himaya.evidence.stamping import stamp_due
        from himaya.ledger.worker import beside
        from himaya.log.events import before_signing, provides

        tell_arrivals(hold_arrived)
        provides("destruction", shown)
        provides(anchoring.CUSTODY, anchoring.shown)
        before_signing(anchoring.anchor_steps)
        beside(end_when_due)
        beside(scrub_due)
        beside(stamp_due)
        beside(forget_over)
