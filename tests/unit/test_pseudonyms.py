"""Users have other names in logs: the same for the same user, and nobody's who has not the key."""

from __future__ import annotations

import stat

import polars as pl
import pytest
from tests.support.disks import no_file_larger_than

from solar_model.errors import InputError, RunnerError
from solar_model.files import read_users
from solar_model.intake import split_households
from solar_model.pseudonyms import _key, pseudonym, pseudonymised, users_hidden
from solar_model.sample import sample_households
from solar_model.settings import settings
from solar_model.validation import validate_results

USER = "0191e3a2-7c1d-7b5a-9f00-1a2b3c4d5e6f"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOLAR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SOLAR_PSEUDONYM_KEY", raising=False)
    forget()
    yield tmp_path / "home"
    forget()


def forget() -> None:
    settings.cache_clear()
    _key.cache_clear()


def test_the_same_user_has_the_same_name_under_the_same_key_alone(monkeypatch):
    names = set()
    for key in ("a key that is long enough", "another key, long enough"):
        monkeypatch.setenv("SOLAR_PSEUDONYM_KEY", key)
        forget()
        assert pseudonym(USER) == pseudonym(USER.upper())
        assert pseudonym(USER) != pseudonym(USER.replace("6f", "70"))
        names.add(pseudonym(USER))
    assert len(names) == 2


def test_a_machine_without_a_key_draws_one_and_keeps_it_to_itself(home):
    first = pseudonym(USER)
    [kept] = home.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    forget()
    assert pseudonym(USER) == first


def test_a_full_disk_keeps_no_half_of_a_key(home, caplog):
    with no_file_larger_than(10):
        assert pseudonym("a").startswith("user-")
    assert "cannot be kept (File too large)" in caplog.text
    assert list(home.iterdir()) == []


def test_where_nothing_can_be_kept_there_is_a_name_all_the_same(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SOLAR_HOME", str(tmp_path / "file" / "below"))
    forget()
    assert pseudonym(USER).startswith("user-")
    assert "until SOLAR_PSEUDONYM_KEY is set" in caplog.text


MESSAGES = [
    (f"Key (user_id)=({USER}) already exists", USER),
    (f"household {USER.upper()} is broken", USER),
    (str(InputError("no", file="a.csv", line=3, column="user_id", value="ann@x.org")), "ann@x.org"),
    (str(InputError("no", column="user_id", value="o'hara", expected="a UUID")), "o'hara"),
    ("user_id is Ann B., expected a UUID", "Ann B."),
    (
        "coverage: expected; fails 2 rows: row 3, user_id ann, timestamp x; row 4, user_id zoe",
        "ann",
    ),
    ("GX: not_match on user_id {'regex': '^x'}: 2 rows, such as 'ann', 'zoe'", "ann"),
]


@pytest.mark.parametrize(("text", "user"), MESSAGES)
def test_no_message_names_a_user(text, user):
    hidden = pseudonymised(text)
    assert user.lower() not in hidden.lower() and "zoe" not in hidden
    assert pseudonym(user) in hidden
    assert pseudonymised(hidden) == hidden


def test_what_is_about_others_stays_as_it_is():
    for text in (
        "file users_input_20240611_170000.csv, line 3, column user_id: column is missing",
        "s3://bucket/results.csv: SHA-256 is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd1",
        "the user_id column is there",
    ):
        assert pseudonymised(text) == text


def test_errors_of_our_own_readers_are_hidden_with_all_that_caused_them(tmp_path):
    path = tmp_path / "users.csv"
    users = sample_households(3, 1).with_columns(user_id=pl.lit(USER))
    users.write_csv(path)
    with pytest.raises(RunnerError) as caught, users_hidden():
        try:
            read_users(path)
        except InputError as error:
            raise RunnerError(f"it answered: {error}") from error
    cause = caught.value.__cause__
    assert isinstance(cause, InputError)
    for told in (str(caught.value), str(cause)):
        assert USER not in told and pseudonym(USER) in told and "line 2" in told


def test_what_the_contract_says_of_rows_and_households_can_be_hidden():
    households = sample_households(2, 1).with_columns(user_id=pl.Series([USER, "ann@x.org"]))
    _, rejected = split_households(households)
    reason = rejected["reasons"].explode().to_list()[0]
    assert "ann@x.org" in reason and "ann@x.org" not in pseudonymised(reason)
    results = pl.DataFrame({"user_id": ["ann@x.org"], "timestamp": ["2024-06-11T17:00:00"]})
    zeros = {name: [0.0] for name in RESULTS_KWH}
    report = str(validate_results(results.with_columns(**pl.DataFrame(zeros).to_dict())))
    assert "ann@x.org" in report and "ann@x.org" not in pseudonymised(report)


RESULTS_KWH = [
    f"{name}_kwh"
    for name in (
        "generation",
        "consumption",
        "battery_soc",
        "battery_charge",
        "battery_discharge",
        "grid_import",
        "grid_export",
        "surplus",
    )
]
