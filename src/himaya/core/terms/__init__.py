"""Words and classes of this field.

:mod:`.grid` is what classes of every scheme are compared by: facets (age, act, origin, legality) and the cells that
they cover. :mod:`.relations` says how a class of one scheme lies to one of another, and what it may become there.
:mod:`.wording` finds words in texts that do harm, and the respectful ones.
"""
