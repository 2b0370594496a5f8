"""Workers do not fill up: what a run that ended well has left on another worker is removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.ledger import add_run

from solar_model.pipeline import work_folders

TICK = datetime(2024, 6, 11, 15, tzinfo=UTC)


def test_only_folders_of_runs_that_ended_well_are_removed(connection, tmp_path):
    for number, status in enumerate(("completed", "running", "failed", "degraded")):
        tick = TICK + number * timedelta(minutes=15)
        add_run(connection, tick, status=status, airflow_run_id=f"manual__{status}+00:00")
        folder = work_folders.folder_of(f"manual__{status}+00:00", tmp_path)
        folder.mkdir()
        (folder / "households.csv").touch()
    work_folders.folder_of("manual__a-dry-run", tmp_path).mkdir()
    assert work_folders.remove_finished(connection, tmp_path) == 2
    left = sorted(folder.name for folder in tmp_path.iterdir())
    assert left == ["manual__a-dry-run", "manual__failed-00-00", "manual__running-00-00"]


def test_a_run_takes_nothing_of_one_whose_id_begins_like_its_own(tmp_path):
    ours = ("manual__a", "manual__a-00000-of-00002", "manual__a-00001-of-00002")
    others = ("manual__a-2-00000-of-00002", "manual__ab", "manual__a-1-of-2")
    for name in ours + others:
        (tmp_path / name).mkdir()
    work_folders.remove("manual__a", tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == sorted(others)


def test_a_worker_without_a_work_folder_has_nothing_to_remove(connection, tmp_path):
    assert work_folders.remove_finished(connection, tmp_path / "none") == 0
