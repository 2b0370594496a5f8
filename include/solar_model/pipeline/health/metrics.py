"""Health for Prometheus."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from solar_model.pipeline.health import DEGRADED, HEALTHY, UNHEALTHY, UNKNOWN, Health

_LEVELS = {HEALTHY: 0, DEGRADED: 1, UNHEALTHY: 2, UNKNOWN: -1}
_LEVEL_WORDS = "0 healthy, 1 degraded, 2 unhealthy"


def exposition(health: Health) -> bytes:
    """Every number of the health checks in Prometheus's text format."""
    registry = CollectorRegistry()

    def gauge(name: str, words: str, value: float) -> None:
        Gauge(f"solar_{name}", words, registry=registry).set(value)

    gauge("status", f"How the service is: {_LEVEL_WORDS}.", _LEVELS[health.status])
    gauge("active_users", "Households with a row in the newest tick.", health.active_users)
    gauge("energy_today_kwh", "Generated since midnight UTC.", health.total_energy_today)
    if health.last_simulation:
        newest = datetime.fromisoformat(health.last_simulation).timestamp()
        gauge("last_simulation_timestamp_seconds", "Start of the newest tick with rows.", newest)
    status = Gauge(
        "solar_check_status",
        f"How each check ended: {_LEVEL_WORDS}, -1 nothing to judge.",
        ["check"],
        registry=registry,
    )
    for check in health.checks:
        status.labels(check.name).set(_LEVELS[check.status])
        for name, value in check.values.items():
            gauge(f"{check.name}_{name}", f"Of the check {check.name}.", value)
    seconds = Gauge(
        "solar_task_seconds", "Of the newest finished run.", ["task"], registry=registry
    )
    for timing in health.timings:
        seconds.labels(timing.task).set(timing.seconds)
    alerts = Gauge("solar_alerts_open", "Alerts that have not ended.", ["kind"], registry=registry)
    for kind in health.alerts:
        alerts.labels(kind).inc()
    return generate_latest(registry)
