"""Weather that the caller states: a factor on the clear sky, or the values themselves."""

from __future__ import annotations

from dataclasses import dataclass

from solar_model.community.sun import Sun
from solar_model.community.weather.sky import (
    NOMINAL_TEMP_AIR_C,
    NOMINAL_WIND_SPEED_M_S,
    Sky,
    over_cells,
)


@dataclass(frozen=True)
class ClearSkyFactor:
    """Clear-sky irradiance times a constant: GHI, DNI and DHI alike.

    Scaling all three by the same number is what makes more sun never give less power; scaling GHI
    and splitting it anew would not, because the beam shifts from one roof to another.

    Attributes
    ----------
    clear_sky_index : float
        The factor; 1 is a cloudless sky.
    temp_air_c, wind_speed_m_s : float
        Everywhere and always [°C], [m/s]; by default the nominal conditions of IEC 61215.
    spec : float or dict
        As the caller wrote it.
    """

    clear_sky_index: float
    spec: float | dict[str, float]
    temp_air_c: float = NOMINAL_TEMP_AIR_C
    wind_speed_m_s: float = NOMINAL_WIND_SPEED_M_S

    @property
    def name(self) -> str:
        """The factor, readable."""
        return f"clear sky x {self.clear_sky_index:g}"

    def sky(self, tick: int, sun: Sun) -> Sky:  # noqa: ARG002
        """The clear sky of the cells, scaled."""
        return Sky(
            ghi_w_m2=sun.ghi_w_m2 * self.clear_sky_index,
            dni_w_m2=sun.dni_w_m2 * self.clear_sky_index,
            dhi_w_m2=sun.dhi_w_m2 * self.clear_sky_index,
            temp_air_c=over_cells(sun, self.temp_air_c),
            wind_speed_m_s=over_cells(sun, self.wind_speed_m_s),
        )

    def record(self) -> float | dict[str, float]:
        """The specification itself."""
        return self.spec


@dataclass(frozen=True)
class GivenIrradiance:
    """The same irradiance for every cell and tick, as for one tick that was measured.

    Attributes
    ----------
    ghi_w_m2, dni_w_m2, dhi_w_m2 : float
        Irradiance [W/m²].
    temp_air_c, wind_speed_m_s : float
        [°C], [m/s].
    spec : dict
        As the caller wrote it.
    """

    ghi_w_m2: float
    dni_w_m2: float
    dhi_w_m2: float
    spec: dict[str, float]
    temp_air_c: float = NOMINAL_TEMP_AIR_C
    wind_speed_m_s: float = NOMINAL_WIND_SPEED_M_S

    @property
    def name(self) -> str:
        """Just that it was given."""
        return "given irradiance"

    def sky(self, tick: int, sun: Sun) -> Sky:  # noqa: ARG002
        """The given values over all cells."""
        return Sky(
            ghi_w_m2=over_cells(sun, self.ghi_w_m2),
            dni_w_m2=over_cells(sun, self.dni_w_m2),
            dhi_w_m2=over_cells(sun, self.dhi_w_m2),
            temp_air_c=over_cells(sun, self.temp_air_c),
            wind_speed_m_s=over_cells(sun, self.wind_speed_m_s),
        )

    def record(self) -> dict[str, float]:
        """The specification itself."""
        return self.spec
