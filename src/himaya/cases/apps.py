"""Cases as a Django app."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """Cases, sightings, verdicts."""

    name = "himaya.cases"
    label = "cases"

    def ready(self) -> None:
        """Say to evidence which cases there are, and who looks after those who look."""
        from himaya.cases.care.keeping import note_look
        from himaya.cases.naming import check_case
        from himaya.evidence.naming import knows_cases
        from himaya.evidence.viewing import watched_by

        knows_cases(check_case)
        watched_by(note_look)
