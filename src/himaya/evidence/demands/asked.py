"""What a request can state, as the program ships it, for the catalogue: forms ask for it in the reader's language.

What goes out is not translated by that: its text is written in the language of the request.
"""

from __future__ import annotations

from himaya.core.words import N_

FIELDS = (
    N_("Central authority of requesting state"),
    N_("Competent authority"),
    N_("Contact person, e-mail, phone"),
    N_("Requested state central authority"),
    N_("Treaty (bilateral, Budapest Convention, UNTOC, UNCAC, UN Cybercrime Convention) or reciprocity"),
    N_("Offence, provisions, maximum penalty"),
    N_("Dual criminality note"),
    N_("Limitation period"),
    N_("Case reference"),
    N_("Facts summary linking evidence to offence"),
    N_("Suspects with identifiers"),
    N_("Victims (coded)"),
    N_("Why assistance is needed"),
    N_("Preservation"),
    N_("Stored subscriber data"),
    N_("Stored traffic data"),
    N_("Stored content"),
    N_("Real-time traffic data"),
    N_("Interception"),
    N_("Witness statement"),
    N_("Search and seizure"),
    N_("Service of documents"),
    N_("Freezing of proceeds"),
    N_("Provider name and country"),
    N_("Account identifiers"),
    N_("IP address with time and time zone and port"),
    N_("URL"),
    N_("Date range"),
    N_("Hash values"),
    N_("Preservation reference number and date"),
    N_("Urgency and reason"),
    N_("Confidentiality, no notice to the user"),
    N_("Formalities for admissibility"),
    N_("Specialty/use limits"),
    N_("Data-protection terms"),
    N_("Costs"),
    N_("Translation"),
    N_("Return of material"),
    N_("Legal texts"),
    N_("Court order"),
    N_("Chain of custody"),
    N_("Glossary"),
)
"""The shipped texts of the reference's table ``request-fields``, but for the models."""
