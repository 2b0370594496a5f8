"""Weather of the community, from several providers behind one small interface."""

from solar_model.community.weather.choices import Weather
from solar_model.community.weather.sky import Sky, WeatherProvider
from solar_model.community.weather.specs import open_weather

__all__ = ["Sky", "Weather", "WeatherProvider", "open_weather"]
