"""The one settings object: everything that ``SOLAR_*`` environment variables can say.

``env.template`` in the project root documents each variable; a test holds the two together.
Connections (Postgres, mail, Google) are Airflow's and are read from ``AIRFLOW_CONN_*``.
"""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from solar_model.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SHORTEST_SECRET = 16
# Airflow and Postgres write their logs from start to end, which may be months: then anew.
LONG_LOG_BYTES = 100_000_000
# A thousand years: a time before the year 1 is none.
_EVER = timedelta(days=365_000)


class Settings(BaseSettings):
    """Typed settings of the model and the pipeline, read from ``SOLAR_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="SOLAR_", env_ignore_empty=True, frozen=True)

    home: Path = Field(
        PROJECT_ROOT / ".solar",
        description="Folder for everything that is not code: databases, exchanged files, logs.",
    )
    port: int = Field(
        8080, ge=1, le=65535, description="Port of the user interface that `make run` starts."
    )
    postgres_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port of the Postgres that `make run` starts; without it, a free one.",
    )
    seed: int = Field(
        20240911,
        ge=-(2**63),
        lt=2**63,  # what the ledger of runs can hold
        description="Seed of runs that name none: the same seed gives the same community.",
    )
    weather: str = Field(
        "stochastic",
        description="Weather of scheduled cycles: a factor from 0 to 1.2, stochastic, open-meteo "
        "or file:PATH; several, separated by commas, are tried in order.",
    )
    open_meteo_url: str = Field(
        "https://api.open-meteo.com", description="Address of the Open-Meteo service."
    )
    site_latitude_deg: float = Field(
        36.1, ge=-90, le=90, description="Latitude of households that name none, north positive."
    )
    site_longitude_deg: float = Field(
        -79.95,
        ge=-180,
        le=180,
        description="Longitude of households that name none, east positive.",
    )
    site_timezone: str = Field(
        "America/New_York", description="IANA time zone of households that name none."
    )
    site_tilt_deg: float = Field(
        30.0, ge=0, le=90, description="Panel tilt of households that name none, 0 is flat."
    )
    site_azimuth_deg: float | None = Field(
        None,
        ge=0,
        le=360,
        description="Panel azimuth of households that name none, 180 is south; "
        "without it panels face the equator.",
    )
    exchanges: str | None = Field(
        None,
        description="Where the cycle's files are exchanged: URLs in order of preference, "
        "separated by commas; without it, the folder exchange below SOLAR_HOME.",
    )
    exchange_retention: timedelta = Field(
        timedelta(days=7),
        gt=timedelta(0),
        le=_EVER,
        description="How long the cycle's files stay in the exchanges, such as P7D or PT12H.",
    )
    data_retention: timedelta = Field(
        timedelta(days=365),
        ge=timedelta(days=1),
        le=_EVER,
        description="How long energy_data keeps a day; it is backed up before it is dropped.",
    )
    log_retention: timedelta = Field(
        timedelta(days=30),
        ge=timedelta(days=1),
        le=_EVER,
        description="How long logs and the pages of validations are kept.",
    )
    backup_dir: Path | None = Field(
        None, description="Folder of the daily backups; without it, backups below SOLAR_HOME."
    )
    households_sql: Path = Field(
        PROJECT_ROOT / "include" / "sql" / "households.sql",
        description="The query that lists the households; replace it to fit your tables.",
    )
    notify_url: str | None = Field(
        None, description="Webhook that is told of each cycle; without it nobody is."
    )
    notify_secret: SecretStr | None = Field(
        None, description="Key of the HMAC-SHA256 signature that the webhook can check."
    )
    runner: Literal["local", "http", "exchange"] = Field(
        "local",
        description="Who simulates a cycle: local (the Airflow worker), http (the runners of "
        "SOLAR_RUNNER_URLS) or exchange (somebody who watches the exchange).",
    )
    runner_urls: str | None = Field(
        None,
        description="HTTP runners in order of preference, separated by commas: https://HOST:PORT.",
    )
    runner_secret: SecretStr | None = Field(
        None,
        min_length=SHORTEST_SECRET,
        description="Key that runners and the pipeline share, 16 characters or more; with it the "
        "manifests in the exchange are sealed, too.",
    )
    runner_ca_file: Path | None = Field(
        None, description="Certificates (PEM) to trust for HTTP runners, instead of the usual ones."
    )
    runner_time_limit_s: float = Field(
        90.0, gt=0, description="Longest time that one remote runner may take for a tick [s]."
    )
    runner_fallback_local: bool = Field(
        True, description="Whether the worker simulates when no remote runner could."
    )
    runner_callback_url: str | None = Field(
        None,
        description="Where HTTP runners announce results: the address of Airflow followed by "
        "/solar-runner/results; without it they are only asked.",
    )

    pseudonym_key: SecretStr | None = Field(
        None,
        min_length=SHORTEST_SECRET,
        description="Key of the names that users have in logs, the same on every machine; without "
        "it each machine draws its own, kept below SOLAR_HOME.",
    )
    shards: int = Field(
        1,
        ge=1,
        le=1000,
        description="Into how many parts the community is split, each with its own files, tasks "
        "and retries.",
    )
    cycle_limit: timedelta = Field(
        timedelta(minutes=5),
        gt=timedelta(0),
        description="A cycle that is not finished this long after it was due is late (PT5M).",
    )
    alert_emails: str | None = Field(
        None,
        description="Who is told when something goes wrong: e-mail addresses, separated by "
        "commas; without it nobody is.",
    )
    alert_quarantine_ratio: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="A run that sets aside more than this share of its households is an alert.",
    )
    quarantine_limit: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of households whose results may be set aside before the whole file is "
        "refused.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=SHORTEST_SECRET,
        description="Bearer token with which Prometheus may read /solar/metrics, 16 characters or "
        "more; without it only a login of Airflow may.",
    )

    @field_validator("site_timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                "not a time zone of the IANA database, such as Europe/Berlin"
            ) from error
        return name

    @field_validator("alert_emails")
    @classmethod
    def _addresses(cls, text: str | None) -> str | None:
        wrong = [name for name in _listed(text) if parseaddr(name)[1] != name or "@" not in name]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not an e-mail address")
        return text

    @field_validator("notify_url", "open_meteo_url", "runner_callback_url")
    @classmethod
    def _address(cls, text: str | None) -> str | None:
        parts = urlsplit(text or "https://nobody")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("not an address such as https://example.org/path")
        return text

    @field_validator("exchanges", "runner_urls")
    @classmethod
    def _no_secret(cls, text: str | None) -> str | None:
        # addresses are shown: in logs, in mails, on the health page
        if set(text or "") & set("@?#"):
            raise ValueError(
                "an address must hold no login and no token (no @, ? or #); they belong into the "
                "connection"
            )
        return text

    @property
    def alert_recipients(self) -> tuple[str, ...]:
        """E-mail addresses of those who are told when something goes wrong."""
        return _listed(self.alert_emails)

    @property
    def runner_url_list(self) -> tuple[str, ...]:
        """URLs of the HTTP runners in order of preference."""
        return _listed(self.runner_urls)

    def require_runner_secret(self) -> str:
        """The key that runners and the pipeline share.

        Raises
        ------
        ConfigurationError
            When there is none.
        """
        if self.runner_secret is None:
            raise ConfigurationError(
                f"SOLAR_RUNNER_SECRET must have {SHORTEST_SECRET} characters or more; "
                "`openssl rand -hex 32` makes a good one"
            )
        return self.runner_secret.get_secret_value()

    @property
    def seal_secret(self) -> str | None:
        """The key that manifests in the exchange are sealed with; None leaves them open."""
        return self.runner_secret.get_secret_value() if self.runner_secret else None

    @property
    def exchange_urls(self) -> tuple[str, ...]:
        """URLs of the exchanges in order of preference, or of the folder below ``home``."""
        return _listed(self.exchanges) or ((self.home / "exchange").absolute().as_uri(),)

    @property
    def backup_folder(self) -> Path:
        """Folder of the daily backups."""
        return (self.backup_dir or self.home / "backups").absolute()

    @property
    def log_folder(self) -> Path:
        """Folder of the logs."""
        return self.home / "logs"

    @property
    def work_dir(self) -> Path:
        """Folder of a cycle's temporary files on the machine that works on it."""
        return self.home / "work"


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(item.strip() for item in (text or "").split(",") if item.strip())


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    Raises
    ------
    ConfigurationError
        When a variable holds a value that cannot be used; names the variable.
    """
    return load_settings()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings anew; ``overrides`` replace variables by field name."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        # without the cause: pydantic's own words hold what was found, secrets too
        words = " | ".join(map(_in_words, error.errors(include_url=False)))
        raise ConfigurationError(f"settings cannot be used: {words}") from None


# What stands in them by mistake may be a secret.
_NEVER_SHOWN = {"notify_url", "open_meteo_url", "runner_callback_url", "exchanges", "runner_urls"}


def _in_words(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    field = Settings.model_fields.get(name)
    kind = field and field.annotation
    if kind == SecretStr | None:
        return f"SOLAR_{name.upper()} must have {SHORTEST_SECRET} characters or more"
    words = error["msg"].removeprefix("Value error, ")
    if kind is timedelta and error["type"] == "time_delta_parsing":
        words = "this is no duration such as PT5M (minutes), PT12H (hours) or P7D (days)"
    found = "" if name in _NEVER_SHOWN else f"; found {error['input']!r}"
    return f"SOLAR_{name.upper()}: {words}{found}"
