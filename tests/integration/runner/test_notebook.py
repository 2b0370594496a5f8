"""The Colab notebook, executed cell by cell in a kernel of its own against a local exchange."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tests.conftest import ROOT
from tests.support.runners import request_file

from solar_model.manifest import Manifest
from solar_model.pipeline.exchange import open_exchange
from solar_model.runner.answers import require_answer
from solar_model.runner.work import simulate_file

pytestmark = pytest.mark.slow

NOTEBOOK = ROOT / "notebooks" / "colab_runner.ipynb"


@pytest.fixture
def exchange(tmp_path, monkeypatch):
    exchange = open_exchange((tmp_path / "exchange").as_uri())
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "include"))
    monkeypatch.setenv("COLAB_EXCHANGE", exchange.url)
    monkeypatch.setenv("COLAB_HOURS", "0.0003")
    monkeypatch.setenv("COLAB_EVERY_SECONDS", "0.2")
    return exchange


def run(folder: Path) -> str:
    """Everything that the cells print."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kernel = KernelManager()
    # this interpreter, whatever kernels are installed on the machine
    kernel.kernel_spec.argv[0] = sys.executable
    NotebookClient(
        notebook, km=kernel, timeout=120, resources={"metadata": {"path": str(folder)}}
    ).execute()
    return "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )


def test_it_simulates_what_waits_and_run_again_after_a_disconnect_does_nothing_twice(
    exchange, tmp_path
):
    households = request_file(tmp_path / "asked", 40)
    exchange.put(households)
    said = run(tmp_path)
    assert "100 households" in said and "all checks passed" in said
    assert "1 ticks wait" in said and "1 ticks simulated" in said
    assert "The watch has ended" in said
    results = exchange.get("results_20240611_1700.csv", tmp_path / "got").path
    require_answer(Manifest.read(results), Manifest.read(households))
    assert results.read_bytes() == simulate_file(households, tmp_path / "here").read_bytes()

    again = run(tmp_path)
    assert "0 ticks wait" in again and "0 ticks simulated" in again


@pytest.mark.usefixtures("exchange")
def test_drive_is_for_colab_alone_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("COLAB_EXCHANGE", "drive:solar-exchange")
    with pytest.raises(CellExecutionError, match="Drive is mounted in Colab alone"):
        run(tmp_path)


def test_it_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
