"""Agent-based simulation of community solar, and the plain Python of its pipeline."""

__version__ = "0.1.0"
