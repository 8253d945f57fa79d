"""TAXII 2.1 (OASIS), as this node serves it: every list that a partner may read is a collection of STIX indicators."""
