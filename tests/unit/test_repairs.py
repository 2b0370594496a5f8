"""Each repair mends what it is named for, says so, and leaves everything else alone."""

from __future__ import annotations

import pytest
from tests.unit.test_contracts import good_results

from solar_model.errors import InputError
from solar_model.files import write_results
from solar_model.repairs import REPAIRS, mend_results
from solar_model.settings import PROJECT_ROOT

STAMP = "2024-09-11T14:15:00"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "results.csv"
    write_results(good_results(5), path)
    return path


def lines(path) -> list[str]:
    return path.read_text().splitlines()


def change(path, number: int, old: str, new: str) -> None:
    """One line of the file, the header being line 1."""
    text = lines(path)
    assert old in text[number - 1]
    text[number - 1] = text[number - 1].replace(old, new)
    path.write_text("\n".join(text) + "\n")


def reorder(path) -> None:
    rows = [line.split(",") for line in lines(path)]
    path.write_text("".join(",".join(reversed(row)) + "\n" for row in rows))


def repeat(path) -> None:
    text = lines(path)
    path.write_text("\n".join([*text[:3], text[2], *text[3:], text[5]]) + "\n")


DEFECTS = {
    "byte_order_mark": (lambda path: path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()), 0, 1),
    "line_ends": (lambda path: path.write_text(path.read_text(), newline="\r\n"), 0, 1),
    "column_order": (reorder, 0, 1),
    "upper_case_id": (lambda path: change(path, 4, "abcdef", "ABCdef"), 1, 4),
    "utc_offset": (lambda path: change(path, 3, STAMP, "2024-09-11T16:15:00+02:00"), 1, 3),
    "negative_zero": (lambda path: change(path, 5, ",0.000000,", ",-0.000000,"), 1, 5),
    "surplus_rounding": (lambda path: change(path, 6, "0.600000", "0.600400"), 1, 6),
    "duplicate_rows": (repeat, 2, 4),
}


def test_each_repair_has_its_defect():
    assert set(DEFECTS) == set(REPAIRS)


def test_the_documentation_names_each_repair():
    page = (PROJECT_ROOT / "docs" / "validation.md").read_text()
    assert all(f"| `{name}` | {words} |" in page for name, words in REPAIRS.items())


def test_nothing_is_mended_where_nothing_is_wrong(path):
    mended = mend_results(path)
    assert mended.repairs == ()
    assert mended.rows.equals(good_results(5))
    assert mended.told.equals(mended.rows)
    assert mended.line.to_list() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_mended_and_said(path, name):
    damage, rows, line = DEFECTS[name]
    damage(path)
    mended = mend_results(path)
    assert mended.rows.equals(good_results(5))
    [repair] = mended.repairs
    assert (repair.name, repair.rows, repair.line) == (name, rows, line)
    assert str(repair).startswith(f"{name} ({REPAIRS[name]}): ")


def test_all_at_once(path):
    order = ["duplicate_rows", "upper_case_id", "negative_zero", "surplus_rounding", "line_ends"]
    change(path, 2, STAMP, f"{STAMP}Z")
    for name in order:
        if name == "duplicate_rows":
            repeat(path)
        elif name == "surplus_rounding":
            change(path, 7, "0.600000", "0.599001")
        else:
            DEFECTS[name][0](path)
    mended = mend_results(path)
    assert mended.rows.equals(good_results(5))
    assert {repair.name for repair in mended.repairs} == {*order, "utc_offset"}


@pytest.mark.parametrize("stamp", ["Z", "+00:00", "-00:00", "+0000"])
def test_no_offset_at_all_is_an_offset_too(path, stamp):
    change(path, 3, STAMP, STAMP + stamp)
    assert mend_results(path).rows.equals(good_results(5))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (STAMP, "yesterdayZ"),
        ("0.600000", "0.601100"),
        ("0.600000", "0.598999"),
        ("0.400000", "0,4"),
        ("0.000000", "-0.5"),
    ],
)
def test_what_is_more_than_a_defect_is_left_as_it_is(path, old, new):
    if "," in new:
        new = f'"{new}"'
    change(path, 3, old, new)
    mended = mend_results(path)
    assert mended.repairs == ()
    assert len(mended.rows) == 5
    shown = mended.told.cast(dict.fromkeys(mended.told.columns, str), strict=False)
    assert new.strip('"').rstrip("0") in str(shown.rows()[1])


def test_rows_that_differ_are_no_duplicates(path):
    text = lines(path)
    path.write_text("\n".join([*text, text[1].replace("0.400000", "0.500000")]) + "\n")
    assert len(mend_results(path).rows) == 6


def test_rows_that_cannot_be_read_are_no_duplicates_of_each_other(path):
    text = lines(path)
    path.write_text(
        "\n".join([*text, *(text[1].replace("0.400000", word) for word in ("much", "more"))]) + "\n"
    )
    assert len(mend_results(path).rows) == 7


def test_a_missing_column_cannot_be_mended(path):
    path.write_text("".join(line.rsplit(",", 1)[0] + "\n" for line in lines(path)))
    with pytest.raises(InputError, match="surplus_kwh"):
        mend_results(path)
