"""Measurements of the project, run as ``python -m benchmarks.community`` and the like."""
