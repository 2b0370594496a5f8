"""What the set-up script decides before it installs anything."""

from __future__ import annotations

import pytest

from solar_stack import environment
from solar_stack.environment import SetUpError, check_python, locked, read_stamp, stamp


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "requirements.txt").write_text("a==1 \\\n    --hash=sha256:aa\n    # via b\n")
    (tmp_path / "requirements-dev.txt").write_text("a==1\n")
    return tmp_path


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_supported_versions_pass(version):
    check_python(version)


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_another_version_is_refused_in_words(version):
    with pytest.raises(SetUpError, match=rf"3\.11 to 3\.13, and .* is 3\.{version[1]}.*PYTHON="):
        check_python(version)


def test_the_stamp_follows_the_lock_the_project_and_the_kind(project):
    first = stamp("run", project)
    assert stamp("run", project) == first
    assert stamp("dev", project) != first
    for name in ("requirements.txt", "pyproject.toml"):
        before = stamp("run", project)
        (project / name).write_text((project / name).read_text() + "\n")
        assert stamp("run", project) != before


def test_a_clone_with_a_file_missing_is_named(project):
    (project / "requirements.txt").unlink()
    with pytest.raises(SetUpError, match=r"requirements\.txt is missing"):
        stamp("run", project)


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_stamp_is_no_stamp(tmp_path, text):
    (tmp_path / "stamp.json").write_text(text)
    assert read_stamp(tmp_path / "stamp.json") == {}


def test_the_entry_of_one_package_comes_with_its_hashes(project):
    assert locked(project / "requirements.txt", "a").splitlines() == [
        "a==1 \\",
        "    --hash=sha256:aa",
        "    # via b",
    ]


def test_without_ensurepip_an_ordinary_user_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(environment.os, "geteuid", lambda: 1000)
    with pytest.raises(SetUpError, match=r"apt-get install python3\.\d+-venv"):
        environment.install_ensurepip()
