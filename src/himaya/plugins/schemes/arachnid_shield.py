"""How Project Arachnid Shield classes what it knows."""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_


class ArachnidShield(Scheme):
    """Two classes. That something is not known there, and the answers for test media, are no classes."""

    name = "arachnid-shield"
    label = "Project Arachnid Shield"
    authority = "Canadian Centre for Child Protection"
    version = "SDK 0.2.2, July 2025"
    source = "https://shield.projectarachnid.com/docs"
    reviewed = False
    codes = (
        Code(
            code="csam",
            label=N_("Child sexual abuse material"),
            definition=N_("Child sexual abuse material under the law that the Centre works by; not graded further."),
            confirms=True,
            facets=Facets(
                age=frozenset({"infant", "prepub", "pub"}),
                act=frozenset({"penetr", "sadism_animal", "nonpenetr", "genital_focus"}),
                origin=frozenset({"photographic"}),
                legality="national",
            ),
            sure="low",
        ),
        Code(
            code="harmful-abusive-material",
            label=N_("Harmful or abusive material"),
            definition=N_("Harmful to the child, although not criminal everywhere."),
            confirms=False,
            facets=Facets(legality="harmful"),
        ),
    )


PLUGIN = ArachnidShield()
