"""The sample community meets the contract and looks like the statistics it is drawn from."""

from __future__ import annotations

import polars as pl
import pytest

from solar_model.contracts import UsersInput, breaches
from solar_model.errors import InputError
from solar_model.sample import sample_households
from solar_model.settings import load_settings


@pytest.fixture(scope="module")
def community() -> pl.DataFrame:
    return sample_households(20_000, seed=1)


def test_rows_meet_the_contract(community):
    assert list(breaches(UsersInput, community)) == []


def test_same_seed_same_households_whatever_their_number(community):
    assert sample_households(300, seed=1).equals(community.head(300))
    other = sample_households(300, seed=2)
    assert not set(other["user_id"]) & set(community["user_id"])


def test_a_third_has_a_battery(community):
    share = (community["battery_capacity_kwh"] > 0).mean()
    assert share == pytest.approx(1 / 3, abs=0.02)


def test_household_sizes_are_those_of_the_census(community):
    size = community["household_size"]
    assert size.mean() == pytest.approx(2.4, abs=0.1)
    assert (size == 1).mean() == pytest.approx(0.29, abs=0.02)
    assert (size == 2).mean() == pytest.approx(0.35, abs=0.02)


def test_systems_are_of_a_usual_size_and_inverters_fit_them(community):
    dc_kw = community["panel_wattage"] * community["panel_count"] / 1000
    assert dc_kw.median() == pytest.approx(7.4, abs=0.3)
    assert dc_kw.quantile(0.05) > 3
    assert dc_kw.quantile(0.95) < 16
    loading = dc_kw / community["inverter_capacity_kw"]
    assert loading.is_between(0.98, 1.45).all()
    assert loading.median() == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize(("latitude", "equator_deg"), [(52.5, 180.0), (-33.9, 0.0)])
def test_panels_mostly_face_the_equator_around_the_site(latitude, equator_deg):
    site = load_settings(site_latitude_deg=latitude, site_longitude_deg=179.99)
    rows = sample_households(5_000, seed=3, site=site)
    away = (rows["azimuth_deg"] - equator_deg + 180) % 360 - 180
    assert (away.abs() <= 45).mean() == pytest.approx(0.55, abs=0.03)
    assert (rows["latitude"] - latitude).abs().max() < 0.3
    assert (rows["latitude"] - latitude).std() == pytest.approx(0.05, abs=0.003)
    assert rows["longitude"].is_between(-180, 180).all()
    assert rows["tilt_deg"].is_between(5, 50).all()


def test_a_community_needs_households():
    with pytest.raises(InputError, match="1 or more"):
        sample_households(0)
