"""File formats for lists."""
