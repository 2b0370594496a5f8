from __future__ import annotations

import numpy as np
import pytest

from solar_model.community.sun import sun_at
from solar_model.community.weather import Sky, open_weather

MIDSUMMER_NOON = 1_718_967_600 // 900  # 2024-06-21T11:00Z
BERLIN = (np.array([52.5]), np.array([13.4]))


def skies(tick: int, place: tuple, seed: int = 1) -> Sky:
    return open_weather("stochastic", seed).sky(tick, sun_at(tick, *place))


def noon_index(day: int, place: tuple, seed: int = 1) -> np.ndarray:
    """Clear-sky index at noon of the first place."""
    tick = MIDSUMMER_NOON + 96 * day - round((place[1][0] - 15.0) / 3.75)
    sun = sun_at(tick, *place)
    return open_weather("stochastic", seed).sky(tick, sun).ghi_w_m2 / sun.ghi_w_m2


@pytest.fixture(scope="module")
def year_of_noons() -> np.ndarray:
    """Clear-sky index at noon of a year, at places 5, 50 and 2000 km east of Berlin."""
    place = np.full(4, 52.5), np.array([13.4, 13.45, 14.15, 42.0])
    return np.array([noon_index(day, place) for day in range(365)])


def test_a_cell_has_the_same_weather_whoever_asks_and_whenever() -> None:
    places = np.array([52.5, 52.55, -33.85, 0.0]), np.array([13.4, 13.4, 151.2, -180.0])
    together = skies(MIDSUMMER_NOON + 7, places)
    for cell in range(4):
        alone = skies(MIDSUMMER_NOON + 7, (places[0][cell : cell + 1], places[1][cell : cell + 1]))
        for name, values in vars(together).items():
            np.testing.assert_array_equal(getattr(alone, name)[0], values[cell])


def test_the_seed_decides() -> None:
    one = [noon_index(day, BERLIN, seed=1)[0] for day in range(30)]
    other = [noon_index(day, BERLIN, seed=2)[0] for day in range(30)]
    assert one == [noon_index(day, BERLIN, seed=1)[0] for day in range(30)]
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.6
    assert one != other


def test_skies_are_mostly_clear_or_overcast_and_plausible_on_average(
    year_of_noons: np.ndarray,
) -> None:
    index = year_of_noons[:, 0]
    assert index.min() >= 0.2
    assert index.max() <= 1.05
    assert 0.5 < index.mean() < 0.8
    middle = np.mean((index > 0.45) & (index < 0.8))
    assert np.mean(index <= 0.45) > middle / 2
    assert np.mean(index >= 0.8) > middle


def test_neighbours_share_the_weather_and_the_far_do_not(year_of_noons: np.ndarray) -> None:
    near, region, far = (np.corrcoef(year_of_noons[:, [0, at]].T)[0, 1] for at in (1, 2, 3))
    assert near > 0.9
    assert 0.4 < region < near
    assert abs(far) < 0.25


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(52.5, 13.4), (36.1, -79.8), (-36.85, 174.8), (-17.0, 179.9), (0.0, -78.5)],
)
def test_it_is_alike_in_all_directions_and_everywhere(latitude: float, longitude: float) -> None:
    north = 60.0 / 111.2  # of 60 km
    east = north / np.cos(np.radians(latitude))
    beyond = (longitude + east + 180.0) % 360.0 - 180.0
    place = np.array([latitude, latitude + north, latitude]), np.array([longitude] * 2 + [beyond])
    index = np.array([noon_index(day, place) for day in range(0, 3650, 5)])
    northwards, eastwards = (np.corrcoef(index[:, [0, at]].T)[0, 1] for at in (1, 2))
    assert 0.5 < northwards < 0.8
    assert abs(northwards - eastwards) < 0.1


def test_weather_lasts_but_not_for_ever() -> None:
    ticks = range(MIDSUMMER_NOON - 12, MIDSUMMER_NOON + 12)
    index = np.array(
        [
            [
                skies(tick + 96 * day, BERLIN).ghi_w_m2[0]
                / sun_at(tick + 96 * day, *BERLIN).ghi_w_m2[0]
                for tick in ticks
            ]
            for day in range(0, 120, 2)
        ]
    )

    def correlation(lag: int) -> float:
        return float(np.corrcoef(index[:, :-lag].ravel(), index[:, lag:].ravel())[0, 1])

    assert correlation(1) > 0.9
    assert 0.3 < correlation(20) < correlation(4) < correlation(1)


def test_components_close() -> None:
    place = np.full(50, 52.5), np.linspace(0.0, 40.0, 50)
    sun = sun_at(MIDSUMMER_NOON, *place)
    sky = open_weather("stochastic", 3).sky(MIDSUMMER_NOON, sun)
    closure = sky.dni_w_m2 * sun.cos_zenith + sky.dhi_w_m2
    np.testing.assert_allclose(closure, sky.ghi_w_m2, rtol=1e-9)
    assert (sky.dhi_w_m2 > 0.0).all()


@pytest.mark.parametrize(
    ("latitude", "january", "july"), [(52.5, (-6, 8), (12, 26)), (-33.85, (18, 30), (6, 18))]
)
def test_seasons_are_right_on_both_hemispheres(
    latitude: float, january: tuple[float, float], july: tuple[float, float]
) -> None:
    place = np.array([latitude]), np.array([13.4])
    for month_start, (low, high) in ((1704067200, january), (1719792000, july)):
        first = month_start // 900
        temps = [skies(first + step, place).temp_air_c[0] for step in range(0, 96 * 30, 8)]
        assert low < np.mean(temps) < high
        assert np.std(temps) > 1.0


def test_afternoons_are_warmer_than_nights_and_wind_is_plausible() -> None:
    first = 1719792000 // 900
    night = [skies(first + 96 * day + 8, BERLIN).temp_air_c[0] for day in range(30)]
    afternoon = [skies(first + 96 * day + 56, BERLIN).temp_air_c[0] for day in range(30)]
    assert np.mean(afternoon) - np.mean(night) > 4.0
    wind = np.array([skies(first + 40 * step, BERLIN).wind_speed_m_s[0] for step in range(400)])
    assert wind.min() > 0.0
    assert 2.0 < wind.mean() < 5.0
    assert wind.max() < 25.0
