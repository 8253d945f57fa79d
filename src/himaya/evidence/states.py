"""In which states exhibits, sealed files and requests for access can be, and of which classes they are."""

from __future__ import annotations

from typing import Final

STANDARD, GUARDED = "standard", "guarded"
CLASSES: Final = (STANDARD, GUARDED)
"""``guarded``: a third key is in parts, which two custodians give together; the node alone opens nothing."""
KEPT, ENDING, DESTROYED = "kept", "ending", "destroyed"
STATES: Final = (KEPT, ENDING, DESTROYED)
"""Of an exhibit. ``ending``: its time is over and its key is about to be destroyed; a hold still saves it."""
DELETE, REVIEW = "delete", "review"
WHOLE, ROTTEN, GOING, LOCKED, GONE = "whole", "rotten", "going", "locked", "gone"
"""Of a sealed file. ``going``: nobody needs it any more, and it is removed; ``locked``: a bucket still holds it."""

ASKED, GRANTED, REFUSED, ENDED = "asked", "granted", "refused", "ended"
ACCESS: Final = (ASKED, GRANTED, REFUSED, ENDED)
