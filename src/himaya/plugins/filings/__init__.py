"""Bodies that take reports in a form of their own."""
