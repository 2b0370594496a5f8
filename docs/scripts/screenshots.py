"""Take the README's pictures anew: real cycles in a real Airflow, seen by a headless Chromium.

    make screenshots

Starts the stack in a temporary folder, runs a few cycles of a summer's day, and writes
``docs/figures/airflow-grid.png``, ``docs/figures/cycle-summary.svg`` and the pictures of the
dashboard.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from docs.scripts.dashboard_pictures import PATIENCE_MS, take
from docs.scripts.example_week import fill
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from solar_model.pipeline import database
from solar_model.pipeline.runs import CYCLE_DAG
from solar_model.settings import PROJECT_ROOT, load_settings
from solar_stack.airflow import ADMIN
from solar_stack.api import AirflowApi
from solar_stack.cycle import FINISHED, run_once, summary
from solar_stack.ports import free_port
from solar_stack.programs import browser as installed_browser
from solar_stack.show import summary_table, task_table
from solar_stack.signals import Signals
from solar_stack.stack import Stack
from solar_stack.weather import typical_year

FIGURES = PROJECT_ROOT / "docs" / "figures"
FIRST_TICK = datetime(2024, 6, 11, 15, 0, tzinfo=UTC)
CYCLES = 12
SIZE = {"width": 1280, "height": 760}
GRID_SIZE = {"width": 900, "height": 450}


def main() -> None:
    """Boot, run, look, and leave nothing behind."""
    os.environ["SOLAR_WEATHER"] = f"file:{typical_year()}"
    with tempfile.TemporaryDirectory(prefix="solar-screenshots-") as home:
        settings = load_settings(home=Path(home), port=free_port(), postgres_port=free_port())
        signals = Signals()
        stack = Stack(settings, signals)
        with signals.watched(), stack.up() as api:
            with database.connect(stack.solar_conninfo) as connection:
                failed = fill(connection, settings, stack.started_at)
            run_once(stack, api, signals)
            for number in range(CYCLES):
                last = run_tick(api, FIRST_TICK + number * timedelta(minutes=15), signals)
            draw_summary(stack, api, last)
            look(stack.address, stack.state.secrets().admin_password, failed)


def run_tick(api: AirflowApi, tick: datetime, signals: Signals) -> str:
    """A cycle of a tick, from its trigger to its end; its Airflow run."""
    run_id = api.trigger(CYCLE_DAG, tick)
    while api.run(CYCLE_DAG, run_id)["state"] not in FINISHED:
        signals.pause(0.3)
    return run_id


def draw_summary(stack: Stack, api: AirflowApi, run_id: str) -> None:
    """What ``make cycle`` prints, as a picture."""
    told = summary(stack, run_id)
    if told is None:
        raise SystemExit(f"the database knows nothing of {run_id}")
    console = Console(record=True, width=88, file=io.StringIO())
    console.print(summary_table(told))
    console.print(task_table(api.tasks(CYCLE_DAG, run_id)))
    console.save_svg(str(FIGURES / "cycle-summary.svg"), title="make cycle")


def look(address: str, password: str, failed: datetime) -> None:
    """The grid of the DAG and the dashboard, as the operator sees them after logging in."""
    with browser_page() as page:
        log_in(page, address, password)
        page.goto(f"{address}/dags/{CYCLE_DAG}")
        page.get_by_text("clean_up").first.wait_for()
        widen_grid(page)
        page.set_viewport_size(GRID_SIZE)
        time.sleep(3)  # the charts move into place
        page.screenshot(path=FIGURES / "airflow-grid.png")
        if browser := page.context.browser:
            take(browser, page.context.storage_state(), address, FIGURES, failed)


@contextmanager
def browser_page() -> Iterator[Page]:
    """A page of a headless Chromium that talks to nobody else."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=installed_browser(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = chromium.new_page(viewport=SIZE, device_scale_factor=1.5)
        page.set_default_timeout(PATIENCE_MS)
        yield page
        chromium.close()


def widen_grid(page: Page) -> None:
    """Drag the border between the grid and the details, so that all cycles are in sight."""
    box = page.locator("[data-panel-resize-handle-id], [role=separator]").first.bounding_box()
    if box is None:
        raise SystemExit("the page has no border between grid and details any more")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 330, y, steps=10)
    page.mouse.up()


def log_in(page: Page, address: str, password: str, user: str = ADMIN) -> None:
    """Through the login form."""
    page.goto(f"{address}/")
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda url: "login" not in url)


if __name__ == "__main__":
    main()
