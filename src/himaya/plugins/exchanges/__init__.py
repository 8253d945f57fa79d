"""Connectors to sources of lists."""
