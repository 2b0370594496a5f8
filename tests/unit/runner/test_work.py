"""What every runner does, and which results are accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solar_model.errors import ResultsError, SignatureError
from solar_model.files import write_users
from solar_model.manifest import Manifest
from solar_model.runner.answers import require_answer
from solar_model.runner.work import simulate_file
from solar_model.sample import sample_households

TICK = "2024-06-11T17:00:00"


@pytest.fixture
def households(tmp_path):
    path = tmp_path / "users_input_20240611_170000.csv"
    write_users(sample_households(20, 7), path)
    Manifest.of(path, rows=20, tick=TICK, steps=2, seed=7, weather="stochastic").write(path)
    return path


def test_results_say_what_they_answer(households, tmp_path):
    asked = Manifest.read(households)
    seen = []
    results = simulate_file(households, tmp_path / "out", progress=seen.append)
    assert results.name == "results_20240611_1700.csv"
    assert seen == [1, 2]
    manifest = Manifest.read(results)
    manifest.verify(results)
    assert manifest.rows == 40
    require_answer(manifest, asked)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tick": "2024-06-11T17:15:00"}, "tick is '2024-06-11T17:15:00'"),
        ({"rows": 39}, "rows is 39, asked for was 40"),
        ({"schema_version": "0.9"}, "schema_version"),
        ({"model_version": "0.0.1"}, "model_version"),
        ({"seed": 8}, "seed is 8"),
        ({"steps": 1}, "steps"),
        ({"name": "../../etc/passwd"}, "name"),
        ({"answers": None}, "answers"),
    ],
)
def test_results_of_another_request_are_refused_with_the_reason(
    households, tmp_path, changed, words
):
    asked = Manifest.read(households)
    results = Manifest.read(simulate_file(households, tmp_path / "out"))
    with pytest.raises(ResultsError, match=words):
        require_answer(replace(results, **changed), asked)


def test_a_request_has_one_name_and_another_request_another(households):
    asked = Manifest.read(households)
    assert Manifest.read(households).request_id == asked.request_id
    assert replace(asked, name="other.csv").request_id == asked.request_id
    others = [
        replace(asked, **change).request_id
        for change in (
            {"sha256": "00" * 32},
            {"tick": "2024-06-11T17:15:00"},
            {"steps": 3},
            {"seed": 8},
            {"weather": 0.9},
            {"model_version": "9"},
            {"schema_version": "9"},
        )
    ]
    assert len({asked.request_id, *others}) == len(others) + 1


def test_a_seal_covers_everything_and_only_who_knows_the_key_can_make_it(households):
    key = "a key that both sides know"
    asked = Manifest.read(households)
    sealed = asked.sealed(key)
    sealed.require_seal(key)
    sealed.write(households)
    Manifest.read(households).require_seal(key)
    assert sealed.request_id == asked.request_id
    for manifest, secret in (
        (asked, key),
        (sealed, "another key of theirs"),
        (replace(sealed, sha256="00" * 32), key),
        (replace(sealed, weather=0.9), key),
        (replace(sealed, answers="another request"), key),
    ):
        with pytest.raises(SignatureError, match="SOLAR_RUNNER_SECRET"):
            manifest.require_seal(secret)
