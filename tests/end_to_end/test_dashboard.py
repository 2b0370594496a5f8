"""The dashboard in Airflow's own navigation, in a real browser, with real runs behind it."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
import requests
from docs.scripts.dashboard_pictures import open_dashboard
from docs.scripts.screenshots import SIZE, browser_page, log_in
from playwright.sync_api import expect
from psycopg.conninfo import make_conninfo
from tests.end_to_end.conftest import DAG, Cycle

from solar_model.ticks import TICK
from solar_stack.airflow import ADMIN, VIEWER
from solar_stack.programs import browser

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(browser() is None, reason="no Chromium on this machine"),
]

expect.set_options(timeout=30_000)

# of the day before: whole, whatever the hour
YESTERDAY = datetime.combine(
    datetime.now(tz=UTC).date() - timedelta(days=1), datetime.min.time(), tzinfo=UTC
)
STORED = YESTERDAY + timedelta(hours=12)
MISSING = STORED + TICK


@contextmanager
def refusing_database(cycle: Cycle):
    """For a moment the solar database lets nobody in; Airflow's own goes on."""
    elsewhere = make_conninfo(cycle.conninfo, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as owner:
        owner.execute("ALTER DATABASE solar ALLOW_CONNECTIONS false")
        try:
            yield
        finally:
            owner.execute("ALTER DATABASE solar ALLOW_CONNECTIONS true")


def token(cycle: Cycle) -> str:
    login = {"username": ADMIN, "password": cycle.password}
    answer = requests.post(f"{cycle.api.address}/auth/token", json=login, timeout=60)
    return answer.json()["access_token"]


def cell(frame, tick: datetime):
    return frame.locator(f'.tick[data-tick="{int(tick.timestamp())}"]')


@pytest.fixture(scope="module")
def run_id(cycle) -> str:
    cycle.run((STORED - TICK).isoformat())
    return cycle.run(STORED.isoformat())


@pytest.fixture(scope="module")
def page(cycle, run_id):  # noqa: ARG001 - there is something to see
    with browser_page() as page:
        log_in(page, cycle.api.address, cycle.password)
        yield page


@pytest.fixture(scope="module")
def viewers_page(cycle, page):
    page = page.context.browser.new_context(viewport=SIZE).new_page()
    page.set_default_timeout(60_000)
    log_in(page, cycle.api.address, cycle.viewer_password, user=VIEWER)
    return page


def test_it_shows_the_newest_tick_and_speaks_to_nobody_else(cycle, page):
    asked, problems = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    frame = open_dashboard(page, cycle.api.address)
    [(tick, generation)] = cycle.sql(
        "SELECT tick, generation_kwh FROM simulation_runs WHERE rows_inserted IS NOT NULL "
        "ORDER BY tick DESC LIMIT 1"
    )
    expect(frame.locator(".tile").first).to_contain_text(f"{tick.astimezone(UTC):%H:%M} UTC")
    shown = frame.locator(".tile", has_text="Generation").locator("strong").inner_text()
    value, unit = shown.split(" ")
    kw = float(value.replace(",", "")) * {"W": 0.001, "kW": 1, "MW": 1000}[unit]
    assert kw == pytest.approx(generation * 4, rel=0.01, abs=0.01)
    expect(frame.locator(".tile", has_text="Households")).to_contain_text("1,000")
    expect(frame.locator("#power canvas")).to_be_visible()
    assert {url.split("/")[2] for url in asked} == {cycle.api.address.split("/")[2]}
    assert problems == []


def test_a_tick_of_the_ledger_tells_of_its_run_and_leads_to_it(cycle, page, run_id):
    frame = open_dashboard(page, cycle.api.address)
    assert frame.locator(".ledger .tick").count() == 7 * 96
    stored = cell(frame, STORED)
    expect(stored).to_have_attribute("data-state", "backfilled")
    expect(stored).to_have_text("B")
    expect(stored).to_have_accessible_name(re.compile("12:00: backfilled"))
    stored.click()
    panel = frame.get_by_role("dialog")
    expect(panel).to_contain_text("1,000 asked for, 0 set aside")
    expect(panel).to_contain_text("run_simulation")
    panel.get_by_role("link", name=run_id).click()
    page.wait_for_url(re.compile(r"/dags/solar_simulation/runs/manual"))
    page.get_by_role("link", name=DAG).first.wait_for()


def test_a_run_leads_to_its_validation(cycle, page, run_id):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    frame = open_dashboard(page, cycle.api.address)
    cell(frame, STORED).click()
    frame.get_by_role("dialog").get_by_role("link", name="passed, see its report").click()
    expect(frame.get_by_role("heading", name=re.compile("Validation of"))).to_contain_text("12:00")
    expect(frame.get_by_text("✓ passed")).to_be_visible()
    expect(frame.locator("#section-1")).to_contain_text("Evaluated Expectations")
    expect(frame.locator("table").nth(2)).to_be_visible()
    assert {url.split("/")[2] for url in asked} == {cycle.api.address.split("/")[2]}
    links = cycle.api.request(
        "GET", f"dags/{DAG}/dagRuns/{run_id}/taskInstances/validate_results/links"
    )
    page.goto(links["extra_links"]["Validation report"])
    expect(frame.get_by_text("✓ passed")).to_be_visible()


def test_a_validation_runs_no_script_and_one_that_is_not_there_is_said(cycle, run_id):
    [(simulation_run_id,)] = cycle.sql(
        "SELECT id FROM simulation_runs WHERE airflow_run_id = %s", run_id
    )
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token(cycle)}"
    place = f"{cycle.api.address}/solar/validations"
    page = session.get(f"{place}/{simulation_run_id}", timeout=60)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert re.findall(r"<script[^>]*>", page.text) == ['<script src="../static/theme.js">']
    assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//(?!greatexp)""", page.text) == []
    assert session.get(f"{place}/{uuid4()}", timeout=60).status_code == 404
    missing = session.get(place, params={"run": "manual__none"}, timeout=60)
    assert (missing.status_code, "has no validation" in missing.text) == (404, True)


