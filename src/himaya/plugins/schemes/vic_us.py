"""Project VIC, categories of the United States region (VICS 1.3 and 2.0).

Numbers of other regions mean other things, and are not published.
"""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_

_AGES = frozenset({"infant", "prepub", "pub"})
_ACTS = frozenset({"penetr", "sadism_animal", "nonpenetr", "genital_focus"})
_PHOTOGRAPHIC, _VIRTUAL = frozenset({"photographic"}), frozenset({"virtual"})


class VICUS(Scheme):
    """Six numbers, as VICS files of the region carry them; the first alone says that it is illegal there."""

    name = "vic-us"
    label = N_("Project VIC, United States")
    authority = "Project VIC"
    version = "VICS 2.0, region US"
    source = "https://www.projectvic.org/vics-data-model"
    reviewed = False
    codes = (
        Code("0", N_("Non-pertinent"), N_("Of no relevance."), False, Facets(legality="not-illegal")),
        Code(
            "1",
            N_("Child abuse material"),
            N_("Illegal under the law of the United States."),
            True,
            Facets(_AGES, _ACTS, _PHOTOGRAPHIC, "national"),
        ),
        Code(
            "2",
            N_("Child exploitive, or age difficult"),
            N_("Exploitive without being child abuse material, or the age is hard to tell."),
            False,
            Facets(_AGES, frozenset({"sexual_pose", "nudity_nonsexual"}), _PHOTOGRAPHIC),
            sure="low",
        ),
        Code(
            "3",
            N_("Computer-made or drawn"),
            N_("Exploitive, and made by a computer or drawn."),
            False,
            Facets(_AGES, _ACTS | {"sexual_pose"}, _VIRTUAL),
        ),
        Code("4", N_("Comparison"), N_("A picture for comparison, kept to identify places or things."), False),
        Code("5", N_("Uncategorised"), N_("Not graded as yet."), False),
    )


PLUGIN = VICUS()
