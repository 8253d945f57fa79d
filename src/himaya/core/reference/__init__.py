"""What the program ships as reference: time limits of law, contact points, fields of requests for legal assistance.

Every row says where it comes from, when that was looked at, and how far it can be relied upon (:mod:`.marks`).
:mod:`.editions` reads the files in ``shipped``; the tables of :mod:`.tables` say what a row has and check one that a
person writes; :class:`TimeLimit`, :class:`Contact`, :class:`Languages` and :class:`RequestField` are rows as others
use them; :mod:`.routing` says from them whom to tell.
"""

from himaya.core.reference.contacts import Contact
from himaya.core.reference.languages import Languages
from himaya.core.reference.limits import TimeLimit
from himaya.core.reference.marks import Mark
from himaya.core.reference.requests import RequestField
from himaya.core.reference.tables import TABLES, BadRow, Table

__all__ = ["TABLES", "BadRow", "Contact", "Languages", "Mark", "RequestField", "Table", "TimeLimit"]
