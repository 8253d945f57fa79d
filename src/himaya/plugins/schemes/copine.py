"""The COPINE scale, ten levels of research and of courts.

Its labels are quoted: they are words of the 1990s. Levels of the CAC ontology 3.0.0 differ, and are wrong; these are
those of the MISP taxonomy ``copine-scale``, version 3.
"""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_

_AGES, _PHOTOGRAPHIC = frozenset({"infant", "prepub", "pub"}), frozenset({"photographic"})


def _level(number: int, label: str, definition: str, *acts: str, confirms: bool = False) -> Code:
    """A level. The scale says nothing of the law; from level 6 on it describes what every grading law forbids."""
    legality = "national" if confirms else "undecided"
    return Code(str(number), label, definition, confirms, Facets(_AGES, frozenset(acts), _PHOTOGRAPHIC, legality))


class COPINE(Scheme):
    """Says nothing of age and law."""

    name = "copine"
    label = N_("COPINE scale, levels 1 to 10")
    authority = "COPINE project, University College Cork"
    version = "MISP taxonomy copine-scale, version 3"
    source = "https://github.com/MISP/misp-taxonomies/tree/main/copine-scale"
    reviewed = False
    codes = (
        _level(
            1, N_("Level 1"), N_("In the words of the scale: “Indicative”. No sexual element."), "no_sexual_element"
        ),
        _level(
            2, N_("Level 2"), N_("In the words of the scale: “Nudist”. Nudity that is not sexual."), "nudity_nonsexual"
        ),
        _level(
            3, N_("Level 3"), N_("In the words of the scale: “Erotica”. Nudity that is not sexual."), "nudity_nonsexual"
        ),
        _level(4, N_("Level 4"), N_("In the words of the scale: “Posing”."), "sexual_pose"),
        _level(5, N_("Level 5"), N_("In the words of the scale: “Erotic posing”."), "sexual_pose"),
        _level(
            6, N_("Level 6"), N_("In the words of the scale: “Explicit erotic posing”."), "genital_focus", confirms=True
        ),
        _level(
            7,
            N_("Level 7"),
            N_("In the words of the scale: “Explicit sexual activity (children only)”."),
            "penetr",
            "nonpenetr",
            confirms=True,
        ),
        _level(
            8,
            N_("Level 8"),
            N_("In the words of the scale: “Assault (touching by an adult)”."),
            "nonpenetr",
            confirms=True,
        ),
        _level(
            9,
            N_("Level 9"),
            N_("In the words of the scale: “Gross assault (by an adult)”."),
            "penetr",
            "nonpenetr",
            confirms=True,
        ),
        _level(
            10,
            N_("Level 10"),
            N_("In the words of the scale: “Sadistic / bestiality”."),
            "sadism_animal",
            confirms=True,
        ),
    )


PLUGIN = COPINE()
