"""Sealed files, the keys that open them, and the end of these: what ``evidence`` keeps things with. No database.

A thing is sealed under a key of its own (:mod:`sealed`). That key is kept wrapped twice (:mod:`wrapping`): within, by a
key that the database has; without, by the key of an epoch, which stands in a small file that neither the database nor a
backup of it has (:mod:`epochs`). Who destroys that file has destroyed everything that was kept until then.
"""
