"""Agent-based simulation of community solar, and the plain Python of its pipeline."""
