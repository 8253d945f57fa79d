"""Himaya: find, report, remove and keep down known child sexual abuse material.

The package is a house of rooms on floors; ``ARCHITECTURE.md`` has the drawing. Imports go down only.
"""

__version__ = "0.1.0"
