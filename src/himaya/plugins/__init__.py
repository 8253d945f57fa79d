"""What can be added without touching the rooms: one file each, found by :mod:`himaya.core.registry`."""
