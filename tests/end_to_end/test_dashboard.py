"""The dashboard in Airflow's own navigation, in a real browser, with real runs behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from docs.scripts.screenshots import browser_page, log_in
from playwright.sync_api import expect
from tests.end_to_end.conftest import Cycle

from solar_model.ticks import TICK
from solar_stack.programs import browser

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(browser() is None, reason="no Chromium on this machine"),
]

# of the day before: whole, whatever the hour
YESTERDAY = datetime.combine(
    datetime.now(tz=UTC).date() - timedelta(days=1), datetime.min.time(), tzinfo=UTC
)
STORED = YESTERDAY + timedelta(hours=12)


def open_dashboard(page, cycle: Cycle):
    """Through the navigation; the frame of the dashboard."""
    page.goto(f"{cycle.api.address}/")
    page.get_by_role("link", name="Solar").click()
    frame = page.frame_locator("iframe[title=Solar]")
    frame.locator(".tile").first.wait_for()
    return frame


@pytest.fixture(scope="module")
def run_id(cycle) -> str:
    cycle.run((STORED - TICK).isoformat())
    return cycle.run(STORED.isoformat())


@pytest.fixture
def page(cycle, run_id):  # noqa: ARG001 - there is something to see
    with browser_page() as page:
        log_in(page, cycle.api.address, cycle.password)
        yield page


def test_it_shows_the_newest_tick_and_speaks_to_nobody_else(cycle, page):
    asked, problems = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    frame = open_dashboard(page, cycle)
    [(tick, generation)] = cycle.sql(
        "SELECT tick, generation_kwh FROM simulation_runs WHERE rows_inserted IS NOT NULL "
        "ORDER BY tick DESC LIMIT 1"
    )
    expect(frame.locator(".tile").first).to_contain_text(f"{tick.astimezone(UTC):%H:%M} UTC")
    shown = frame.locator(".tile", has_text="Generation").locator("strong").inner_text()
    value, unit = shown.split(" ")
    kw = float(value.replace(",", "")) * {"kW": 1, "MW": 1000}[unit]
    assert kw == pytest.approx(generation * 4, rel=0.01, abs=0.01)
    expect(frame.locator(".tile", has_text="Households")).to_contain_text("1,000")
    expect(frame.locator("#power canvas")).to_be_visible()
    assert {url.split("/")[2] for url in asked} == {cycle.api.address.split("/")[2]}
    assert problems == []
