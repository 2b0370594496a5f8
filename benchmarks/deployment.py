"""What a community of any size needs, computed from measured coefficients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TICKS_PER_DAY = 96
TASKS_PER_SHARD = 9


class NoRoomError(ValueError):
    """What is assumed leaves a shard no time or no memory for a household."""


@dataclass(frozen=True)
class Coefficients:
    """What was measured, per household and tick.

    Attributes
    ----------
    worker_us, database_us : float
        Processor time on workers and in Postgres [µs].
    chain_us, chain_fixed_s : float
        Wall time of all tasks of a shard, one after the other: per household, and of any [µs], [s].
    handover_s : float
        Wall time that Airflow takes between the tasks of a cycle [s].
    task_kib, task_fixed_mib : float
        Memory of the largest task: per household, and of any [KiB], [MiB].
    input_bytes, results_bytes : float
        Files of the exchange, per household.
    row_bytes, log_bytes : float
        Of a row in Postgres with its index, and in the write-ahead log.
    """

    worker_us: float
    database_us: float
    chain_us: float
    chain_fixed_s: float
    handover_s: float
    task_kib: float
    task_fixed_mib: float
    input_bytes: float
    results_bytes: float
    row_bytes: float
    log_bytes: float

    @classmethod
    def of(cls, results: dict[str, Any]) -> Coefficients:
        """From what ``make bench`` has measured: straight lines through the two largest sizes."""
        small, large = sorted(map(int, results["pipeline"]))[-2:]

        def line(value: Callable[[list[dict[str, float]]], float]) -> tuple[float, float]:
            low, high = (
                value(list(results["pipeline"][str(size)]["tasks"].values()))
                for size in (small, large)
            )
            each = (high - low) / (large - small)
            return each, max(low - each * small, 0.0)

        def total(name: str) -> tuple[float, float]:
            return line(lambda tasks: sum(task[name] for task in tasks))

        chain, chain_fixed_s = total("total_s")
        task_mib, task_fixed_mib = line(lambda tasks: max(task["peak_mib"] for task in tasks))
        files = results["pipeline"][str(large)]["bytes"]
        through = results["airflow"][min(results["airflow"], key=int)]
        return cls(
            worker_us=total("total_cpu_s")[0] * 1e6,
            database_us=total("server_cpu_s")[0] * 1e6,
            chain_us=chain * 1e6,
            chain_fixed_s=chain_fixed_s,
            handover_s=through["total_s"] - through["tasks_s"],
            task_kib=task_mib * 1024,
            task_fixed_mib=task_fixed_mib,
            input_bytes=files["input"] / large,
            results_bytes=files["results"] / large,
            row_bytes=results["growth"]["bytes_per_row"],
            log_bytes=results["growth"]["log_bytes_per_row"],
        )


@dataclass(frozen=True)
class Assumptions:
    """What is not measured but decided, or asked for by somebody.

    Prices are those of AWS in us-east-1, on demand, of June 2026: a processor of an m7g machine,
    gp3 volumes, S3 Standard. They change: name yours.
    """

    budget_s: float = (
        150.0  # for a cycle: half of the five minutes, the rest is for what goes wrong
    )
    utilisation: float = 0.7  # of processors while a cycle runs
    task_gib: float = 3.0  # memory that a worker gives one task
    retention_days: float = 30.0  # SOLAR_DATA_RETENTION; backups of what is older are not counted
    exchange_days: float = 7.0  # SOLAR_EXCHANGE_RETENTION
    rows_per_partition: float = 100e6
    server_processors: float = 64.0  # of the largest Postgres server that you would run
    server_disk_mb_s: float = 1000.0  # written
    server_volume_tb: float = 16.0  # that you would still restore from a backup
    server_least_processors: float = 4.0
    server_copies: float = 2.0  # each server and its replica
    network_gbit_s: float = 10.0  # of one worker machine
    worker_processors: float = 16.0  # of one worker machine
    scheduler_tasks_per_s: float = 10.0  # that Airflow starts
    puts_per_shard: float = 4.0  # two files and their manifests
    gets_per_shard: float = 10.0  # by simulation, download, validation, insert
    processor_hour_usd: float = 0.0408
    volume_gb_month_usd: float = 0.08
    object_gb_month_usd: float = 0.023
    put_1000_usd: float = 0.005
    get_1000_usd: float = 0.0004


@dataclass(frozen=True)
class Deployment:
    """What a community needs.

    Parameters
    ----------
    households : int
        Its size.
    measured : Coefficients
        Of the machine.
    assumed : Assumptions
        Of the operator.
    """

    households: int
    measured: Coefficients
    assumed: Assumptions

    @property
    def most_in_time(self) -> float:
        """Households that one worker does in the budget, task after task."""
        fixed_s = self.measured.handover_s + self.measured.chain_fixed_s
        return (self.assumed.budget_s - fixed_s) / self.measured.chain_us * 1e6

    @property
    def most_in_memory(self) -> float:
        """Households that the largest task has memory for."""
        free_mib = self.assumed.task_gib * 1024 - self.measured.task_fixed_mib
        return free_mib * 1024 / self.measured.task_kib

    @property
    def shard_households(self) -> int:
        """Households of a shard: as many as one worker does in the budget, and in its memory.

        Raises
        ------
        NoRoomError
            When that is nobody.
        """
        most = min(self.most_in_time, self.most_in_memory)
        if most < 1.0:
            name = "budget_s" if self.most_in_time < 1.0 else "task_gib"
            value = getattr(self.assumed, name)
            raise NoRoomError(f"{name} is {value:g}; a shard without any household takes more")
        step = 10 ** math.floor(math.log10(most))
        return int(most // step * step)

    @property
    def shards(self) -> int:
        """Parts of a cycle."""
        return math.ceil(self.households / self.shard_households)

    @property
    def worker_machines(self) -> int:
        """Machines of the workers: two at least, so that one may die."""
        return max(2, math.ceil(self.worker_processors / self.assumed.worker_processors))

    @property
    def worker_processors(self) -> float:
        """Processors of all workers, so that all shards are done in the budget."""
        return self._processors(self.measured.worker_us)

    @property
    def database_processors(self) -> float:
        """Processors of Postgres, so that it keeps up."""
        return self._processors(self.measured.database_us)

    @property
    def database_servers(self) -> int:
        """Servers of Postgres: by processors, by what is written, by what is kept."""
        written_mb = self.households * (self.measured.row_bytes + self.measured.log_bytes) / 1e6
        return math.ceil(
            max(
                self.database_processors / self.assumed.server_processors,
                written_mb / self.assumed.budget_s / self.assumed.server_disk_mb_s,
                self.kept_tb / self.assumed.server_volume_tb,
            )
        )

    @property
    def partitions_per_day(self) -> int:
        """Partitions of ``energy_data`` for each day."""
        return math.ceil(self.households * TICKS_PER_DAY / self.assumed.rows_per_partition)

    @property
    def stored_gb_per_day(self) -> float:
        """Rows with their index."""
        return self.households * TICKS_PER_DAY * self.measured.row_bytes / 1e9

    @property
    def log_gb_per_day(self) -> float:
        """Write-ahead log: what a replica or an archive has to take."""
        return self.households * TICKS_PER_DAY * self.measured.log_bytes / 1e9

    @property
    def kept_tb(self) -> float:
        """In Postgres after the retention."""
        return self.stored_gb_per_day * self.assumed.retention_days / 1000

    @property
    def exchanged_gb_per_day(self) -> float:
        """Written into the object store."""
        files = self.measured.input_bytes + self.measured.results_bytes
        return self.households * TICKS_PER_DAY * files / 1e9

    @property
    def requests_per_day(self) -> tuple[float, float]:
        """To the object store: that write, and that read."""
        times = self.shards * TICKS_PER_DAY
        return times * self.assumed.puts_per_shard, times * self.assumed.gets_per_shard

    @property
    def usd_per_day(self) -> dict[str, float]:
        """What it costs, by part."""
        puts, gets = self.requests_per_day
        hour = self.assumed.processor_hour_usd
        used_h = self.households * TICKS_PER_DAY * self.measured.worker_us / 1e6 / 3600
        least = self.database_servers * self.assumed.server_least_processors
        servers = max(self.database_processors, least) * self.assumed.server_copies
        kept_gb = self.kept_tb * 1000 * self.assumed.server_copies
        exchanged_gb = self.exchanged_gb_per_day * self.assumed.exchange_days
        return {
            "workers, while they work": used_h / self.assumed.utilisation * hour,
            "Postgres, all day": servers * 24 * hour,
            "volumes": kept_gb * self.assumed.volume_gb_month_usd / 30,
            "object store": exchanged_gb * self.assumed.object_gb_month_usd / 30
            + puts / 1000 * self.assumed.put_1000_usd
            + gets / 1000 * self.assumed.get_1000_usd,
        }

    def _processors(self, each_us: float) -> float:
        busy_s = self.households * each_us / 1e6
        return busy_s / (self.assumed.budget_s * self.assumed.utilisation)


def bottlenecks(measured: Coefficients, assumed: Assumptions) -> dict[str, float]:
    """Households at which each part alone takes all of its time or room, the first one first."""
    one = Deployment(1, measured, assumed)
    files = measured.input_bytes + measured.results_bytes
    cycle_shards = assumed.scheduler_tasks_per_s * assumed.budget_s / TASKS_PER_SHARD
    limits = {
        "a cycle without shards: its tasks, one after the other": one.most_in_time,
        f"a task's memory of {assumed.task_gib:g} GiB, without shards": one.most_in_memory,
        f"one worker of {assumed.worker_processors:.0f} processors": assumed.worker_processors
        / one.worker_processors,
        f"one Postgres of {assumed.server_processors:.0f} processors": assumed.server_processors
        / one.database_processors,
        f"its disk, {assumed.server_disk_mb_s:,.0f} MB/s written": assumed.server_disk_mb_s
        * 1e6
        * assumed.budget_s
        / (measured.row_bytes + measured.log_bytes),
        f"its volume of {assumed.server_volume_tb:.0f} TB, rows of "
        f"{assumed.retention_days:.0f} days": assumed.server_volume_tb / one.kept_tb,
        f"one worker's network, {assumed.network_gbit_s:.0f} Gbit/s": assumed.network_gbit_s
        * 1e9
        / 8
        * assumed.budget_s
        / (2 * files),
        f"one scheduler, {assumed.scheduler_tasks_per_s:.0f} tasks a second": cycle_shards
        * one.shard_households,
    }
    return dict(sorted(limits.items(), key=lambda limit: limit[1]))
