"""People, their roles, and keys for programs."""
