"""The parts of ``docs/model-consumption.md`` that come from the code: they cannot go stale."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path

from docs.scripts.load_metrics import Check

from solar_model.community.consumption import constants
from solar_model.community.consumption.constants import APPLIANCES, Appliance

PAGE = Path(__file__).resolve().parents[1] / "model-consumption.md"


def write_page(page: Path, checks: Iterable[Check]) -> Path:
    """Bring the generated parts of the page up to date."""
    text = with_code_parts(page.read_text(encoding="utf-8"))
    page.write_text(_with_part(text, "measured", measured_table(checks)), encoding="utf-8")
    return page


def with_code_parts(text: str) -> str:
    """The text of the page with the parts that repeat the code: appliances and constants."""
    text = _with_part(text, "appliances", appliance_table())
    return _with_part(text, "constants", constants_listing())


def _with_part(page: str, name: str, text: str) -> str:
    """A page with the part between ``<!-- name -->`` and ``<!-- end of name -->`` replaced."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no part between {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page)


def measured_table(checks: Iterable[Check]) -> str:
    """Figures and ranges as Markdown."""
    lines = ["| figure | measured | range |", "|---|---:|---:|"]
    lines += [f"| {c.name} | {c.value:.4g} | {c.low:.4g} – {c.high:.4g} |" for c in checks]
    return "\n".join(lines)


def appliance_table() -> str:
    """Every appliance as Markdown."""
    lines = [
        "| appliance | who | usual start | runs for [min] at [W] | a day, first person + each |"
        " households with it, 1 / 2 / 3 / 5 people | free days | coldest day |",
        "|---|---|---|---|---|---|---:|---:|",
    ]
    lines += [_appliance_row(appliance) for appliance in APPLIANCES]
    return "\n".join(lines)


def constants_listing() -> str:
    """The constants that are not appliances, as they stand in the code."""
    source = inspect.getsource(constants)
    _, _, listing = source.partition(")  # fmt: skip\n")
    return f"```python\n{listing.strip()}\n```"


def _appliance_row(appliance: Appliance) -> str:
    who = ("first adult", "second adult", "the others")[appliance.person]
    if appliance.anchor == "wake":
        start = "{}–{} min after waking".format(*appliance.usual_start)
    else:
        start = "–".join(_clock_time(minute) for minute in appliance.usual_start)
    phases = ", then ".join(
        f"{p.minutes[0]}–{p.minutes[1]} at {p.watts[0]}–{p.watts[1]}" for p in appliance.phases
    )
    cells = (
        appliance.name,
        who,
        f"{start} ± {appliance.mood} min",
        phases,
        f"{appliance.per_day:g} + {appliance.per_day_each:g}",
        "all" if min(appliance.owners) == 1 else " / ".join(f"{o:.0%}" for o in appliance.owners),
        f"{appliance.on_free_days:+.0%}",
        f"{appliance.in_winter:+.0%}",
    )
    return "| " + " | ".join(cells) + " |"


def _clock_time(minute: int) -> str:
    hours, minutes = divmod(minute + 240, 60)
    return f"{hours % 24:02d}:{minutes:02d}"
