"""docker-compose.yaml and the Dockerfile: what every container must have, and must not.

Whether it all runs is for `make test-compose`, with Docker.
"""

from __future__ import annotations

import json
import re

import pytest
import yaml

from solar_model.settings import PROJECT_ROOT
from solar_stack import airflow, dotenv

TEXT = (PROJECT_ROOT / "docker-compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
AIRFLOW = [name for name in SERVICES if name.startswith("airflow-")] + ["flower"]
DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text()
# a version of at least two numbers, behind the last colon
PINNED = re.compile(r":v?\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?$")
SECRET = re.compile("PASSWORD|SECRET|TOKEN|KEY|CONN|BROKER|BACKEND|AUTH")

each_service = pytest.mark.parametrize("name", SERVICES)


def default(text):
    """What a text is when no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_the_services_of_the_design_are_there():
    wanted = {"apiserver", "scheduler", "dag-processor", "triggerer", "worker", "init"}
    assert {f"airflow-{name}" for name in wanted} | {"postgres", "redis"} == {
        name for name, service in SERVICES.items() if "profiles" not in service
    }
    profiles = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert profiles["mail"] == ["mail"]
    assert profiles["flower"] == ["flower"]
    assert profiles["prometheus"] == profiles["grafana"] == ["monitoring"]


@each_service
def test_a_service_has_limits_and_comes_back(name):
    service = SERVICES[name]
    assert service["cpus"] > 0
    assert re.fullmatch(r"\d+[mg]", default(service["mem_limit"]))
    assert service["pids_limit"] > 0
    assert service["restart"] == ("on-failure" if name == "airflow-init" else "unless-stopped")
    assert "max-size" in service["logging"]["options"]


@each_service
def test_a_service_is_checked(name):
    """All but the job, whose exit code says it and for which the others wait."""
    service = SERVICES[name]
    if name == "airflow-init":
        waiting = [other for other in AIRFLOW if other != name]
        for other in waiting:
            condition = SERVICES[other]["depends_on"][name]["condition"]
            assert condition == "service_completed_successfully"
        return
    check = service["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} < check.keys()


@each_service
def test_a_service_can_do_no_more_than_it_must(name):
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))
    # what is published is for this host; a proxy in front of it speaks TLS
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@each_service
def test_an_image_is_pinned(name):
    assert PINNED.search(default(SERVICES[name]["image"])), SERVICES[name]["image"]


def test_the_base_image_is_pinned_and_said_alike():
    [in_dockerfile] = re.findall(r"^ARG BASE_IMAGE=(.+)$", DOCKERFILE, re.MULTILINE)
    assert PINNED.search(in_dockerfile)
    build = SERVICES["airflow-worker"]["build"]
    assert default(build["args"]["BASE_IMAGE"]) == in_dockerfile
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE_IMAGE}"}


def test_the_image_runs_as_the_user_of_the_services():
    [number] = re.findall(r"--uid (\d+)", DOCKERFILE)
    for name in AIRFLOW:
        assert SERVICES[name]["user"].split(":")[0] == number
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["solar"]


def test_airflow_may_write_into_its_home():
    """A folder in memory belongs to root, unless it is said whose it is."""
    [user] = {SERVICES[name]["user"] for name in AIRFLOW}
    uid, gid = user.split(":")
    for name in AIRFLOW:
        assert f"/var/lib/solar/airflow:uid={uid},gid={gid}" in SERVICES[name]["tmpfs"]


@each_service
def test_no_secret_has_a_default(name):
    found = {
        key: str(value)
        for key, value in SERVICES[name].get("environment", {}).items()
        # what need not be set is nothing then
        if SECRET.search(key) and not re.fullmatch(r"\$\{\w+:-\}", str(value))
    }
    if name != "mail":
        assert found
    for key, value in found.items():
        assert re.search(r"\$\{\w+:\?", value), key
        assert ":-" not in value, key


def test_secrets_are_in_no_command():
    for name, service in SERVICES.items():
        words = [*service.get("command", []), *service.get("entrypoint", [])]
        assert not [word for word in words if re.search(r"(?<!\$)\$\{", word)], name


def test_all_of_airflow_shares_its_keys():
    for key in ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY"):
        assert len({SERVICES[name]["environment"][key] for name in AIRFLOW}) == 1


def test_nothing_of_the_tuning_is_said_again():
    ours = {**airflow.TUNING, **airflow.FLEET_TUNING, **airflow.USAGE}
    for name in AIRFLOW:
        assert not ours.keys() & SERVICES[name]["environment"].keys()


def test_volumes_are_named_and_used():
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith("./")
    }
    assert used == set(COMPOSE["volumes"])


def test_files_that_are_mounted_exist():
    mounted = re.findall(r"- \./(\S+?):(\S+)", TEXT)
    assert len(mounted) >= 5
    for path, target in mounted:
        assert (PROJECT_ROOT / path).is_file(), path
        assert target.endswith(":ro"), path


def test_workers_can_be_many():
    worker = SERVICES["airflow-worker"]
    assert "container_name" not in worker
    assert "ports" not in worker


def test_make_env_draws_what_is_required():
    required = set(re.findall(r"\$\{(\w+):\?", TEXT))
    drawn = dotenv.draw({})
    assert required == drawn.keys() - {"SAMPLE_HOUSEHOLDS"}
    assert all(len(drawn[name]) >= 12 for name in required)
    again = dotenv.draw({})
    assert all(drawn[name] != again[name] for name in required)
    assert drawn["SOLAR_DB_PASSWORD"] in drawn["AIRFLOW_CONN_SOLAR_DB"]


def test_make_env_adds_what_is_missing_and_keeps_what_is_there(tmp_path):
    (tmp_path / "env.template").write_text("# SOLAR_SEED=1\n")
    (tmp_path / ".env").write_text("# mine\nPOSTGRES_PASSWORD=my own")
    dotenv.main(tmp_path)
    first = (tmp_path / ".env").read_text()
    assert first.startswith("# mine\nPOSTGRES_PASSWORD=my own\nAIRFLOW_DB_PASSWORD=")
    assert first.count("POSTGRES_PASSWORD=") == 1
    (tmp_path / "solar.env").write_text("SOLAR_SEED=2\n")
    dotenv.main(tmp_path)
    assert (tmp_path / ".env").read_text() == first
    assert (tmp_path / "solar.env").read_text() == "SOLAR_SEED=2\n"
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("missing", ["AIRFLOW_CONN_SOLAR_DB", "SOLAR_DB_PASSWORD"])
def test_make_env_completes_a_login_with_its_own_password(missing):
    whole = dotenv.complete("")
    part = "".join(
        line for line in whole.splitlines(keepends=True) if not line.startswith(f"{missing}=")
    )
    assert sorted(dotenv.complete(part).splitlines()) == sorted(whole.splitlines())


def test_files_with_secrets_are_never_committed_or_built_in():
    ignored = (PROJECT_ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "solar.env"} <= set(ignored)
    built_in = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in built_in
    assert not {"!.env", "!solar.env", "!.git"} & set(built_in)


def test_prometheus_asks_with_the_token_for_what_the_dashboard_shows():
    prometheus = yaml.safe_load((PROJECT_ROOT / "deploy/prometheus/prometheus.yml").read_text())
    [job] = prometheus["scrape_configs"]
    assert job["metrics_path"] == "/solar/metrics"
    assert job["authorization"]["credentials_file"] in SERVICES["prometheus"]["entrypoint"][2]
    [target] = job["static_configs"][0]["targets"]
    assert target.split(":")[0] in SERVICES
    dashboard = json.loads((PROJECT_ROOT / "deploy/grafana/solar.json").read_text())
    sources = yaml.safe_load((PROJECT_ROOT / "deploy/grafana/datasources.yaml").read_text())
    known = {source["uid"] for source in sources["datasources"]}
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] in known
        assert all("solar_" in query["expr"] for query in panel["targets"])
