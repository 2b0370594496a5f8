"""Household consumption: people and their habits drive the load."""

from solar_model.community.consumption.model import Consumption

__all__ = ["Consumption"]
