"""SOLAR_* variables: typed, documented, and refused in words."""

from __future__ import annotations

import re
import traceback

import pytest

from solar_model.errors import ConfigurationError
from solar_model.settings import PROJECT_ROOT, Settings, load_settings

TEMPLATE = (PROJECT_ROOT / "env.template").read_text()


def documented() -> dict[str, str]:
    return dict(re.findall(r"^# (SOLAR_\w+)=(.*)$", TEMPLATE, flags=re.MULTILINE))


def test_the_template_documents_every_setting_and_no_other():
    settings = {f"SOLAR_{name.upper()}" for name in Settings.model_fields}
    assert set(documented()) == settings


def test_the_template_shows_the_defaults(monkeypatch):
    for name in documented():
        monkeypatch.delenv(name, raising=False)
    defaults = load_settings()
    for name, shown in documented().items():
        if shown:
            value = getattr(defaults, name.removeprefix("SOLAR_").lower())
            assert str(value).endswith(shown), name


def test_variables_are_read_and_empty_ones_count_as_absent(monkeypatch):
    monkeypatch.setenv("SOLAR_SITE_TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("SOLAR_SITE_AZIMUTH_DEG", "")
    config = load_settings()
    assert config.site_timezone == "Europe/Berlin"
    assert config.site_azimuth_deg is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOLAR_SITE_LATITUDE_DEG", "95"),
        ("SOLAR_SITE_TIMEZONE", "Middle/Earth"),
        ("SOLAR_SEED", "lucky"),
        ("SOLAR_ALERT_EMAILS", "night@example.org, nobody"),
        ("SOLAR_SEED", "9223372036854775808"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=rf"{name}: .*'{value}'"):
        load_settings()


@pytest.mark.parametrize("kept", ["DATA", "EXCHANGE", "LOG"])
def test_for_ever_is_longer_than_dates_reach_back(monkeypatch, kept):
    monkeypatch.setenv(f"SOLAR_{kept}_RETENTION", "P9999Y")
    with pytest.raises(ConfigurationError, match=f"SOLAR_{kept}_RETENTION: .* 365000 days"):
        load_settings()


@pytest.mark.parametrize("name", ["SOLAR_EXCHANGES", "SOLAR_RUNNER_URLS"])
@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@host/f",
        "https://me:hun/ter2@host/f",
        "me:hunter2@host",
        "https://host/f?token=hunter2",
        "https://host/f#hunter2",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_shown(monkeypatch, name, url):
    monkeypatch.setenv(name, f"https://other, {url}")
    with pytest.raises(ConfigurationError, match=rf"{name}: .* belong into the conn") as refused:
        load_settings()
    assert "ter2" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["SOLAR_METRICS_TOKEN", "SOLAR_PSEUDONYM_KEY", "SOLAR_RUNNER_SECRET"]
)
def test_a_short_secret_is_refused_and_not_shown(monkeypatch, name):
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(ConfigurationError, match=f"{name} must have 16 characters") as refused:
        load_settings()
    told = "".join(traceback.format_exception(refused.value))
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOLAR_NOTIFY_URL", "me:hunter2@example.org/hook"),
        ("SOLAR_OPEN_METEO_URL", "ftp://hunter2"),
        ("SOLAR_RUNNER_CALLBACK_URL", "http:///hunter2"),
    ],
)
def test_what_is_no_address_is_named_and_not_shown(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=rf"{name}: not an address") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_a_setting_that_is_none_is_named():
    with pytest.raises(ConfigurationError, match="SOLAR_SHARD: "):
        load_settings(shard=4)


def test_a_duration_that_is_none_is_told_with_examples(monkeypatch):
    monkeypatch.setenv("SOLAR_CYCLE_LIMIT", "5m")
    with pytest.raises(ConfigurationError, match=r"SOLAR_CYCLE_LIMIT: .*PT5M.*found '5m'"):
        load_settings()


def test_secrets_do_not_show(monkeypatch):
    monkeypatch.setenv("SOLAR_NOTIFY_SECRET", "hunter2")
    assert "hunter2" not in repr(load_settings())


def test_exchanges_are_listed_in_order_or_are_the_folder_below_home(tmp_path):
    named = load_settings(exchanges="file:///a, file:///b,")
    assert named.exchange_urls == ("file:///a", "file:///b")
    own = load_settings(exchanges=None, home=tmp_path)
    assert own.exchange_urls == ((tmp_path / "exchange").as_uri(),)
