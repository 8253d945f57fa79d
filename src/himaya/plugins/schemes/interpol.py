"""INTERPOL Baseline: what is illegal everywhere.

The worst-of list of the same source classes domains, not pictures, and is left out.
"""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_


class Interpol(Scheme):
    """One class; whatever is not in it is graded in a national scheme, or not at all."""

    name = "interpol"
    label = "INTERPOL Baseline"
    authority = "INTERPOL"
    version = "Baseline project"
    source = "https://www.interpol.int/en/Crimes/Crimes-against-children/Blocking-and-categorizing-content"
    codes = (
        Code(
            code="baseline",
            label=N_("Baseline"),
            definition=N_(
                "Illegal in any country: a real child, prepubescent (about 13 or under), and sexual activity by, with "
                "or in the presence of the child, or a focus on the genital or anal region."
            ),
            confirms=True,
            facets=Facets(
                age=frozenset({"infant", "prepub"}),
                act=frozenset({"penetr", "sadism_animal", "nonpenetr", "genital_focus"}),
                origin=frozenset({"photographic"}),
                legality="baseline",
            ),
        ),
    )


PLUGIN = Interpol()
