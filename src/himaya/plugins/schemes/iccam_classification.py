"""The classification of ICCAM, by which INHOPE's hotlines tell one another."""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_


class ICCAMClassification(Scheme):
    """Baseline is INTERPOL's; what is national depends on the law of a country, and has no fixed place in the grid."""

    name = "iccam-classification"
    label = N_("ICCAM classification")
    authority = "INHOPE"
    version = "API 3, mapping of 2023"
    source = "https://github.com/AbuseIO/SCART-application"
    reviewed = False
    codes = (
        Code(
            code="1",
            label=N_("Baseline"),
            definition=N_("INTERPOL Baseline: illegal in any country."),
            confirms=True,
            facets=Facets(
                age=frozenset({"infant", "prepub"}),
                act=frozenset({"penetr", "sadism_animal", "nonpenetr", "genital_focus"}),
                origin=frozenset({"photographic"}),
                legality="baseline",
            ),
            same_as=("interpol/baseline",),
        ),
        Code(
            code="2",
            label=N_("National"),
            definition=N_("Illegal under the law of the country concerned, and not Baseline."),
            confirms=True,
            facets=Facets(legality="national"),
        ),
        Code("3", N_("Doubtful"), N_("Of version 2 alone; version 3 has no such class."), False),
        Code("4", N_("Ignore"), N_("Not illegal, or outside of what hotlines deal with."), False),
    )


PLUGIN = ICCAMClassification()
