"""England and Wales, levels 1 to 5, in force from 2002 to April 2014. They are still found in old lists."""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_


def _level(code: str, label: str, definition: str, *acts: str, now: str) -> Code:
    facets = Facets(
        age=frozenset({"infant", "prepub", "pub"}),
        act=frozenset(acts),
        origin=frozenset({"photographic", "virtual"}),
        legality="national",
    )
    return Code(code, label, definition, True, facets, part_of=f"uk-sap/{now}")


class UKSAPOld(Scheme):
    """Withdrawn: each level went into a category of 2014."""

    name = "uk-sap-old"
    label = N_("England and Wales, levels 1 to 5")
    authority = "Sentencing Guidelines Council"
    version = N_("2002 to 2014, withdrawn")
    source = "Sentencing guideline of 2002 (from memory: check it first)"
    reviewed = False
    withdrawn = True
    codes = (
        _level(
            "1", N_("Level 1"), N_("Sexual posing, without sexual activity."), "genital_focus", "sexual_pose", now="C"
        ),
        _level(
            "2",
            N_("Level 2"),
            N_("Non-penetrative activity between children, or of a child alone."),
            "nonpenetr",
            now="B",
        ),
        _level("3", N_("Level 3"), N_("Non-penetrative activity between adults and children."), "nonpenetr", now="B"),
        _level("4", N_("Level 4"), N_("Penetrative activity."), "penetr", now="A"),
        _level("5", N_("Level 5"), N_("Sadism, or an animal."), "sadism_animal", now="A"),
    )


PLUGIN = UKSAPOld()
