"""Files in the folder exchange are whole, verified, and replaced as one."""

from __future__ import annotations

import pytest

from solar_model.errors import ConfigurationError, TransferError
from solar_model.manifest import Manifest
from solar_model.pipeline.exchange import open_exchange


@pytest.fixture
def exchange(tmp_path):
    return open_exchange((tmp_path / "an exchange").as_uri())


def written(folder, text="user_id\na\nb\n", name="users_input_20240911_141500.csv"):
    path = folder / name
    path.write_text(text)
    manifest = Manifest.of(
        path, rows=text.count("\n") - 1, tick="2024-09-11T14:15:00", steps=1, seed=1, weather=0.9
    )
    manifest.write(path)
    return path


def test_what_is_put_comes_back_the_same(exchange, tmp_path):
    source = written(tmp_path)
    put = exchange.put(source)
    got = exchange.get(put.name, tmp_path / "elsewhere")
    assert got.path.read_bytes() == source.read_bytes()
    assert (got.rows, got.bytes, got.sha256) == (put.rows, put.bytes, put.sha256)
    assert got.rows == 2
    assert Manifest.read(got.path) == Manifest.read(source)


def test_putting_again_replaces_and_leaves_nothing_beside(exchange, tmp_path):
    exchange.put(written(tmp_path))
    put = exchange.put(written(tmp_path, "user_id\nc\n"))
    assert put.path.read_text() == "user_id\nc\n"
    names = sorted(path.name for path in exchange.store.folder.iterdir())
    assert [name for name in names if "latest" not in name] == [
        put.name,
        f"{put.name}.manifest.json",
    ]


def test_a_file_that_changed_after_its_manifest_is_not_put(exchange, tmp_path):
    source = written(tmp_path)
    source.write_text("user_id\na\nX\n")
    with pytest.raises(TransferError, match="SHA-256"):
        exchange.put(source)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["user_id\na\n", "user_id\na\nX\n"])
def test_a_damaged_file_is_refused_and_named(exchange, tmp_path, damage):
    put = exchange.put(written(tmp_path))
    put.path.write_text(damage)
    with pytest.raises(TransferError, match=put.name):
        exchange.get(put.name, tmp_path / "elsewhere")


@pytest.mark.parametrize("missing", ["", ".manifest.json"])
def test_a_missing_file_is_named(exchange, tmp_path, missing):
    put = exchange.put(written(tmp_path))
    (exchange.store.folder / f"{put.name}{missing}").unlink()
    with pytest.raises(TransferError, match=put.name + missing):
        exchange.get(put.name, tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/folder",
        "/just/a/path",
        "file://host/folder",
        "https://[::1/folder",
        "https://host:70000/folder",
    ],
)
def test_an_exchange_that_nobody_speaks_is_refused(url):
    with pytest.raises(ConfigurationError, match="SOLAR_EXCHANGES"):
        open_exchange(url)
