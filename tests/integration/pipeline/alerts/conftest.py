"""Who tells, by a real mail server, and who watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.support.alerts import NOW, UI, Airflow
from tests.support.mailbox import RECIPIENTS, Mailbox, mailbox

from solar_model.pipeline.alerts import Teller, observe
from solar_model.settings import load_settings


@pytest.fixture
def post() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def teller(post, tmp_path) -> Teller:
    config = load_settings(home=tmp_path, alert_emails=RECIPIENTS)
    return Teller(config, {"smtp_default": post.connection}.get, UI)


@pytest.fixture
def monitor(connection, teller) -> Callable[..., set[str]]:
    """Have the monitor look; returns the kinds that it says hold."""

    def look(now=NOW, airflow=None) -> set[str]:
        seen = observe(connection, now, teller.config, airflow or Airflow())
        assert teller.tell(connection, seen) is None
        return {each.kind for each in seen if each.holds}

    return look