def test_a_household_is_found_and_shown(cycle, page):
    [(user_id, generation)] = cycle.sql(
        'SELECT user_id::text, generation_kwh FROM energy_data WHERE "timestamp" = %s '
        "ORDER BY generation_kwh DESC LIMIT 1",
        STORED,
    )
    frame = open_dashboard(page, cycle.api.address)
    frame.get_by_label("Household, by the beginning").fill(user_id[:13])
    page.keyboard.press("Enter")
    expect(frame.locator("#household")).to_have_text(user_id)
    expect(frame.locator(".tile", has_text="Panels")).to_contain_text("kWp")
    expect(frame.locator("#power canvas")).to_be_visible()
    [(panels,)] = cycle.sql("SELECT panel_count FROM user_systems WHERE user_id = %s", user_id)
    expect(frame.locator(".tile", has_text="Panels")).to_contain_text(f"{panels} of ")
    days = frame.locator("#days tbody tr")
    expect(days.last).to_contain_text("kWh" if generation >= 1 else "Wh")
    frame.get_by_role("link", name="Community solar").click()
    frame.locator(".tile", has_text="Newest tick").wait_for()


def test_an_operator_fills_a_missing_tick(cycle, page):
    frame = open_dashboard(page, cycle.api.address)
    missing = cell(frame, MISSING)
    expect(missing).to_have_attribute("data-state", "missing")
    missing.click()
    panel = frame.get_by_role("dialog")
    expect(panel).to_contain_text("nobody ran it")
    panel.get_by_role("button", name="Run this tick again").click()
    expect(panel).to_contain_text("has begun")
    expect(missing).to_have_attribute("data-state", "backfilled", timeout=90_000)
    expect(panel.get_by_role("link", name=re.compile("backfill__"))).to_be_visible()
    [(filled_by,)] = cycle.sql(
        "SELECT airflow_run_id FROM simulation_runs WHERE tick = %s AND status = 'completed'",
        MISSING,
    )
    assert filled_by.startswith("backfill__")


