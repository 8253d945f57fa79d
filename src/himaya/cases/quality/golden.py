"""Training cases with a known answer: facts as an analyst's form would state them, no picture, nobody's case.

The answers follow from what each scheme says of its classes. They are written out by hand, each with its reason; a
test holds them against the facets of the schemes.
"""

from __future__ import annotations

from dataclasses import dataclass

from himaya.core.words import N_


@dataclass(frozen=True, slots=True)
class Golden:
    """One training case.

    Attributes:
        name: for ever the same: what people answered is kept by it.
        scheme: by which it is to be classified.
        age, act, origin: what an analyst found, as :mod:`himaya.core.terms.grid` names it.
        code: the class that the guideline gives; empty: none of this scheme.
        why: what the guideline says.
    """

    name: str
    scheme: str
    age: str
    act: str
    origin: str
    code: str
    why: str


_REAL, _DRAWN = "photographic", "virtual"
_BY_LETTER = N_("The letter goes by the apparent age, the digit by whether a sex act is shown.")
_BY_ACT = N_("The category goes by the act alone, whatever the age of the child.")
_ALL = N_("A real child who looks prepubescent, and an act that Baseline names: all that it asks for is there.")
GOLDEN = (
    Golden("interpol-1", "interpol", "prepub", "nonpenetr", _REAL, "baseline", _ALL),
    Golden("interpol-2", "interpol", "infant", "genital_focus", _REAL, "baseline", _ALL),
    Golden(
        "interpol-3", "interpol", "pub", "penetr", _REAL, "",
        N_("Baseline is of children who look prepubescent. A national scheme has a class for this one."),
    ),
    Golden(
        "interpol-4", "interpol", "prepub", "sexual_pose", _REAL, "",
        N_("Baseline asks for sexual activity, or for a focus on the genital or anal region. A pose is neither."),
    ),
    Golden("interpol-5", "interpol", "prepub", "nonpenetr", _DRAWN, "", N_("Baseline is of real children.")),
    Golden(
        "interpol-6", "interpol", "prepub", "nudity_nonsexual", _REAL, "",
        N_("Nudity alone is not in Baseline."),
    ),
    Golden("ncmec-1", "ncmec-industry", "infant", "penetr", _REAL, "A1", _BY_LETTER),
    Golden("ncmec-2", "ncmec-industry", "prepub", "genital_focus", _REAL, "A2", _BY_LETTER),
    Golden("ncmec-3", "ncmec-industry", "pub", "nonpenetr", _REAL, "B1", _BY_LETTER),
    Golden("ncmec-4", "ncmec-industry", "pub", "genital_focus", _REAL, "B2", _BY_LETTER),
    Golden(
        "ncmec-5", "ncmec-industry", "pub", "sadism_animal", _REAL, "B1",
        N_("It is a sex act as 18 U.S.C. 2256 has it; the letter goes by the apparent age."),
    ),
    Golden(
        "ncmec-6", "ncmec-industry", "prepub", "nudity_nonsexual", _REAL, "",
        N_("Neither a sex act nor an exhibition as 18 U.S.C. 2256 has it: no class is for nudity alone."),
    ),
    Golden("uk-1", "uk-sap", "prepub", "penetr", _REAL, "A", _BY_ACT),
    Golden("uk-2", "uk-sap", "pub", "sadism_animal", _REAL, "A", _BY_ACT),
    Golden("uk-3", "uk-sap", "infant", "nonpenetr", _REAL, "B", _BY_ACT),
    Golden(
        "uk-4", "uk-sap", "pub", "sexual_pose", _REAL, "C",
        N_("Indecent, and neither in A nor in B: category C holds what is left."),
    ),
    Golden(
        "uk-5", "uk-sap", "prepub", "genital_focus", _DRAWN, "C",
        N_("The guideline counts pseudo-photographs as photographs; the act is neither in A nor in B."),
    ),
    Golden("uk-6", "uk-sap", "pub", "no_sexual_element", _REAL, "", N_("Nothing in it is indecent.")),
)  # fmt: skip
BY_NAME = {one.name: one for one in GOLDEN}
