"""Everything that is done to good files, and what must come of it: the table of docs/bad-input.md.

``python -m tests.support.corruptions`` writes that page.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bad-input.md"

REPAIRED, READ, QUARANTINED, REFUSED = "repaired", "read", "quarantined", "refused"
RESULTS, INPUT = "results", "input"


@dataclass
class Table:
    """A CSV file in parts, and where it was hurt."""

    header: list[str]
    rows: list[list[str]]
    random: random.Random
    hurt: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, text: str, draw: random.Random) -> Table:
        header, *rows = (line.split(",") for line in text.splitlines())
        return cls(header, rows, draw)

    def row(self) -> int:
        """Some row, which is remembered."""
        number = self.random.randrange(len(self.rows))
        self.hurt.add(number)
        return number

    def cell(self, column: str, value: str, *, quoted: bool = False) -> None:
        """Put a value into some row."""
        self.rows[self.row()][self.header.index(column)] = f'"{value}"' if quoted else value

    def everywhere(self, column: str, change: Callable[[str], str]) -> None:
        place = self.header.index(column)
        for row in self.rows:
            row[place] = change(row[place])

    def text(self, delimiter: str = ",", end: str = "\n") -> str:
        return "".join(delimiter.join(row) + end for row in [self.header, *self.rows])


@dataclass(frozen=True)
class Corruption:
    """One way to spoil a file.

    ``says`` are parts of the message or of a row's reasons; ``rule`` is the repair or the rule.
    """

    name: str
    file: str
    outcome: str
    spoil: Callable[[Table], str | bytes | None]
    says: tuple[str, ...] = ()


def cell(column: str, value: str, *, quoted: bool = False) -> Callable[[Table], None]:
    return lambda table: table.cell(column, value, quoted=quoted)


def everywhere(column: str, change: Callable[[str], str]) -> Callable[[Table], None]:
    return lambda table: table.everywhere(column, change)


def _reversed_columns(table: Table) -> None:
    table.header.reverse()
    for row in table.rows:
        row.reverse()


def _without(column: str) -> Callable[[Table], None]:
    def spoil(table: Table) -> None:
        place = table.header.index(column)
        for row in [table.header, *table.rows]:
            del row[place]

    return spoil


def _with(column: str) -> Callable[[Table], None]:
    def spoil(table: Table) -> None:
        table.header.append(column)
        for row in table.rows:
            row.append("1")

    return spoil


def _renamed(old: str, new: str) -> Callable[[Table], None]:
    def spoil(table: Table) -> None:
        table.header[table.header.index(old)] = new

    return spoil


def _again(table: Table, *, changed: bool = False) -> None:
    row = list(table.rows[table.row()])
    if changed:
        row[table.header.index("battery_soc_kwh")] = "0.123456"
        table.hurt.add(len(table.rows))
    table.rows.append(row)


def _swapped(table: Table) -> None:
    one, other = table.random.sample(range(len(table.rows)), 2)
    table.hurt |= {one, other}
    table.rows[one][0], table.rows[other][0] = table.rows[other][0], table.rows[one][0]


def _shuffled(table: Table) -> None:
    table.rows = table.rows[1:] + table.rows[:1]


def _lost(table: Table) -> None:
    del table.rows[table.random.randrange(len(table.rows))]


def _cut(table: Table) -> str:
    text = table.text()
    return text[: int(len(text) * table.random.uniform(0.3, 0.7))]


def _short_row(table: Table) -> None:
    number = table.row()
    table.rows[number] = table.rows[number][:5]


def _long_row(table: Table) -> None:
    table.rows[table.row()].append("0.1")


def _blank_line(table: Table) -> str:
    lines = table.text().splitlines(keepends=True)
    lines.insert(table.random.randrange(1, len(lines)), "\n")
    return "".join(lines)


def _open_quote(table: Table) -> None:
    number = table.row()
    table.rows[number][3] = '"' + table.rows[number][3]


def _a_byte_of_latin_1(table: Table) -> bytes:
    table.cell("user_id", "café")
    return table.text().encode("latin-1")


def _others(table: Table) -> None:
    table.everywhere("user_id", lambda user: f"f{user[1:]}")


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
            Corruption("a byte of Latin-1", file, REFUSED, _a_byte_of_latin_1, ("line", "UTF-8")),
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
            Corruption("an extra column", file, REFUSED, _with("note"), ("column note",)),
            Corruption("a missing column", file, REFUSED, _without(number), (number, "missing")),
            Corruption(
                "a misspelt column",
                file,
                REFUSED,
                _renamed(number, number.replace("a", "e", 1).replace("o", "a", 1)),
                (f"Did you mean {number}",),
            ),
            Corruption(
                "a column twice", file, REFUSED, _with(number), ("not part of the contract",)
            ),
            Corruption("a row too long", file, REFUSED, _long_row, ("{line}", "fields")),
            Corruption("an open quote", file, REFUSED, _open_quote, ("line",)),
            Corruption("a blank line", file, REFUSED, _blank_line, ("user_id",)),
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
            Corruption("columns reordered", file, REPAIRED, _reversed_columns, ("column_order",)),
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
            Corruption("a row too short", file, bad_cell, _short_row, ("expected a",)),
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
            "another community", kind, REFUSED, _others, ("only households of the input", "line 2")
        ),
        Corruption("cut in the middle", kind, REFUSED, _cut, ("rows are missing",)),
        Corruption("one stranger", kind, REFUSED, cell("user_id", STRANGER), ("{line}", STRANGER)),
        Corruption("a household missing", kind, REFUSED, _lost, ("1 rows are missing",)),
        Corruption("rows out of order", kind, REFUSED, _shuffled, ("row_order",)),
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
        Corruption("a row twice", kind, REPAIRED, _again, ("duplicate_rows",)),
        Corruption(
            "a household twice, with other numbers",
            kind,
            QUARANTINED,
            lambda table: _again(table, changed=True),
            ("user_id appears in lines", *rule("unique")),
        ),
        Corruption("two rows swapped", kind, QUARANTINED, _swapped, ("(rule ",)),
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
            "a household twice", kind, REFUSED, _again, ("user_id", "The same user is in lines")
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