def test_a_viewer_looks_and_is_offered_nothing(cycle, viewers_page):
    frame = open_dashboard(viewers_page, cycle.api.address)
    cell(frame, MISSING + TICK).click()
    panel = frame.get_by_role("dialog")
    expect(panel).to_contain_text("Ask an operator")
    expect(panel.get_by_role("button", name="Run this tick again")).to_have_count(0)


def test_the_ledger_is_used_with_the_keyboard_alone(cycle, page):
    frame = open_dashboard(page, cycle.api.address)
    cell(frame, STORED - TICK).focus()
    page.keyboard.press("ArrowRight")
    expect(cell(frame, STORED)).to_be_focused()
    page.keyboard.press("ArrowDown")  # the days before are below, as in any log
    expect(cell(frame, STORED - timedelta(days=1))).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(frame.get_by_role("dialog")).to_contain_text("12:00–12:15")
    page.keyboard.press("Escape")
    expect(frame.get_by_role("dialog")).to_have_count(0)
    expect(cell(frame, STORED)).to_be_focused()


def test_it_is_light_or_dark_as_airflow_is(cycle, page):
    frame = open_dashboard(page, cycle.api.address)
    body = frame.locator("body")
    expect(body).to_have_css("background-color", "rgb(255, 255, 255)")
    page.evaluate("localStorage.setItem('theme', 'dark')")  # where Airflow's own switch keeps it
    expect(body).to_have_css("background-color", "rgb(0, 0, 0)")
    page.reload()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    expect(body).to_have_css("background-color", "rgb(0, 0, 0)")
    page.evaluate("localStorage.removeItem('theme')")


@pytest.mark.parametrize(
    ("width", "height", "lines"), [(390, 844, 4), (1280, 800, 1), (1920, 1080, 1), (3840, 2160, 1)]
)
def test_it_fits_a_phone_and_a_wall(cycle, page, width, height, lines):
    page.set_viewport_size({"width": width, "height": height})
    frame = open_dashboard(page, cycle.api.address)
    root = frame.locator("html")
    assert root.evaluate("page => page.scrollWidth <= page.clientWidth")
    day = frame.locator(".ledger .ticks").first
    tops = day.evaluate("day => new Set([...day.children].map(tick => tick.offsetTop)).size")
    assert tops == lines
    if width >= 1920:
        assert root.evaluate("page => page.scrollHeight <= page.clientHeight")
    page.set_viewport_size(SIZE)


def test_an_operator_runs_a_tick_again_that_has_a_run(cycle, page, run_id):
    ledger = "SELECT started_at, status::text, rows_inserted FROM simulation_runs WHERE tick = %s"
    [(began, *_)] = cycle.sql(ledger, STORED)
    while cycle.api.has_backfill(DAG):  # Airflow runs one of a DAG at a time
        time.sleep(0.5)
    frame = open_dashboard(page, cycle.api.address)
    cell(frame, STORED).click()
    panel = frame.get_by_role("dialog")
    expect(panel).to_contain_text(f"{began.astimezone(UTC):%F %T}")
    panel.get_by_role("button", name="Run this tick again").click()
    # the backfill takes over the run that is there
    expect(panel).not_to_contain_text(f"{began.astimezone(UTC):%F %T}", timeout=90_000)
    expect(panel).to_contain_text("completed", timeout=90_000)
    expect(panel).to_contain_text(run_id)
    expect(cell(frame, STORED)).to_have_attribute("data-state", "backfilled")
    [(again, *ended)] = cycle.sql(ledger, STORED)
    assert (again > began, ended) == (True, ["completed", 1000])
    stored = 'SELECT count(*), count(DISTINCT user_id) FROM energy_data WHERE "timestamp" = %s'
    assert cycle.sql(stored, STORED) == [(1000, 1000)]


def test_it_says_that_the_database_is_down(cycle, page):
    frame = open_dashboard(page, cycle.api.address)
    with refusing_database(cycle):
        page.reload()
        alert = frame.get_by_role("alert")
        expect(alert).to_contain_text("The database cannot be reached")
        expect(alert).to_contain_text("solar doctor")
        expect(frame.locator("#health")).to_contain_text("unhealthy")
    page.reload()
    frame.locator(".tile").first.wait_for()
    expect(frame.get_by_role("alert")).to_have_count(0)
