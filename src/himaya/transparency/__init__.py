"""Numbers for the public and for those who answer to it."""
