"""The classification that NCMEC and service providers use: apparent age by letter, content by digit."""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_

_SEX_ACT = ("penetr", "sadism_animal", "nonpenetr")
_EXHIBITION = ("genital_focus",)
_PREPUBESCENT = ("infant", "prepub")
_PUBESCENT = ("pub",)


def _facets(ages: tuple[str, ...], acts: tuple[str, ...]) -> Facets:
    return Facets(age=frozenset(ages), act=frozenset(acts), origin=frozenset({"photographic"}), legality="national")


class NCMECIndustry(Scheme):
    """A: prepubescent minor, B: pubescent minor; 1: sex act, 2: "lascivious exhibition" (18 U.S.C. 2256)."""

    name = "ncmec-industry"
    label = N_("NCMEC and industry, A1 to B2")
    authority = "NCMEC with electronic service providers"
    version = "January 2014, updated June 2022"
    source = "NCMEC CyberTipline Reporting API, element fileClassification"
    codes = (
        Code("A1", "A1", N_("Prepubescent child, sex act."), True, _facets(_PREPUBESCENT, _SEX_ACT)),
        Code(
            "A2",
            "A2",
            N_("Prepubescent child, no sex act: “lascivious exhibition” (18 U.S.C. 2256)."),
            True,
            _facets(_PREPUBESCENT, _EXHIBITION),
        ),
        Code("B1", "B1", N_("Pubescent child, sex act."), True, _facets(_PUBESCENT, _SEX_ACT)),
        Code(
            "B2",
            "B2",
            N_("Pubescent child, no sex act: “lascivious exhibition” (18 U.S.C. 2256)."),
            True,
            _facets(_PUBESCENT, _EXHIBITION),
        ),
    )


PLUGIN = NCMECIndustry()
