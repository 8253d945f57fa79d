"""England and Wales, categories A to C, in force since April 2014. The IWF grades by the same letters."""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_


def _facets(*acts: str) -> Facets:
    return Facets(
        age=frozenset({"infant", "prepub", "pub"}),
        act=frozenset(acts),
        origin=frozenset({"photographic", "virtual"}),
        legality="national",
    )


class UKSAP(Scheme):
    """Categories of the Sentencing Council."""

    name = "uk-sap"
    label = N_("England and Wales, categories A to C")
    authority = "Sentencing Council for England and Wales"
    version = "2014"
    source = "https://hmicfrs.justiceinspectorates.gov.uk/glossary/child-sexual-abuse-image-grading/"
    codes = (
        Code(
            code="A",
            label=N_("Category A"),
            definition=N_("Penetrative sexual activity, sexual activity with an animal, or sadism."),
            confirms=True,
            facets=_facets("penetr", "sadism_animal"),
        ),
        Code(
            code="B",
            label=N_("Category B"),
            definition=N_("Non-penetrative sexual activity."),
            confirms=True,
            facets=_facets("nonpenetr"),
        ),
        Code(
            code="C",
            label=N_("Category C"),
            definition=N_(
                "Other indecent images outside A and B. Whether nudity alone is indecent is a question of fact."
            ),
            confirms=True,
            facets=_facets("genital_focus", "sexual_pose"),
        ),
    )


PLUGIN = UKSAP()
