"""Batteries that raise self-consumption, and the meters: one tick of every household at once.

Greedy control: what the panels give beyond the load goes into the battery until it is full, then
to the grid; what the load needs beyond the panels comes from the battery until it is empty, then
from the grid. The battery never charges from the grid nor feeds it.

Energy is counted in whole micro-kWh, the sixth decimal of a kWh, held in float64 (exact up to
2**53). So the energy balance is an identity of integers, and the state written to a file is the
state itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solar_model.community.households import Households
from solar_model.ticks import TICK_HOURS

Floats = NDArray[np.float64]

MICRO_PER_KWH = 1e6

# 0.95 each way is a round trip of 0.9025, AC to AC: the 90 % that makers warrant for lithium-ion
# home storage (Tesla Powerwall 2 data sheet, 2019).
CHARGE_EFFICIENCY = 0.95
DISCHARGE_EFFICIENCY = 0.95
# Full power empties the battery in two hours; 0.37 (Powerwall 2: 5 kW, 13.5 kWh) to 0.5 is usual.
MAX_C_RATE_PER_H = 0.5
# Where nothing is known about a battery it starts half full.
INITIAL_STATE_OF_CHARGE = 0.5


class Flows(NamedTuple):
    """Energy of n households in one tick, every array of shape (n,) [kWh].

    Each number has at most six decimals, and in them, exactly,
    ``generation + discharge + import = consumption + charge + export``.
    """

    generation_kwh: Floats
    consumption_kwh: Floats
    battery_soc_kwh: Floats
    battery_charge_kwh: Floats
    battery_discharge_kwh: Floats
    grid_import_kwh: Floats
    grid_export_kwh: Floats
    surplus_kwh: Floats


class Batteries:
    r"""Batteries and inverters of n households; keeps the state of charge between ticks.

    In a tick, charge :math:`c` and discharge :math:`d` at the AC terminals change the state by

    .. math:: S' = S + \eta_c c - d / \eta_d

    within 1 micro-kWh (charging) and half of that (discharging), as the state is kept in whole
    micro-kWh. Losses follow the energy that flows, so that two half ticks lose what one whole
    tick does; an idle battery loses nothing (self-discharge of lithium-ion, about 2 % a month,
    is left out).

    Parameters
    ----------
    households : Households
        Capacities, ratings and state at the start; a state that is NaN is half of the capacity.
    """

    def __init__(self, households: Households) -> None:
        self._capacity = _whole_micro(households.battery_capacity_kwh)
        self._inverter = _whole_micro(households.inverter_capacity_kw * TICK_HOURS)
        self._limit = np.minimum(
            _whole_micro(households.battery_capacity_kwh * MAX_C_RATE_PER_H * TICK_HOURS),
            self._inverter,
        )
        start = _whole_micro(households.battery_soc_kwh)
        half = np.floor(self._capacity * INITIAL_STATE_OF_CHARGE)
        self._state = np.where(np.isnan(start), half, np.minimum(start, self._capacity))

    def step(self, generation_kwh: Floats, consumption_kwh: Floats) -> Flows:
        """Serve the load of one tick and move the state on.

        Parameters
        ----------
        generation_kwh : numpy.ndarray of float64, shape (n,)
            AC energy of the panels in the tick, not negative [kWh].
        consumption_kwh : numpy.ndarray of float64, shape (n,)
            Energy that the household uses in the tick, not negative [kWh].

        Returns
        -------
        Flows
            With the state at the end of the tick.
        """
        generation = np.minimum(np.rint(generation_kwh * MICRO_PER_KWH), self._inverter)
        consumption = np.rint(consumption_kwh * MICRO_PER_KWH)
        surplus = generation - consumption

        room = self._capacity - self._state
        charge = np.minimum(np.maximum(surplus, 0.0), self._limit)
        # rounded up, so that a battery which may become full does
        charge = np.minimum(charge, np.ceil(room / CHARGE_EFFICIENCY))
        stored = np.minimum(np.rint(charge * CHARGE_EFFICIENCY), room)

        discharge = np.minimum(np.maximum(-surplus, 0.0), self._limit)
        discharge = np.minimum(discharge, self._inverter - generation)
        # rounded down, so that no energy comes from nowhere
        discharge = np.minimum(discharge, np.floor(self._state * DISCHARGE_EFFICIENCY))
        drawn = np.rint(discharge / DISCHARGE_EFFICIENCY)

        self._state = self._state + stored - drawn
        to_grid = surplus - charge + discharge
        return Flows(
            *(
                micro / MICRO_PER_KWH
                for micro in (
                    generation,
                    consumption,
                    self._state,
                    charge,
                    discharge,
                    np.maximum(-to_grid, 0.0),
                    np.maximum(to_grid, 0.0),
                    surplus,
                )
            )
        )


def _whole_micro(kwh: Floats) -> Floats:
    """The largest whole number of micro-kWh that is not more than a number with six decimals."""
    nearest = np.rint(kwh * MICRO_PER_KWH)
    return nearest - (nearest / MICRO_PER_KWH > kwh)
