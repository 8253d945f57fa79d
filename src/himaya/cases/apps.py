"""Cases as a Django app."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """Cases, sightings, verdicts."""

    name = "himaya.cases"
    label = "cases"

    def ready(self) -> None:
        """Say to evidence which cases there are."""
        from himaya.cases.naming import check_case
        from himaya.evidence.naming import knows_cases

        knows_cases(check_case)
