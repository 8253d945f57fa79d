"""Lists of known material: items with provenance, state and class."""
