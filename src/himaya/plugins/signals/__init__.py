"""Ways to fingerprint content."""
