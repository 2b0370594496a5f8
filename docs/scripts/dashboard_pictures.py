"""The pictures of the dashboard, as an operator sees it in Airflow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Page

PATIENCE_MS = 120_000  # a busy machine may take its time
COLORS = 128  # enough for flat areas and lines, and a third of the bytes


def take(browser: Browser, login: Any, address: str, figures: Path, failed: datetime) -> None:
    """All of them, with somebody's cookies."""
    sizes = {
        "dashboard": {"width": 1280, "height": 1330},
        "dashboard-wall": {"width": 1920, "height": 1080},
        "dashboard-phone": {"width": 390, "height": 844},
    }
    for name, size in sizes.items():
        theme = "dark" if name == "dashboard-wall" else "light"
        with _page(browser, login, size, theme) as page:
            open_dashboard(page, address)
            _save(page, figures / f"{name}.png")
    with _page(browser, login, {"width": 1280, "height": 860}) as page:
        frame = open_dashboard(page, address)
        frame.locator(f'.tick[data-tick="{int(failed.timestamp())}"]').click()
        frame.get_by_role("button", name="Run this tick again").wait_for()
        _save(page, figures / "dashboard-tick.png")
        frame = open_dashboard(page, address)
        # the cycle that Airflow has just run: those of the week before were never validated
        stored = '.tick[data-state="on_time"], .tick[data-state="late"]'
        frame.locator(".ledger .row:not(.hours)").first.locator(stored).last.click()
        frame.get_by_role("link", name="see its report").click()
        frame.locator("#section-1").wait_for()
        _save(page, figures / "validation.png")
    with _page(browser, login, {"width": 1280, "height": 1010}) as page:
        frame = open_dashboard(page, address)
        search = frame.get_by_label("Household, by the beginning")
        search.fill("5")
        search.press("Enter")
        frame.locator(".tile", has_text="Panels").wait_for()
        _save(page, figures / "household.png")


def open_dashboard(page: Page, address: str) -> FrameLocator:
    """Through Airflow's navigation; the frame of the dashboard."""
    page.goto(f"{address}/")
    page.get_by_role("link", name="Solar", exact=True).click()
    frame = page.frame_locator("iframe[title=Solar]")
    frame.locator(".tile").first.wait_for()
    return frame


@contextmanager
def _page(
    browser: Browser, login: Any, size: dict[str, int], theme: str = "light"
) -> Iterator[Page]:
    context = browser.new_context(
        storage_state=login, viewport=size, color_scheme=theme, device_scale_factor=1
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def _save(page: Page, path: Path) -> None:
    page.wait_for_timeout(2_000)  # the charts are drawn, and the menu has faded
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLORS).save(path, optimize=True)
