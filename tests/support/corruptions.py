"""Everything that is done to good files, and what must come of it: the table of docs/bad-input.md.

``python -m tests.support.corruptions`` writes that page.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.spoiling import (
    Table,
    a_byte_of_latin_1,
    blank_line,
    cell,
    cut,
    everywhere,
    long_row,
    open_quote,
    other_users,
    renamed,
    reversed_columns,
    row_again,
    row_lost,
    short_row,
    shuffled,
    swapped,
    with_column,
    without_column,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bad-input.md"

REPAIRED, READ, QUARANTINED, REFUSED = "repaired", "read", "quarantined", "refused"
RESULTS, INPUT = "results", "input"


@dataclass(frozen=True)
class Corruption:
    """One way to spoil a file.

    ``says`` are parts of the message or of a row's reasons, or the repairs.
    """

    name: str
    file: str
    outcome: str
    spoil: Callable[[Table], str | bytes | None]
    says: tuple[str, ...] = ()


STRANGER = "00000000-0000-4000-8000-000000000000"
FIRST_NUMBER = {RESULTS: "consumption_kwh", INPUT: "panel_wattage"}


def _both() -> list[Corruption]:
    """What can befall any file."""
    found = []
    for file, number in FIRST_NUMBER.items():
        bad_cell = QUARANTINED if file == RESULTS else REFUSED
        says = (number, "expected a number")
        found += [
            Corruption("empty file", file, REFUSED, lambda _: "", ("empty",)),
            Corruption(
                "only a header",
                file,
                REFUSED,
                lambda table: table.rows.clear(),
                ("rows are missing" if file == RESULTS else "no households",),
            ),
            Corruption(
                "UTF-16", file, REFUSED, lambda table: table.text().encode("utf-16"), ("UTF-8",)
            ),
            Corruption("a byte of Latin-1", file, REFUSED, a_byte_of_latin_1, ("line", "UTF-8")),
            Corruption(
                "compressed (gzip)",
                file,
                REFUSED,
                lambda table: gzip.compress(table.text().encode(), mtime=0),
                ("not compressed",),
            ),
            Corruption(
                "an HTML page of an error",
                file,
                REFUSED,
                lambda _: "<html>\n<h1>502 Bad Gateway</h1>\n</html>\n",
                ("not part of the contract",),
            ),
            Corruption(
                "semicolons",
                file,
                REFUSED,
                lambda table: table.text(";"),
                ("line 1", "Separate columns with commas"),
            ),
            Corruption(
                "tabs", file, REFUSED, lambda table: table.text("\t"), ("Separate columns",)
            ),
            Corruption("an extra column", file, REFUSED, with_column("note"), ("column note",)),
            Corruption(
                "a missing column", file, REFUSED, without_column(number), (number, "missing")
            ),
            Corruption(
                "a misspelt column",
                file,
                REFUSED,
                renamed(number, number.replace("a", "e", 1).replace("o", "a", 1)),
                (f"Did you mean {number}",),
            ),
            Corruption(
                "a column twice", file, REFUSED, with_column(number), ("not part of the contract",)
            ),
            Corruption("a row too long", file, REFUSED, long_row, ("{line}", "fields")),
            Corruption("an open quote", file, REFUSED, open_quote, ("line",)),
            Corruption("a blank line", file, REFUSED, blank_line, ("user_id",)),
            Corruption(
                "byte order mark",
                file,
                REPAIRED,
                lambda table: "\ufeff" + table.text(),
                ("byte_order_mark",),
            ),
            Corruption(
                "lines of Windows",
                file,
                REPAIRED,
                lambda table: table.text(end="\r\n"),
                ("line_ends",),
            ),
            Corruption("columns reordered", file, REPAIRED, reversed_columns, ("column_order",)),
            Corruption(
                "upper-case ids",
                file,
                REPAIRED,
                everywhere("user_id", str.upper),
                ("upper_case_id",),
            ),
            Corruption(
                "exponent notation",
                file,
                READ,
                everywhere(number, lambda text: f"{float(text):.15e}"),
            ),
            Corruption("a row too short", file, bad_cell, short_row, ("expected a",)),
            Corruption("an empty number", file, bad_cell, cell(number, ""), ("a finite number",)),
            Corruption("NaN", file, bad_cell, cell(number, "NaN"), ("a finite number",)),
            Corruption("+inf", file, bad_cell, cell(number, "inf"), (number, "inf", "at most")),
            Corruption("-inf", file, bad_cell, cell(number, "-inf"), (number, "-inf", "at least")),
            Corruption("a negative number", file, bad_cell, cell(number, "-0.5"), ("at least 0",)),
            Corruption("a word for a number", file, bad_cell, cell(number, "plenty"), says),
            Corruption("a unit", file, bad_cell, cell(number, "0.4 kWh"), says),
            Corruption("spaces around", file, bad_cell, cell(number, " 0.4 "), says),
            Corruption("a decimal comma", file, bad_cell, cell(number, "0,4", quoted=True), says),
            Corruption(
                "a decimal comma without quotes",
                file,
                REFUSED,
                cell(number, "0,4"),
                ("{line}", "fields"),
            ),
            Corruption(
                "thousands separators", file, bad_cell, cell(number, "1,234.5", quoted=True), says
            ),
            Corruption("a formula", file, bad_cell, cell(number, "=1+1"), says),
            Corruption("NUL bytes", file, bad_cell, cell(number, "0.4\0"), says),
            Corruption("a million characters", file, bad_cell, cell(number, "9" * 10**6), ()),
            Corruption(
                "a formula for an id",
                file,
                REFUSED,
                cell("user_id", "=1+1"),
                ("{line}", "user_id", "=1+1"),
            ),
            Corruption("NUL bytes for an id", file, REFUSED, cell("user_id", "\0\0"), ("{line}",)),
            Corruption(
                "an id without dashes", file, REFUSED, cell("user_id", "a" * 32), ("{line}",)
            ),
            Corruption("no id", file, REFUSED, cell("user_id", ""), ("{line}", "user_id")),
        ]
    return found


def _of_results() -> list[Corruption]:
    def rule(name: str) -> tuple[str, ...]:
        return (f"(rule {name})",)

    stamp = "timestamp"
    time = rule("timestamp.type")
    kind = RESULTS
    return [
        Corruption(
            "another tick",
            kind,
            REFUSED,
            everywhere(stamp, lambda text: text.replace("T17:15", "T17:30")),
            ("asked_tick", "2024-06-11T17:30:00", "2024-06-11T17:15:00"),
        ),
        Corruption(
            "another community",
            kind,
            REFUSED,
            other_users,
            ("only households of the input", "line 2"),
        ),
        Corruption("cut in the middle", kind, REFUSED, cut, ("rows are missing",)),
        Corruption("one stranger", kind, REFUSED, cell("user_id", STRANGER), ("{line}", STRANGER)),
        Corruption("a household missing", kind, REFUSED, row_lost, ("1 rows are missing",)),
        Corruption("rows out of order", kind, REFUSED, shuffled, ("row_order",)),
        Corruption(
            "watt-hours instead of kilowatt-hours",
            kind,
            REFUSED,
            everywhere("generation_kwh", lambda text: f"{1000 * float(text):.6f}"),
            ("within_panels", "line 2"),
        ),
        Corruption(
            "one row of another tick",
            kind,
            QUARANTINED,
            cell(stamp, "2024-06-11T17:30:00"),
            rule("asked_tick"),
        ),
        Corruption(
            "not on a quarter of an hour",
            kind,
            QUARANTINED,
            cell(stamp, "2024-06-11T17:16:00"),
            rule("timestamp.start_of_tick"),
        ),
        Corruption("a local time", kind, QUARANTINED, cell(stamp, "11.06.2024 17:15"), time),
        Corruption("a date for a time", kind, QUARANTINED, cell(stamp, "2024-06-11"), time),
        Corruption(
            "a year of five digits", kind, QUARANTINED, cell(stamp, "+12024-06-11T17:15:00"), time
        ),
        Corruption("no time", kind, QUARANTINED, cell(stamp, ""), rule("timestamp.not_null")),
        Corruption(
            "a UTC offset",
            kind,
            REPAIRED,
            cell(stamp, "2024-06-11T13:15:00-04:00"),
            ("utc_offset",),
        ),
        Corruption(
            "Z for UTC", kind, REPAIRED, cell(stamp, "2024-06-11T17:15:00Z"), ("utc_offset",)
        ),
        Corruption("a row twice", kind, REPAIRED, row_again, ("duplicate_rows",)),
        Corruption(
            "a household twice, with other numbers",
            kind,
            QUARANTINED,
            lambda table: row_again(table, changed=True),
            ("user_id appears in lines", *rule("unique")),
        ),
        Corruption("two rows swapped", kind, QUARANTINED, swapped, ("(rule ",)),
        Corruption(
            "negative zero",
            kind,
            REPAIRED,
            everywhere("grid_import_kwh", lambda text: f"-{text}" if not float(text) else text),
            ("negative_zero",),
        ),
        Corruption(
            "surplus rounded",
            kind,
            REPAIRED,
            everywhere("surplus_kwh", lambda text: f"{float(text) + 0.0004:.6f}"),
            ("surplus_rounding",),
        ),
        Corruption(
            "surplus that is no difference",
            kind,
            QUARANTINED,
            cell("surplus_kwh", "77.000000"),
            ("is off by", *rule("surplus")),
        ),
        Corruption(
            "energy from nowhere",
            kind,
            QUARANTINED,
            cell("grid_export_kwh", "77.000000"),
            rule("energy_balance"),
        ),
        Corruption(
            "more than the panels can give",
            kind,
            QUARANTINED,
            cell("generation_kwh", "2.000000"),
            (*rule("within_panels"), "generation_kwh is 2.0"),
        ),
        Corruption(
            "more stored than fits",
            kind,
            QUARANTINED,
            cell("battery_soc_kwh", "99.000000"),
            rule("within_capacity"),
        ),
        Corruption(
            "a state that does not follow",
            kind,
            QUARANTINED,
            cell("battery_soc_kwh", "0.250000"),
            rule("state_follows"),
        ),
    ]


def _of_input() -> list[Corruption]:
    kind = INPUT
    return [
        Corruption(
            "a household twice", kind, REFUSED, row_again, ("user_id", "The same user is in lines")
        ),
        Corruption("no panels", kind, REFUSED, cell("panel_count", "0"), ("{line}", "at least 1")),
        Corruption(
            "half a panel", kind, REFUSED, cell("panel_count", "2.5"), ("{line}", "whole number")
        ),
        Corruption(
            "more stored than fits",
            kind,
            REFUSED,
            cell("battery_soc_kwh", "99"),
            ("{line}", "at most battery_capacity_kwh"),
        ),
        Corruption(
            "kilowatts instead of watts",
            kind,
            REFUSED,
            cell("panel_wattage", "400000"),
            ("{line}", "at most 10,000"),
        ),
        Corruption(
            "beyond the pole", kind, REFUSED, cell("latitude", "91"), ("{line}", "at most 90")
        ),
        Corruption(
            "an unknown time zone",
            kind,
            REFUSED,
            cell("timezone", "Mars/Olympus"),
            ("{line}", "IANA name"),
        ),
        Corruption("nobody at home", kind, REFUSED, cell("household_size", "0"), ("more than 0",)),
    ]


CORRUPTIONS = (*_both(), *_of_results(), *_of_input())

_HEAD = """# Bad input, and what comes of it

Made by `make docs` from `tests/support/corruptions.py`: the tests spoil good files in each of these
ways, at places drawn by chance, and hold what happens against this table. In
[`validation.md`](validation.md) is what the words mean; *read* is said of what means the same and
needs no repair. Whatever is refused or set aside is told with file, line, column, value and rule.

A file that was changed on its way does not come so far: its size and SHA-256 are held against its
manifest when it arrives.

"""
_TITLES = {
    RESULTS: "## Results files\n\nWhat `validate_results` makes of the file of a tick.\n",
    INPUT: "## Input files\n\n"
    "What every runner, and `solar simulate`, makes of the households it is\n"
    "given. In the pipeline a household that breaks the contract never gets into such a file: it\n"
    "is set aside before.\n",
}


def markdown() -> str:
    """The page of the documentation."""
    parts = [_HEAD]
    for file, title in _TITLES.items():
        rows = [f"| {one.name} | {one.outcome} |" for one in CORRUPTIONS if one.file == file]
        parts += [title, "\n| what is wrong | what comes of it |\n|---|---|\n"]
        parts += ["\n".join(rows), "\n\n"]
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(markdown(), encoding="utf-8")
