"""The community as a Mesa model: ticks, totals, views; nothing depends on blocks or threads."""

from __future__ import annotations

from dataclasses import replace

import mesa
import numpy as np
import pytest

from solar_model.community.battery import Flows
from solar_model.community.households import Households
from solar_model.community.model import Community, HouseholdBlock
from solar_model.errors import InputError
from solar_model.sample import sample_households
from solar_model.settings import settings

NOON = "2024-06-11T16:00:00"


@pytest.fixture(scope="module")
def households() -> Households:
    return Households.from_frame(sample_households(500, seed=2), settings())


def test_it_is_a_mesa_model_of_blocks(households):
    community = Community(households, NOON, seed=1, block_size=200)
    assert isinstance(community, mesa.Model)
    assert [type(agent) for agent in community.agents] == [HouseholdBlock] * 3
    assert [agent.rows for agent in community.agents] == [
        slice(0, 166),
        slice(166, 333),
        slice(333, 500),
    ]


def test_each_step_is_the_next_quarter_of_an_hour(households):
    community = Community(households, NOON, seed=1)
    assert np.isnan(community.flows.generation_kwh).all()
    stamps = []
    for _ in range(3):
        community.step()
        stamps += community.results()["timestamp"].unique().dt.strftime("%H:%M").to_list()
    assert stamps == ["16:00", "16:15", "16:30"]
    assert f"{community.now:%H:%M}" == "16:45"


def test_the_results_of_a_tick_stay_when_the_community_moves_on(households):
    community = Community(households, NOON, seed=1)
    community.step()
    first = community.results()
    before = first["battery_soc_kwh"].to_list()
    community.step()
    assert first["battery_soc_kwh"].to_list() == before
    assert community.results()["battery_soc_kwh"].to_list() != before


def test_totals_are_those_of_the_rows(households):
    community = Community(households, NOON, "stochastic", seed=1)
    for _ in range(4):
        community.step()
        rows = community.results()
        last = community.totals.row(-1, named=True)
        for name in Flows._fields:
            assert last[name] == pytest.approx(rows[name].sum(), abs=1e-6), name
        generation, export = rows["generation_kwh"].sum(), rows["grid_export_kwh"].sum()
        consumption, bought = rows["consumption_kwh"].sum(), rows["grid_import_kwh"].sum()
        assert last["self_consumption"] == pytest.approx(1 - export / generation, abs=1e-6)
        assert last["self_sufficiency"] == pytest.approx(1 - bought / consumption, abs=1e-6)
        assert last["timestamp"] == rows["timestamp"][0]
    assert len(community.totals) == 4


def test_at_night_nothing_is_generated_and_self_consumption_has_no_value(households):
    community = Community(households, "2024-06-11T05:00:00", seed=1)
    community.step()
    assert community.total("generation_kwh") == 0
    assert np.isnan(community.self_consumption)
    assert 0 <= community.self_sufficiency < 1


@pytest.mark.parametrize(("block_size", "threads"), [(1, 2), (7, 1), (7, 3), (499, 2), (10_000, 1)])
def test_blocks_and_threads_change_nothing(households, block_size, threads):
    def run(**how: int) -> Community:
        community = Community(households.take(slice(0, 60)), NOON, "stochastic", seed=1, **how)
        for _ in range(3):
            community.step()
        return community

    usual, other = run(), run(block_size=block_size, threads=threads)
    assert other.results().equals(usual.results())
    assert other.totals.equals(usual.totals)


def test_a_household_can_be_looked_at(households):
    community = Community(households, NOON, seed=1)
    user_id = households.user_id[7]
    view = community.household(user_id.upper())
    community.step()
    row = community.results().row(7, named=True)
    assert view.system["user_id"] == row["user_id"] == user_id
    assert view.system["panel_count"] == households.panel_count[7]
    assert view.system["timezone"] == "America/New_York"
    assert view.energy == {name: row[name] for name in Flows._fields}


def test_a_household_that_nobody_knows_is_an_error(households):
    with pytest.raises(InputError, match="no such household"):
        Community(households, NOON).household("00000000-0000-4000-8000-000000000000")


def test_a_smaller_battery_carries_less_through_the_night(households):
    def bought_overnight(share: float) -> float:
        smaller = replace(
            households,
            battery_capacity_kwh=households.battery_capacity_kwh * share,
            battery_soc_kwh=np.full(len(households), np.nan),
        )
        community = Community(smaller, "2024-06-11T22:00:00", seed=1)
        for _ in range(32):
            community.step()
        return float(community.totals["grid_import_kwh"].sum())

    assert bought_overnight(1.0) < bought_overnight(0.5) < bought_overnight(0.0)
