"""What a reviewer says when nothing is to be reported: none of these codes confirms."""

from himaya.core.ports import Code, Facets, Scheme
from himaya.core.words import N_


class HimayaReview(Scheme):
    """Our own words for the outcomes that published classifications do not name."""

    name = "himaya-review"
    label = N_("Review without confirmation")
    authority = "Himaya"
    version = "1"
    source = "himaya.plugins.schemes.himaya_review"
    codes = (
        Code(
            code="not-a-match",
            label=N_("Not a match"),
            definition=N_("The content is not what the list item describes; the fingerprints are near by chance."),
            confirms=False,
        ),
        Code(
            code="not-illegal",
            label=N_("Not illegal"),
            definition=N_("The content is what the list item describes, and it is not illegal."),
            confirms=False,
            facets=Facets(legality="not-illegal"),
        ),
        Code(
            code="harmful-not-illegal",
            label=N_("Harmful, not illegal"),
            definition=N_("The content harms a child, and the law that applies here does not forbid it."),
            confirms=False,
            facets=Facets(legality="harmful"),
        ),
        Code(
            code="undecided",
            label=N_("Undecided"),
            definition=N_("What is at hand does not suffice to decide."),
            confirms=False,
        ),
    )


PLUGIN = HimayaReview()
