"""What the program ships as reference: time limits of law, contact points, fields of requests for legal assistance.

Every row says where it comes from, when that was looked at, and how far it can be relied upon (:mod:`.marks`).
:mod:`.editions` reads the files in ``shipped``; the tables of :mod:`.tables` say what a row has and check one that a
person writes; :class:`TimeLimit`, :class:`Contact` and :class:`RequestField` are rows as others use them.
"""

from himaya.core.reference.contacts import Contact
from himaya.core.reference.limits import TimeLimit
from himaya.core.reference.marks import Mark
from himaya.core.reference.requests import RequestField
from himaya.core.reference.tables import TABLES, BadRow, Table

__all__ = ["TABLES", "BadRow", "Contact", "Mark", "RequestField", "Table", "TimeLimit"]
