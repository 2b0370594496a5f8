"""How a good CSV file is spoiled: each way hurts a table somewhere, and remembers where."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


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


def cell(column: str, value: str, *, quoted: bool = False) -> Callable[[Table], None]:
    return lambda table: table.cell(column, value, quoted=quoted)


def everywhere(column: str, change: Callable[[str], str]) -> Callable[[Table], None]:
    return lambda table: table.everywhere(column, change)


def reversed_columns(table: Table) -> None:
    table.header.reverse()
    for row in table.rows:
        row.reverse()


def without_column(column: str) -> Callable[[Table], None]:
    def spoil(table: Table) -> None:
        place = table.header.index(column)
        for row in [table.header, *table.rows]:
            del row[place]

    return spoil


def with_column(column: str) -> Callable[[Table], None]:
    def spoil(table: Table) -> None:
        table.header.append(column)
        for row in table.rows:
            row.append("1")

    return spoil


def renamed(old: str, new: str) -> Callable[[Table], None]:
    def spoil(table: Table) -> None:
        table.header[table.header.index(old)] = new

    return spoil


def row_again(table: Table, *, changed: bool = False) -> None:
    row = list(table.rows[table.row()])
    if changed:
        row[table.header.index("battery_soc_kwh")] = "0.123456"
        table.hurt.add(len(table.rows))
    table.rows.append(row)


def swapped(table: Table) -> None:
    one, other = table.random.sample(range(len(table.rows)), 2)
    table.hurt |= {one, other}
    table.rows[one][0], table.rows[other][0] = table.rows[other][0], table.rows[one][0]


def shuffled(table: Table) -> None:
    table.rows = table.rows[1:] + table.rows[:1]


def row_lost(table: Table) -> None:
    del table.rows[table.random.randrange(len(table.rows))]


def cut(table: Table) -> str:
    text = table.text()
    return text[: int(len(text) * table.random.uniform(0.3, 0.7))]


def short_row(table: Table) -> None:
    number = table.row()
    table.rows[number] = table.rows[number][:5]


def long_row(table: Table) -> None:
    table.rows[table.row()].append("0.1")


def blank_line(table: Table) -> str:
    lines = table.text().splitlines(keepends=True)
    lines.insert(table.random.randrange(1, len(lines)), "\n")
    return "".join(lines)


def open_quote(table: Table) -> None:
    number = table.row()
    table.rows[number][3] = '"' + table.rows[number][3]


def a_byte_of_latin_1(table: Table) -> bytes:
    table.cell("user_id", "café")
    return table.text().encode("latin-1")


def other_users(table: Table) -> None:
    table.everywhere("user_id", lambda user: f"f{user[1:]}")
