"""The plan for larger communities follows from what was measured and what is assumed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import typer
from benchmarks.deployment import Assumptions, Coefficients, Deployment, bottlenecks
from benchmarks.scaling import main
from typer.testing import CliRunner

TASKS = ("query_households", "run_simulation", "insert_results")


def part(households: int) -> dict:
    """A cycle of which each task takes 0.1 s and 2 µs per household, Postgres 1 µs of it."""
    task = {
        "total_s": 0.1 + 2e-6 * households,
        "total_cpu_s": 0.1 + 1e-6 * households,
        "server_cpu_s": 1e-6 * households,
        "peak_mib": 300 + households / 1024,
    }
    return {
        "tasks": dict.fromkeys(TASKS, task),
        "bytes": {"input": 100 * households, "results": 130 * households},
    }


RESULTS = {
    "machine": {"processors": "2 × some", "measured": "once"},
    "pipeline": {str(size): part(size) for size in (1_000, 100_000, 1_000_000)},
    "airflow": {"1000000": {"total_s": 9.0, "tasks_s": 6.3}, "1000": {"total_s": 3, "tasks_s": 1}},
    "growth": {"bytes_per_row": 190.0, "log_bytes_per_row": 210.0},
}
MEASURED = Coefficients.of(RESULTS)


def test_coefficients_are_the_slopes_of_what_was_measured():
    assert MEASURED.worker_us == pytest.approx(3)
    assert MEASURED.database_us == pytest.approx(3)
    assert MEASURED.chain_us == pytest.approx(6)
    assert MEASURED.chain_fixed_s == pytest.approx(0.3)
    assert MEASURED.handover_s == pytest.approx(2)
    assert MEASURED.task_kib == pytest.approx(1)
    assert MEASURED.task_fixed_mib == pytest.approx(300)
    assert MEASURED.results_bytes == pytest.approx(130)


def test_shards_fit_the_budget_and_the_memory():
    assumed = Assumptions(budget_s=62.3, task_gib=1000)
    assert Deployment(25_000_000, MEASURED, assumed).shard_households == 10_000_000
    assert Deployment(25_000_000, MEASURED, assumed).shards == 3
    small = replace(assumed, task_gib=1)
    assert Deployment(25_000_000, MEASURED, small).shard_households == 700_000


def test_what_is_needed_grows_with_the_households():
    assumed = Assumptions(budget_s=100, utilisation=0.5)
    small, large = (Deployment(n, MEASURED, assumed) for n in (10_000_000, 100_000_000))
    assert small.worker_processors == pytest.approx(0.6)
    assert large.worker_processors == pytest.approx(6)
    assert small.stored_gb_per_day == pytest.approx(182.4)
    assert large.kept_tb == pytest.approx(54.72)
    assert (small.database_servers, large.database_servers) == (1, 4)
    assert sum(large.usd_per_day.values()) < 10 * sum(small.usd_per_day.values())


def test_the_first_bottleneck_stands_first():
    limits = bottlenecks(MEASURED, Assumptions(server_volume_tb=0.01))
    first, households = next(iter(limits.items()))
    assert "volume" in first
    assert households == pytest.approx(0.01e12 / (190 * 96 * 30))


def compute(tmp_path, *options):
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps(RESULTS))
    command = typer.Typer()
    command.command()(main)
    return CliRunner().invoke(command, [str(numbers), "--output", str(tmp_path), *options])


def test_anybody_can_compute_the_page_again_with_other_assumptions(tmp_path):
    done = compute(tmp_path, "--assume", "retention_days=365")
    assert done.exit_code == 0, done.stderr
    page = (tmp_path / "scaling.md").read_text()
    assert "| `retention_days` | 365 |" in page
    assert "**100,000,000 households**" in page


@pytest.mark.parametrize(
    ("assumption", "name"),
    [
        ("budget=300", "budget_s"),  # the name of none
        ("budget_s=long", "budget_s"),
        ("utilisation=0", "utilisation"),
        ("retention_days=-1", "retention_days"),
        ("budget_s=2", "budget_s"),  # less than a shard without any household takes
        ("task_gib=0.2", "task_gib"),
    ],
)
def test_an_assumption_that_nobody_makes_is_refused(tmp_path, assumption, name):
    done = compute(tmp_path, "--assume", assumption)
    assert done.exit_code == 2
    assert name in done.stderr
    assert not (tmp_path / "scaling.md").exists()


def test_what_is_there_already_may_be_free(tmp_path):
    done = compute(tmp_path, "--assume", "processor_hour_usd=0")
    assert done.exit_code == 0, done.stderr
    page = (tmp_path / "scaling.md").read_text()
    assert "| workers, while they work [USD a day] | 0.00 | 0.00 | 0.00 |" in page
