"""The classes of XARF version 4, content of the type ``csam``. Its schema names them and defines none."""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_

_SEX_ACT = ("penetr", "sadism_animal", "nonpenetr")
_EXHIBITION = ("genital_focus",)
_PREPUBESCENT, _PUBESCENT = ("infant", "prepub"), ("pub",)


def _code(code: str, label: str, definition: str, same_as: str, cells: tuple[tuple[str, ...], ...]) -> Code:
    ages, acts = cells
    legality = "baseline" if code == "baseline" else "national"
    facets = Facets(frozenset(ages), frozenset(acts), frozenset({"photographic"}), legality)
    return Code(code, label, definition, True, facets, same_as=(same_as,))


class XARF(Scheme):
    """Named after INTERPOL Baseline and after the classes of NCMEC and industry."""

    name = "xarf-csam"
    label = "XARF 4"
    authority = "xarf.org"
    version = "specification of March 2026"
    source = "https://github.com/xarf/xarf-spec"
    reviewed = False
    codes = (
        _code(
            "baseline",
            N_("Baseline"),
            N_("Named after INTERPOL Baseline."),
            "interpol/baseline",
            (_PREPUBESCENT, _SEX_ACT + _EXHIBITION),
        ),
        _code("A1", "A1", N_("Named after A1 of NCMEC and industry."), "ncmec-industry/A1", (_PREPUBESCENT, _SEX_ACT)),
        _code(
            "A2", "A2", N_("Named after A2 of NCMEC and industry."), "ncmec-industry/A2", (_PREPUBESCENT, _EXHIBITION)
        ),
        _code("B1", "B1", N_("Named after B1 of NCMEC and industry."), "ncmec-industry/B1", (_PUBESCENT, _SEX_ACT)),
        _code("B2", "B2", N_("Named after B2 of NCMEC and industry."), "ncmec-industry/B2", (_PUBESCENT, _EXHIBITION)),
    )


PLUGIN = XARF()
