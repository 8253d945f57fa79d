"""Items on their way into a list: batch by batch, unseen, and then all of them in one moment.

A million rows take a minute to write, and SQLite has one writer. So nobody waits for the whole of an import: it writes
short batches under a revision that has no number yet, and readers pass these over (``lists.models.Arrived``). What it
changes of items that are there already waits beside them. One last, small transaction gives the revision its number:
from then on all of it holds. Whatever is killed in between, readers see the old list or the new one.
"""

from himaya.lists.arrivals.arrival import Arrival, ImportLost, ImportUnderWay
from himaya.lists.arrivals.from_source import FromSource
from himaya.lists.arrivals.hands import Ballot, Voice
from himaya.lists.arrivals.judging import Judging
from himaya.lists.arrivals.revisions import CHANNEL, Kind, count, revise
from himaya.lists.arrivals.sweeping import sweep

__all__ = [
    "CHANNEL",
    "Arrival",
    "Ballot",
    "FromSource",
    "ImportLost",
    "ImportUnderWay",
    "Judging",
    "Kind",
    "Voice",
    "count",
    "revise",
    "sweep",
]
