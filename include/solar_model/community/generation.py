"""AC energy of photovoltaic systems, following PVWatts: all systems of a block at once.

The chain is pvlib's: Hay-Davies transposition, incidence-angle modifier, cell temperature,
PVWatts DC and inverter. What depends on the location alone is computed once per cell; what
depends on the system alone, once per community.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pvlib import iam, inverter, pvsystem, temperature

from solar_model.community.households import Households
from solar_model.community.sun import Sun
from solar_model.community.weather import Sky
from solar_model.ticks import TICK_HOURS

Floats = NDArray[np.float64]

# PVWatts version 8, fixed roof mount, standard module (Dobos 2014, doi:10.2172/1158421, and the
# defaults of NREL's System Advisor Model).
SYSTEM_LOSSES = pvsystem.pvwatts_losses() / 100.0  # 14.08 %
TEMPERATURE_COEFFICIENT_PER_K = -0.0037
MODULE_EFFICIENCY = 0.19
NOCT_C = 49.0
INVERTER_EFFICIENCY = 0.96
ALBEDO = 0.2
# Refractive indices of glass and of its anti-reflective coating.
GLASS_INDEX = 1.526
COATING_INDEX = 1.3

# Hay and Davies take the beam's transmittance as the circumsolar share of the diffuse light. Above
# one half, a roof that faces away from the sun would lose power while all of the sky brightens.
MAX_CIRCUMSOLAR_SHARE = 0.5
# The smallest cosine of the zenith angle that the circumsolar light is divided by, as in pvlib.
MIN_COS_ZENITH = 0.01745


class PvArrays:
    """The photovoltaic arrays of n households, with what stays constant worked out.

    Parameters
    ----------
    households : Households
        Their panels and inverters.
    """

    def __init__(self, households: Households) -> None:
        tilt = np.radians(households.tilt_deg)
        azimuth = np.radians(households.azimuth_deg)
        # The panel's normal: its scalar product with the sun's direction is the cosine of the
        # angle of incidence, without trigonometry per tick.
        self._east = np.sin(tilt) * np.sin(azimuth)
        self._north = np.sin(tilt) * np.cos(azimuth)
        self._up = np.cos(tilt)
        self._sky_view = (1.0 + self._up) / 2.0
        self._ground_view = ALBEDO * (1.0 - self._up) / 2.0
        sky_angle_deg, ground_angle_deg = _diffuse_incidence_deg(households.tilt_deg)
        self._sky_seen = self._sky_view * _modifier(sky_angle_deg)
        self._ground_seen = self._ground_view * _modifier(ground_angle_deg)
        self._dc_after_losses_w = households.dc_capacity_kw * 1000.0 * (1.0 - SYSTEM_LOSSES)
        self._inverter_dc_w = np.maximum(
            households.inverter_capacity_kw * 1000.0 / INVERTER_EFFICIENCY,
            np.finfo(np.float64).tiny,  # no inverter, no power, and no division by zero
        )

    def energy_kwh(self, sun: Sun, sky: Sky, cell_index: NDArray[np.intp]) -> Floats:
        """AC energy of one tick.

        Parameters
        ----------
        sun : Sun
            Of c location cells, in the middle of the tick.
        sky : Sky
            Weather of the same cells.
        cell_index : numpy.ndarray of int, shape (n,)
            The cell of each household.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            At the inverter's AC terminals [kWh]: 0 when the sun is down, at most the inverter's
            rating.
        """
        cos_zenith = sun.cos_zenith
        if not cos_zenith.any():
            return np.zeros(len(cell_index))
        up = cos_zenith > 0.0
        zenith, azimuth = np.radians(sun.zenith_deg), np.radians(sun.azimuth_deg)
        circumsolar = np.minimum(sky.dni_w_m2 / sun.dni_extra_w_m2, MAX_CIRCUMSOLAR_SHARE)
        direct_normal = np.where(
            up,
            sky.dni_w_m2 + sky.dhi_w_m2 * circumsolar / np.maximum(cos_zenith, MIN_COS_ZENITH),
            0.0,
        )
        isotropic = np.where(up, sky.dhi_w_m2 * (1.0 - circumsolar), 0.0)
        ground = np.where(up, sky.ghi_w_m2, 0.0)
        # NOCT-SAM is linear in irradiance: its slope depends on the wind alone.
        kelvin_per_w_m2 = temperature.noct_sam(
            1.0, 0.0, sky.wind_speed_m_s, NOCT_C, MODULE_EFFICIENCY
        )

        cos_incidence = self._east * (np.sin(zenith) * np.sin(azimuth))[cell_index]
        cos_incidence += self._north * (np.sin(zenith) * np.cos(azimuth))[cell_index]
        cos_incidence += self._up * cos_zenith[cell_index]
        np.clip(cos_incidence, 0.0, 1.0, out=cos_incidence)
        direct = direct_normal[cell_index] * cos_incidence
        isotropic = isotropic[cell_index]
        ground = ground[cell_index]
        poa_w_m2 = direct + isotropic * self._sky_view + ground * self._ground_view
        absorbed_w_m2 = (
            direct * _modifier(np.degrees(np.arccos(cos_incidence)))
            + isotropic * self._sky_seen
            + ground * self._ground_seen
        )
        cell_temp_c = sky.temp_air_c[cell_index] + kelvin_per_w_m2[cell_index] * poa_w_m2
        dc_w = pvsystem.pvwatts_dc(
            absorbed_w_m2, cell_temp_c, self._dc_after_losses_w, TEMPERATURE_COEFFICIENT_PER_K
        )
        # The efficiency curve is a fit that ends near the rating; there the inverter clips anyway.
        np.minimum(dc_w, 2.0 * self._inverter_dc_w, out=dc_w)
        ac_w = inverter.pvwatts(dc_w, self._inverter_dc_w, INVERTER_EFFICIENCY)
        return np.asarray(ac_w * (TICK_HOURS / 1000.0))


def _modifier(incidence_deg: Floats) -> Floats:
    """Share of the light that coated glass lets through, against normal incidence."""
    return np.asarray(iam.physical(incidence_deg, n=GLASS_INDEX, n_ar=COATING_INDEX))


def _diffuse_incidence_deg(tilt_deg: Floats) -> tuple[Floats, Floats]:
    """Angles at which beams would be dimmed as the light of the whole sky and ground is.

    Source: Brandemuehl and Beckman 1980, doi:10.1016/0038-092X(80)90364-9, as used by PVWatts.
    """
    sky = 59.7 - 0.1388 * tilt_deg + 0.001497 * tilt_deg**2
    ground = 90.0 - 0.5788 * tilt_deg + 0.002693 * tilt_deg**2
    return sky, ground
