"""Files are read strictly, written in one form, and appear whole or not at all."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import polars as pl
import pytest
from tests.support.disks import no_file_larger_than
from tests.unit.community.systems import user_ids
from tests.unit.test_contracts import good_results

from solar_model.contracts import Results, UsersInput
from solar_model.errors import InputError, TransferError
from solar_model.files import read_known, read_results, read_users, write_results, write_users
from solar_model.manifest import Manifest
from solar_model.whole_files import atomic_write

HEADER = (
    "user_id,panel_wattage,panel_count,battery_capacity_kwh,inverter_capacity_kw,household_size"
)
ONE, TWO = (f"{user_id},400,10,10,5,3" for user_id in user_ids(2))


@pytest.fixture
def csv(tmp_path):
    def write(*lines: str, end: str = "\n") -> Path:
        path = tmp_path / "users.csv"
        path.write_bytes((end.join(lines) + end).encode())
        return path

    return write


def test_six_columns_are_enough_and_their_order_is_free(csv):
    frame = read_users(csv(HEADER, ONE, TWO))
    assert frame["user_id"].to_list() == user_ids(2)
    assert frame["panel_count"].to_list() == [10, 10]
    names = HEADER.split(",")[::-1]
    assert read_users(csv(",".join(names), ",".join(ONE.split(",")[::-1]))).columns == frame.columns


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(csv, end):
    path = csv(HEADER, ONE, end=end)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_users(path)) == 1


def test_a_file_that_is_known_reads_as_one_that_is_not(csv, tmp_path):
    header = f"{HEADER},battery_soc_kwh"
    for path in (csv(HEADER, ONE, TWO), csv(header, f"{ONE},1.5", f"{TWO},")):
        whole = read_users(path)
        assert read_known(path, UsersInput).equals(whole)
        names = ["user_id", "battery_capacity_kwh", "battery_soc_kwh"]
        present = [name for name in names if name in whole.columns]
        assert read_known(path, UsersInput, *names).equals(whole.select(present))

    results = tmp_path / "results.csv"
    write_results(good_results(), results)
    assert read_known(results, Results).equals(read_results(results))


def test_upper_case_users_become_lower_case(csv):
    assert read_users(csv(HEADER, ONE.upper()))["user_id"].to_list() == user_ids(1)


@pytest.mark.parametrize(
    ("lines", "line", "column", "value", "words"),
    [
        ((HEADER, ONE, TWO.replace(",400", ",-4")), 3, "panel_wattage", "-4", "at least 0"),
        ((HEADER, ONE, TWO.replace(",10,10", ",1.5,10")), 3, "panel_count", "1.5", "whole number"),
        ((HEADER, ONE.replace(",3", ",0")), 2, "household_size", "0", "more than 0"),
        ((HEADER, ONE, TWO.replace(",3", ",")), 3, "household_size", "nothing", "finite number"),
        ((HEADER, ONE, "x" + TWO[1:]), 3, "user_id", "x" + user_ids(2)[1][1:], "UUID"),
        ((HEADER, ONE, TWO, ONE), 2, "user_id", user_ids(1)[0], "lines 2, 4"),
        ((HEADER, ONE, TWO + ",7,8"), 3, None, TWO + ",7,8", "8 fields"),
        ((HEADER.replace("panel_c", "panelc"), ONE), 1, "panelcount", None, "Did you mean"),
        (
            (HEADER.replace(",", ";"), ONE.replace(",", ";")),
            1,
            HEADER.replace(",", ";"),
            None,
            "commas",
        ),
        ((HEADER + ",", ONE + ","), 1, None, None, "a column has no name"),
        (("\r".join((HEADER, ONE, TWO)),), 1, None, None, "carriage return"),
        ((HEADER[: -len(",household_size")], ONE[:-2]), 1, "household_size", None, "missing"),
        ((HEADER, ONE, ""), 3, "user_id", "nothing", "a value"),
        ((HEADER, ONE, '"' + TWO), 3, None, None, "cannot be read"),
        ((HEADER,), None, None, None, "no households"),
    ],
)
def test_a_bad_file_is_told_by_line_column_and_value(csv, lines, line, column, value, words):
    path = csv(*lines)
    with pytest.raises(InputError) as caught:
        read_users(path)
    error = caught.value
    assert (error.file, error.line, error.column) == (str(path), line, column)
    assert error.value == value
    assert words in str(error)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        bytes(range(256)) * 40,
        b"\x1f\x8b\x08\x00rest of a gzip file",
        f"{HEADER}\n{ONE}\n".encode("utf-16"),
        f'{HEADER}\nab"c,1,2,3,4,5\n{TWO}\n'.encode(),
        f"{HEADER}\n{ONE}\n".encode() + b"\x00\x00,1,1,1,1,1\n",
        f"{HEADER}\n".encode() + b"caf\xe9,1,1,1,1,1\n",
        b"<html><body>404</body></html>",
        b'{"user_id": 1}',
    ],
)
def test_whatever_is_not_csv_is_an_input_error(tmp_path, content):
    path = tmp_path / "users.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"users\.csv"):
        read_users(path)


def test_missing_file_and_folder_are_input_errors(tmp_path):
    for path, words in ((tmp_path / "absent.csv", "no such file"), (tmp_path, "no ordinary file")):
        with pytest.raises(InputError, match=words):
            read_users(path)


def test_users_read_back_exactly_as_written(tmp_path, csv):
    header = HEADER + ",battery_soc_kwh,latitude,longitude,tilt_deg,azimuth_deg,timezone"
    frame = read_users(
        csv(header, ONE + ",1.000001,52.123456789,-0.1,30,,Europe/Berlin", TWO + ",,,,,,")
    )
    write_users(frame, tmp_path / "again.csv")
    assert read_users(tmp_path / "again.csv").equals(frame)


def test_whole_household_sizes_are_written_as_whole_numbers(tmp_path, csv):
    for size, written in (("3", "3"), ("2.5", "2.5")):
        frame = read_users(csv(HEADER, ONE[:-1] + size))
        write_users(frame, tmp_path / "again.csv")
        assert (tmp_path / "again.csv").read_text().splitlines()[1].split(",")[-1] == written


def test_results_are_written_with_six_decimals_and_no_negative_zero(tmp_path):
    path = tmp_path / "results.csv"
    frame = good_results(1).with_columns(
        grid_import_kwh=pl.lit(-0.0), surplus_kwh=pl.lit(-1e-9), generation_kwh=pl.lit(2 / 3)
    )
    write_results(frame, path)
    header, row = path.read_text().splitlines()
    assert header == ",".join(good_results().columns)
    assert row == (
        f"{user_ids(1)[0]},2024-09-11T14:15:00,0.666667,0.400000,5.475000,0.500000,0.000000,"
        "0.000000,0.100000,0.000000"
    )


def test_results_read_back_as_written(tmp_path):
    write_results(good_results(4), tmp_path / "results.csv")
    assert read_results(tmp_path / "results.csv").equals(good_results(4))


def test_unreadable_results_are_told_by_line_and_column(tmp_path):
    path = tmp_path / "results.csv"
    write_results(good_results(3), path)
    path.write_text(path.read_text().replace("5.475000", "full", 2).replace("full", "5.475", 1))
    with pytest.raises(InputError, match=r"line 3, column battery_soc_kwh.*'full'.*a number"):
        read_results(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("old")

    def half_a_file() -> None:
        with atomic_write(path) as file:
            file.write(b"half of")
            assert path.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_a_file()
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.csv"]
    assert path.read_text() == "old"


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    path = tmp_path / "results.csv"
    with atomic_write(path) as first:
        first.write(b"first")
        with atomic_write(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "told"), [("users.csv/results.csv", "users.csv"), ("x" * 255, "x" * 255)]
)
def test_a_place_that_cannot_be_written_is_named_as_it_was_asked_for(tmp_path, name, told):
    (tmp_path / "users.csv").touch()
    with (
        pytest.raises(OSError, match=re.escape(f"{tmp_path}/{told}'")),
        atomic_write(tmp_path / name),
    ):
        pass


def test_a_pipe_or_device_is_neither_read_nor_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="no ordinary file"):
        read_users(pipe)
    with pytest.raises(InputError, match="no ordinary file"), atomic_write(pipe):
        pass
    assert pipe.is_fifo()


def test_standard_output_is_not_replaced(monkeypatch):
    # as with `> users.csv`; and root's /dev/stdout must survive a failure of this test
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    monkeypatch.setattr(Path, "replace", lambda draft, _: draft.unlink())
    with pytest.raises(InputError, match="no ordinary file"), atomic_write("/dev/stdout"):
        pass


@pytest.mark.parametrize(
    "write",
    [
        lambda file: file.write(bytes(100_000)),
        lambda file: pl.DataFrame({"a": range(20_000)}).write_csv(file),
    ],
    ids=["python", "polars"],
)
def test_a_file_for_which_there_is_no_room_is_named(tmp_path, write):
    path = tmp_path / "results.csv"
    path.write_text("old")
    with (
        pytest.raises(OSError, match=f"File too large: '{path}'"),
        no_file_larger_than(50_000),
        atomic_write(path) as file,
    ):
        write(file)
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.csv"]
    assert path.read_text() == "old"


def make_manifest(path: Path) -> Manifest:
    return Manifest.of(
        path, rows=3, tick="2024-09-11T14:15:00", steps=1, seed=7, weather={"ghi": 500.0}
    )


def test_a_manifest_reads_back_and_verifies_its_file(tmp_path):
    path = tmp_path / "results.csv"
    write_results(good_results(3), path)
    manifest = make_manifest(path)
    written = manifest.write(path)
    assert written.name == "results.csv.manifest.json"
    assert json.loads(written.read_text())["rows"] == 3
    assert Manifest.read(path) == manifest
    manifest.verify(path)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-7]), "bytes where the manifest says"),
        (lambda path: path.write_bytes(path.read_bytes()[:-2] + b"9\n"), "SHA-256 is"),
        (lambda path: path.unlink(), "is missing"),
    ],
)
def test_a_file_that_is_not_the_one_described_is_a_transfer_error(tmp_path, harm, words):
    path = tmp_path / "results.csv"
    write_results(good_results(3), path)
    manifest = make_manifest(path)
    harm(path)
    with pytest.raises(TransferError, match=words):
        manifest.verify(path)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"name": "x"}', b"\xff\xfe"])
def test_a_broken_manifest_is_a_transfer_error(tmp_path, content):
    path = tmp_path / "results.csv"
    if content is not None:
        Manifest.path_of(path).write_bytes(content)
    with pytest.raises(TransferError, match="manifest cannot be read"):
        Manifest.read(path)


def of_version(path: Path, version: str) -> None:
    written = json.loads(make_manifest(path).write(path).read_text())
    Manifest.path_of(path).write_text(json.dumps(written | {"schema_version": version}))


def test_a_file_of_another_minor_schema_version_is_read(tmp_path):
    path = tmp_path / "results.csv"
    write_results(good_results(3), path)
    of_version(path, "1.999")
    assert Manifest.read(path).rows == 3


@pytest.mark.parametrize("version", ["0.9", "2.0", "2", ""])
def test_a_file_of_another_major_schema_version_is_refused_in_words(tmp_path, version):
    path = tmp_path / "results.csv"
    write_results(good_results(3), path)
    of_version(path, version)
    with pytest.raises(TransferError, match=rf"results.csv.*'{version}'.*reads 1\.x.*write"):
        Manifest.read(path)
