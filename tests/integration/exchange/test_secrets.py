"""No secret is told: in logs, in errors with their tracebacks, or in what tasks hand on."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import timedelta

import pytest
from tests.integration.exchange.conftest import AWS_SECRET, NETWORKED, QUICK, written
from tests.support.drive import TOKEN
from tests.support.proxy import Fault
from tests.support.webdav import PASSWORD

from solar_model.errors import SolarModelError
from solar_model.pipeline.exchange import open_exchange

RESULTS = "results_20240911_1415.csv"
AUTHORIZATION = "c29sYXI6"  # how the login of the HTTP exchange travels


@pytest.mark.parametrize("place", NETWORKED, indirect=True)
def test_no_secret_is_told_when_all_is_well_and_when_nothing_is(
    place, proxy, account, tmp_path, caplog
):
    told = []
    with caplog.at_level(logging.INFO):
        source = written(tmp_path, RESULTS, rows=3)
        exchange = place.open(proxy.port)
        told.append(json.dumps(exchange.put(source).to_dict()))
        told.append(repr(exchange.list()) + exchange.url + str(exchange.store.server))
        link = exchange.signed_link(RESULTS, timedelta(minutes=5))
        proxy.faults = [Fault("busy")] * 9
        for broken in (place.open(proxy.port), place.open(proxy.port)):
            told.append(failure(lambda broken=broken: broken.put(source)))
            proxy.refuse()
        wrong = json.dumps(place.connection_through(place.port)).replace("hunter2", "hunter2-old")
        wrong = wrong.replace("client_email", "client_e")
        told.append(failure(lambda: open_exchange(place.url, lambda _: wrong, QUICK).list()))
    everything = "\n".join([*told, caplog.text])
    assert "given up after 4 attempts" in everything
    secrets = [AWS_SECRET, PASSWORD, TOKEN, "hunter2", AUTHORIZATION]
    secrets += account["private_key"].splitlines()[1:3]
    secrets += [link] if link else []
    assert [secret for secret in secrets if secret in everything] == []


def failure(action) -> str:
    """What Airflow's log would show."""
    try:
        action()
    except SolarModelError as error:
        return "".join(traceback.format_exception(error))
    return ""
