"""Forms in which other bodies hand over evidence."""
