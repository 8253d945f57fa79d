"""NCMEC's hash sharing API, version 2, as this node serves it: its clients work by changing the address.

Protocol: the API's documentation and ``threatexchange``'s client for it (``core.hash_sharing`` has the words). What is
ours: an entry is what one organisation says about one item, so that an item for which three vouch is three entries.
"""
