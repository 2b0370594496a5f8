"""requirements*.txt are the lock of what pyproject.toml asks for, and of nothing else."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from solar_model.settings import PROJECT_ROOT

STALE = "requirements.txt is not what pyproject.toml asks for: run `make lock`"
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
LOCKS = [("requirements.txt", "local"), ("requirements-dev.txt", "dev")]
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?P<rest>.*(?:\n[ #].*)*)", re.MULTILINE)


def asked_for(extra: str | None) -> list[Requirement]:
    """What the project requires with an extra, its references to itself followed."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found = [] if extra is None else asked_for(None)
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["name"]:
            for other in requirement.extras:
                found += asked_for(other)
        else:
            found.append(requirement)
    return found


def entries(lock: str) -> list[re.Match[str]]:
    return list(ENTRY.finditer((PROJECT_ROOT / lock).read_text()))


def versions(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in entries(lock):
        found.setdefault(entry["name"], set()).add(entry["version"])
    return found


@pytest.mark.parametrize(("lock", "extra"), LOCKS)
def test_the_lock_satisfies_every_requirement(lock, extra):
    locked = versions(lock)
    for requirement in asked_for(extra):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{STALE}: {name} is missing from {lock}"
        for version in locked[name]:
            assert Version(version) in requirement.specifier, f"{STALE}: {requirement} in {lock}"


@pytest.mark.parametrize(("lock", "extra"), LOCKS)
def test_the_lock_holds_for_the_project_just_what_it_asks_for(lock, extra):
    ours = {entry["name"] for entry in entries(lock) if "solar-model (pyproject.toml)" in entry[0]}
    assert ours == {canonicalize_name(one.name) for one in asked_for(extra)}, STALE


@pytest.mark.parametrize(("lock", "_extra"), LOCKS)
def test_every_package_has_hashes_and_somebody_who_wants_it(lock, _extra):
    packages = entries(lock)
    assert len(packages) > 100
    for entry in packages:
        assert "--hash=sha256:" in entry["rest"], f"{entry['name']} has no hash in {lock}"
        assert "# via" in entry["rest"], f"nobody wants {entry['name']} in {lock}"


def test_both_locks_agree():
    run, dev = (versions(lock) for lock, _ in LOCKS)
    assert {name: dev.get(name) for name in run} == run


@pytest.mark.parametrize(("lock", "_extra"), LOCKS)
def test_the_lock_is_for_the_oldest_python_that_is_supported(lock, _extra):
    [oldest] = re.findall(r">=([\d.]+)", PROJECT["requires-python"])
    assert f"--python-version {oldest} " in (PROJECT_ROOT / lock).read_text()[:400]


@pytest.mark.parametrize(("lock", "_extra"), LOCKS)
def test_no_index_is_named(lock, _extra):
    assert not re.search(r"https?://|--index|--find-links", (PROJECT_ROOT / lock).read_text())


def test_every_hole_that_the_audit_excepts_has_its_reason():
    hole = r"(?:CVE|MAL|PYSEC)-\d{4}-\d+|GHSA(?:-\w{4}){3}"
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    _, _, reasons = (PROJECT_ROOT / "docs/threat-model.md").read_text().partition("## Known holes")
    [excepted] = re.findall(r"^excepted_holes := (.+)", makefile, re.MULTILINE)
    assert excepted.split() == re.findall(hole, reasons)
