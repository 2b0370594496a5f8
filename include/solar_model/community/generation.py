"""AC energy of photovoltaic systems, following PVWatts: all systems of a block at once.

The chain is pvlib's: Perez transposition in the continuous form of Driesse, incidence-angle and
spectral modifiers, cell temperature, PVWatts DC and inverter. What depends on the location alone
is computed once per cell; what depends on the system alone, once per community.

Why Perez: it is what PVWatts uses, and it keeps its shape when the whole sky is dimmed, so more
sun never gives less power. Hay-Davies is 1 to 4 % low over a year, and with it a roof that faces
away from the sun loses power when the sky brightens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pvlib import atmosphere, iam, inverter, irradiance, pvsystem, spectrum, temperature

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
GLASS_REFRACTIVE_INDEX = 1.526  # of glass and of its anti-reflective coating
COATING_REFRACTIVE_INDEX = 1.3
# Less efficient in dim light (Marion's correction as in pvlib); the value is a fit to the DC power
# of PVWatts 8 from 20 to 1000 W/m².
LOW_LIGHT_K = 0.0035
# Silicon's response to sunlight reddened by the air, a polynomial in airmass (De Soto et al. 2006,
# doi:10.1016/j.solener.2005.06.010, polycrystalline), held constant below 4 degrees of elevation.
SPECTRAL_COEFFICIENTS = {
    "A0": 0.918093,
    "A1": 0.086257,
    "A2": -0.024459,
    "A3": 0.002816,
    "A4": -0.000126,
}
MAX_AIRMASS = 12.3

# Light from around the sun is taken to come from no lower than this, as in the model's source.
MAX_CIRCUMSOLAR_ZENITH_DEG = 85.0


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
        self._horizon_view = np.sin(tilt)
        self._sky_view = (1.0 + self._up) / 2.0
        self._ground_view = ALBEDO * (1.0 - self._up) / 2.0
        sky_angle_deg, ground_angle_deg = _diffuse_incidence_deg(households.tilt_deg)
        self._sky_modifier = _modifier(sky_angle_deg)
        self._ground_modifier = _modifier(ground_angle_deg)
        self._dc_after_losses_w = households.dc_capacity_kw * 1000.0 * (1.0 - SYSTEM_LOSSES)
        self._rated_kwh = households.inverter_capacity_kw * TICK_HOURS
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
        if not (sun.zenith_deg < 90.0).any():
            return np.zeros(len(cell_index))
        dome = _dome(sun, sky)
        cos_incidence = self._east * dome.sun_east[cell_index]
        cos_incidence += self._north * dome.sun_north[cell_index]
        cos_incidence += self._up * dome.sun_up[cell_index]
        np.clip(cos_incidence, 0.0, 1.0, out=cos_incidence)
        direct = dome.direct_normal_w_m2[cell_index] * cos_incidence
        diffuse = dome.isotropic_w_m2[cell_index] * self._sky_view
        diffuse += dome.horizon_w_m2[cell_index] * self._horizon_view
        np.maximum(diffuse, 0.0, out=diffuse)
        ground = dome.ghi_w_m2[cell_index] * self._ground_view
        poa_w_m2 = direct + diffuse + ground
        absorbed_w_m2 = (
            direct * _modifier(np.degrees(np.arccos(cos_incidence)))
            + diffuse * self._sky_modifier
            + ground * self._ground_modifier
        )
        cell_temp_c = dome.temp_air_c[cell_index] + dome.kelvin_per_w_m2[cell_index] * poa_w_m2
        absorbed_w_m2 *= dome.spectral_factor[cell_index]
        dc_w = pvsystem.pvwatts_dc(
            absorbed_w_m2, cell_temp_c, self._dc_after_losses_w, TEMPERATURE_COEFFICIENT_PER_K
        )
        dc_w -= self._dc_after_losses_w * _low_light_loss(absorbed_w_m2)
        np.maximum(dc_w, 0.0, out=dc_w)
        # The efficiency curve is a fit that ends near the rating; there the inverter clips anyway.
        np.minimum(dc_w, 2.0 * self._inverter_dc_w, out=dc_w)
        energy = inverter.pvwatts(dc_w, self._inverter_dc_w, INVERTER_EFFICIENCY)
        energy *= TICK_HOURS / 1000.0
        # exactly the rating, not its neighbour in the last bit
        return np.asarray(np.minimum(energy, self._rated_kwh, out=energy))


@dataclass(frozen=True)
class _Dome:
    """The sky over each cell, ready for panels of any orientation; all arrays of shape (c,).

    Attributes
    ----------
    sun_east, sun_north, sun_up : numpy.ndarray of float64
        Direction of the sun, a unit vector.
    direct_normal_w_m2 : numpy.ndarray of float64
        Beam and circumsolar light on a plane that faces the sun [W/m²].
    isotropic_w_m2, horizon_w_m2 : numpy.ndarray of float64
        Isotropic diffuse irradiance on a horizontal plane, and horizon brightening on a vertical
        one [W/m²].
    ghi_w_m2, temp_air_c : numpy.ndarray of float64
        Of the sky [W/m²], [°C].
    spectral_factor : numpy.ndarray of float64
        Response of silicon to this sunlight over that to the reference spectrum.
    kelvin_per_w_m2 : numpy.ndarray of float64
        Rise of the cell temperature above the air with irradiance, by wind [K m²/W].
    """

    sun_east: Floats
    sun_north: Floats
    sun_up: Floats
    direct_normal_w_m2: Floats
    isotropic_w_m2: Floats
    horizon_w_m2: Floats
    ghi_w_m2: Floats
    temp_air_c: Floats
    spectral_factor: Floats
    kelvin_per_w_m2: Floats


@lru_cache(maxsize=1)  # the blocks of a community come one after the other with the same sky
def _dome(sun: Sun, sky: Sky) -> _Dome:
    is_up = sun.zenith_deg < 90.0
    zenith, azimuth = np.radians(sun.zenith_deg), np.radians(sun.azimuth_deg)
    # On an upright plane the model's parts show its two brightness coefficients plainly.
    upright = irradiance.perez_driesse(
        90.0,
        sun.azimuth_deg,
        sky.dhi_w_m2,
        sky.dni_w_m2,
        sun.dni_extra_w_m2,
        sun.zenith_deg,
        sun.azimuth_deg,
        airmass=sun.airmass,
        return_components=True,
    )
    isotropic = np.where(is_up, 2.0 * upright["poa_isotropic"], 0.0)
    lowest = np.cos(np.radians(MAX_CIRCUMSOLAR_ZENITH_DEG))
    circumsolar_normal = (sky.dhi_w_m2 - isotropic) / np.maximum(np.cos(zenith), lowest)
    return _Dome(
        sun_east=np.sin(zenith) * np.sin(azimuth),
        sun_north=np.sin(zenith) * np.cos(azimuth),
        sun_up=np.cos(zenith),
        direct_normal_w_m2=np.where(is_up, sky.dni_w_m2 + circumsolar_normal, 0.0),
        isotropic_w_m2=isotropic,
        horizon_w_m2=np.where(is_up, upright["poa_horizon"], 0.0),
        ghi_w_m2=np.where(is_up, sky.ghi_w_m2, 0.0),
        temp_air_c=sky.temp_air_c,
        spectral_factor=spectrum.spectral_factor_sapm(
            atmosphere.get_absolute_airmass(
                np.minimum(sun.airmass, MAX_AIRMASS), atmosphere.alt2pres(sun.altitude_m)
            ),
            SPECTRAL_COEFFICIENTS,
        ),
        # NOCT-SAM is linear in irradiance
        kelvin_per_w_m2=temperature.noct_sam(
            1.0, 0.0, sky.wind_speed_m_s, NOCT_C, MODULE_EFFICIENCY
        ),
    )


def _low_light_loss(irradiance_w_m2: Floats) -> Floats:
    """Share of the rating that is lost in dim light: ``pvwatts_dc``'s ``k``, without its powers."""
    darkness = np.square(np.square(1.0 - irradiance_w_m2 / 200.0))
    above_200 = (1000.0 - irradiance_w_m2) / 800.0
    return LOW_LIGHT_K * np.where(irradiance_w_m2 <= 200.0, 1.0 - darkness, above_200)


def _modifier(incidence_deg: Floats) -> Floats:
    """Incidence angle modifier of coated glass: its transmittance over that at normal incidence."""
    modifier = iam.physical(incidence_deg, n=GLASS_REFRACTIVE_INDEX, n_ar=COATING_REFRACTIVE_INDEX)
    return np.asarray(modifier)


def _diffuse_incidence_deg(tilt_deg: Floats) -> tuple[Floats, Floats]:
    """Effective angles of incidence of the diffuse light of the sky and of the ground [degrees].

    A beam at that angle loses as much in the glass as this light does.

    Source: Brandemuehl and Beckman 1980, Solar Energy 24, 511, as used by PVWatts.
    """
    sky = 59.7 - 0.1388 * tilt_deg + 0.001497 * tilt_deg**2
    ground = 90.0 - 0.5788 * tilt_deg + 0.002693 * tilt_deg**2
    return sky, ground
