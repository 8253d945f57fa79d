"""Figures, measured: ``python -m benchmarks`` (``make bench``). Not part of the tests."""
