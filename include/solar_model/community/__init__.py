"""The community model: sun and weather, panels, people and batteries, as Mesa agents."""
