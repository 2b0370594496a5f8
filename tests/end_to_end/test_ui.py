"""What an operator sees in the Airflow UI, in a real browser."""

from __future__ import annotations

import pytest
from docs.scripts.screenshots import browser_page, log_in
from tests.end_to_end.conftest import DAG

from solar_model.pipeline.runs import CYCLE_TASKS
from solar_stack.programs import browser

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(browser() is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def page(cycle):
    cycle.run("2024-06-20T17:00:00Z")
    with browser_page() as page:
        log_in(page, cycle.api.address, cycle.password)
        yield page


def test_the_grid_shows_the_nine_steps(cycle, page):
    page.goto(f"{cycle.api.address}/dags/{DAG}")
    for task in CYCLE_TASKS:
        page.get_by_text(task, exact=True).first.wait_for()


def test_the_documentation_is_there_to_read(cycle, page):
    page.goto(f"{cycle.api.address}/dags/{DAG}")
    page.get_by_role("button", name="Dag Docs").click()
    page.get_by_text("Community solar, every 15 minutes").wait_for()
    page.get_by_text("When a run fails").wait_for()


def test_the_trigger_form_explains_its_parameters(cycle, page):
    page.goto(f"{cycle.api.address}/dags/{DAG}")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    for title in ("Weather", "Seed", "Dry run"):
        form.get_by_text(title).first.wait_for()
    form.get_by_text("The same seed gives the same numbers").wait_for()


def test_without_a_login_nothing_is_shown(cycle, page):
    stranger = page.context.browser.new_context().new_page()
    stranger.goto(f"{cycle.api.address}/dags/{DAG}")
    stranger.locator("input[name=password]").wait_for()
    assert stranger.get_by_text("query_households").count() == 0
