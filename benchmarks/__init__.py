"""How fast it is and how much memory it takes: ``make bench``, or ``python -m benchmarks``."""
