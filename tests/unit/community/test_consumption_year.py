"""A simulated year of load meets every range of the reference table, whatever the seed."""

from __future__ import annotations

import numpy as np
import pytest
from docs.scripts.consumption_figures import draw_figures
from docs.scripts.load_metrics import Check, YearOfLoad, check_load
from docs.scripts.validate_consumption import every_size, simulate_year

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def year_of_load() -> YearOfLoad:
    return simulate_year(every_size(1200), seed=42, is_quiet=True)


@pytest.fixture(scope="module")
def checks(year_of_load: YearOfLoad) -> list[Check]:
    return list(check_load(year_of_load))


def test_every_figure_lies_in_its_range(checks: list[Check]) -> None:
    assert len(checks) == 31
    missed = [check for check in checks if not check.is_met]
    assert missed == []


def test_the_figures_do_not_sit_on_the_edge_of_their_range(checks: list[Check]) -> None:
    for check in checks:
        if check.name.startswith("least"):
            continue
        margin = 0.05 * (check.high - check.low)
        assert check.low + margin < check.value < check.high - margin, check


def test_another_zone_year_and_seed_keep_the_shape() -> None:
    load = simulate_year(
        every_size(1002),
        seed=7,
        year=2024,
        zone="Europe/Warsaw",
        latitude_deg=52.2,
        longitude_deg=21.0,
        is_quiet=True,
    )
    assert [check for check in check_load(load) if not check.is_met] == []


def test_a_flat_load_is_told_from_a_real_one(year_of_load: YearOfLoad) -> None:
    flat = YearOfLoad(
        np.broadcast_to(year_of_load.power_kw.mean(axis=0), year_of_load.power_kw.shape)
        + np.random.default_rng(0).normal(0, 0.01, (1, 1200)).astype(np.float32),
        year_of_load.household_size,
        year_of_load.year,
        year_of_load.zone,
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        missed = {check.name for check in check_load(flat) if not check.is_met}
    assert {"CV of load, median household", "winter over summer"} <= missed
    assert "weekday evening peak over mean" in missed


def test_figures_are_drawn(year_of_load: YearOfLoad, tmp_path) -> None:
    paths = draw_figures(year_of_load, tmp_path)
    assert len(paths) == 4
    for path in paths:
        assert path.read_text().startswith("<?xml")
