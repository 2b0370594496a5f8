"""The two files of the exchange as data: columns, types, units, signs, ranges and rules.

Writer, reader, runner, validator and the data dictionary all read these two models; a column, a
unit or a limit is said here and nowhere else. Column names and meanings are stable within a
schema version; a changed sign, unit or meaning is a new major version.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

# before the models are made: checks that are made earlier do not know polars
import pandera.backends.polars.builtin_checks  # noqa: F401
import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

# The energy identities are exact in the six written decimals; half a unit of the last one
# separates "equal" from "different" in binary floating point.
EXACT_KWH = 5e-7
SURPLUS_TOLERANCE_KWH = 0.001

# What must vanish in every row of results, and how far from zero it may be [kWh].
RESIDUALS = {
    "surplus": (
        pl.col("generation_kwh") - pl.col("consumption_kwh") - pl.col("surplus_kwh"),
        SURPLUS_TOLERANCE_KWH,
    ),
    "energy_balance": (
        pl.sum_horizontal("generation_kwh", "battery_discharge_kwh", "grid_import_kwh")
        - pl.sum_horizontal("consumption_kwh", "battery_charge_kwh", "grid_export_kwh"),
        EXACT_KWH,
    ),
    "charge_or_discharge": (
        pl.min_horizontal("battery_charge_kwh", "battery_discharge_kwh"),
        0.0,
    ),
    "import_or_export": (pl.min_horizontal("grid_import_kwh", "grid_export_kwh"), 0.0),
}

UtcDatetime = Annotated[pl.Datetime, "us", "UTC"]


def _about(unit: str, **more: str) -> dict[str, str]:
    return {"unit": unit, **more}


@cache
def _time_zones() -> pl.Series:
    # not "localtime": it is another zone on another machine
    return pl.Series(sorted(available_timezones() - {"localtime"}))


class UsersInput(pa.DataFrameModel):
    """Households that take part in a tick, one row each, in any order.

    The upper limits are far above any household: they catch infinities and mistaken units.
    """

    user_id: str = pa.Field(
        str_matches=UUID_PATTERN,
        unique=True,
        description="The household",
        metadata=_about("UUID with dashes, lower case"),
    )
    panel_wattage: float = pa.Field(
        ge=0,
        le=10_000,
        description="DC rating of one panel under standard test conditions",
        metadata=_about("W"),
    )
    panel_count: int = pa.Field(
        ge=1, le=100_000, description="Number of panels", metadata=_about("panels")
    )
    battery_capacity_kwh: float = pa.Field(
        ge=0,
        le=100_000,
        description="Usable capacity of the battery",
        metadata=_about("kWh", condition="0 is no battery"),
    )
    inverter_capacity_kw: float = pa.Field(
        gt=0,
        le=100_000,
        description="AC rating of the inverter that panels and battery share",
        metadata=_about("kW"),
    )
    household_size: float = pa.Field(
        gt=0,
        le=1_000,
        description="People who live there",
        metadata=_about("people", condition="usually a whole number"),
    )
    battery_soc_kwh: float | None = pa.Field(
        ge=0,
        le=100_000,
        nullable=True,
        description="Energy stored at the start of the first tick",
        metadata=_about("kWh", condition="at most the capacity", default="half of the capacity"),
    )
    latitude: float | None = pa.Field(
        ge=-90,
        le=90,
        nullable=True,
        description="Latitude",
        metadata=_about("degrees", sign="north positive", default="the site's"),
    )
    longitude: float | None = pa.Field(
        ge=-180,
        le=180,
        nullable=True,
        description="Longitude",
        metadata=_about("degrees", sign="east positive", default="the site's"),
    )
    tilt_deg: float | None = pa.Field(
        ge=0,
        le=90,
        nullable=True,
        description="Tilt of the panels from the horizontal",
        metadata=_about("degrees", default="the site's (30)"),
    )
    azimuth_deg: float | None = pa.Field(
        ge=0,
        le=360,
        nullable=True,
        description="Direction the panels face, clockwise from north",
        metadata=_about(
            "degrees", sign="90 east, 180 south", default="the site's (facing the equator)"
        ),
    )
    timezone: str | None = pa.Field(
        nullable=True,
        description="Time zone people live by",
        metadata=_about("IANA name", default="the site's"),
    )

    @pa.check("timezone", name="known_time_zone", error="an IANA name such as Europe/Berlin")
    def _known_time_zone(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).is_in(_time_zones().implode()))

    @pa.dataframe_check(name="battery_soc_kwh", error="at most battery_capacity_kwh")
    def _state_within_capacity(cls, data: PolarsData) -> pl.LazyFrame:
        known = "battery_soc_kwh" in data.lazyframe.collect_schema()
        state = pl.col("battery_soc_kwh") if known else pl.lit(None, pl.Float64)
        return data.lazyframe.select(state <= pl.col("battery_capacity_kwh"))

    class Config:
        """Only the columns above, in any order."""

        strict = True


def _energy(description: str, **about: str) -> Any:
    return pa.Field(ge=0, le=1_000_000, description=description, metadata=_about("kWh", **about))


def _vanishes(data: PolarsData, name: str) -> pl.LazyFrame:
    residual, tolerance = RESIDUALS[name]
    return data.lazyframe.select(residual.abs() <= tolerance)


class Results(pa.DataFrameModel):
    """Energy of each household in each tick, ordered by tick, then as in the input.

    At the AC bus of every household, exact in the written decimals:
    generation + discharge + import = consumption + charge + export.
    """

    user_id: str = pa.Field(
        str_matches=UUID_PATTERN,
        description="The household",
        metadata=_about("UUID with dashes, lower case"),
    )
    timestamp: UtcDatetime = pa.Field(
        description="Start of the tick: the row holds the energy of the 15 minutes that follow",
        metadata=_about("ISO 8601 without offset, UTC", condition="on a quarter of an hour"),
    )
    generation_kwh: float = _energy("AC energy of the panels", condition="0 at night")
    consumption_kwh: float = _energy("Energy that the household used")
    battery_soc_kwh: float = _energy(
        "Energy stored at the end of the tick", condition="at most the capacity"
    )
    battery_charge_kwh: float = _energy(
        "Energy into the battery, at its AC terminals",
        sign="into the battery",
        condition="0 when the battery discharges",
    )
    battery_discharge_kwh: float = _energy(
        "Energy out of the battery, at its AC terminals",
        sign="out of the battery",
        condition="0 when the battery charges",
    )
    grid_import_kwh: float = _energy(
        "Energy taken from the grid",
        sign="from the grid",
        condition="0 when energy is exported",
    )
    grid_export_kwh: float = _energy(
        "Energy fed into the grid", sign="into the grid", condition="0 when energy is imported"
    )
    surplus_kwh: float = pa.Field(
        ge=-1_000_000,
        le=1_000_000,
        description="generation_kwh − consumption_kwh",
        metadata=_about("kWh", sign="negative when more was used than generated"),
    )

    @pa.check("timestamp", name="start_of_tick", error="a quarter of an hour")
    def _start_of_tick(cls, data: PolarsData) -> pl.LazyFrame:
        stamp = pl.col(data.key)
        return data.lazyframe.select(stamp.dt.truncate("15m") == stamp)

    @pa.dataframe_check(name="surplus", error="surplus = generation − consumption within 0.001")
    def _surplus(cls, data: PolarsData) -> pl.LazyFrame:
        return _vanishes(data, "surplus")

    @pa.dataframe_check(
        name="energy_balance",
        error="generation + discharge + import = consumption + charge + export",
    )
    def _energy_balance(cls, data: PolarsData) -> pl.LazyFrame:
        return _vanishes(data, "energy_balance")

    @pa.dataframe_check(name="charge_or_discharge", error="no charge in a tick with discharge")
    def _charge_or_discharge(cls, data: PolarsData) -> pl.LazyFrame:
        return _vanishes(data, "charge_or_discharge")

    @pa.dataframe_check(name="import_or_export", error="no import in a tick with export")
    def _import_or_export(cls, data: PolarsData) -> pl.LazyFrame:
        return _vanishes(data, "import_or_export")

    class Config:
        """Exactly these columns, in this order; one row per household and tick."""

        strict = True
        ordered = True
        unique = ("user_id", "timestamp")


@cache
def columns_of(model: type[pa.DataFrameModel]) -> dict[str, pa.Column]:
    """Columns of a contract in their order in the file."""
    return dict(model.to_schema().columns)


def required_columns(model: type[pa.DataFrameModel]) -> list[str]:
    """Names of the columns that a file must have."""
    return [name for name, column in columns_of(model).items() if column.required]


# Columns of results in kWh; the flows are those that the energy balance adds up.
ENERGY_COLUMNS = tuple(name for name in columns_of(Results) if name.endswith("_kwh"))
FLOW_COLUMNS = tuple(
    name for name in ENERGY_COLUMNS if name not in ("battery_soc_kwh", "surplus_kwh")
)
