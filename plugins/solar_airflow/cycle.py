"""What the steps of a cycle share.

Each step takes the ``handover`` of the step before, a small dict of references (place, rows,
checksum), and returns it with its own added. Data never travels through XCom.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from solar_airflow.backfills import step_back
from solar_airflow.connections import Database, connection_text, open_database
from solar_model.pipeline import runs, transfers, work_folders
from solar_model.pipeline.references import Cycle, FileReference
from solar_model.pseudonyms import users_hidden
from solar_model.settings import settings
from solar_model.ticks import parse_tick, timestamp_text

Handover = dict[str, Any]


def tick_of(context: Context) -> str:
    """The tick of an Airflow run: its logical date, or the moment a run without one may start."""
    run = context["dag_run"]
    return timestamp_text(parse_tick(run.logical_date or run.run_after))


def step_of(operator: BaseOperator) -> str:
    """Name of an operator's step: its task, whatever group that is in."""
    return str(operator.task_id).rpartition(".")[2]


class CycleOperator(BaseOperator):
    """A step that goes on where another step stopped.

    Parameters
    ----------
    handover : XComArg
        Output of the step before.
    """

    template_fields: Sequence[str] = ("handover",)

    def __init__(self, *, handover: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.handover = handover

    @users_hidden()
    def execute(self, context: Context) -> Handover:
        """Do the step, record how long it took, and hand over."""
        step_back(context)
        cycle = self.cycle
        with (
            open_database(self.execution_timeout) as connection,
            runs.timed(connection, cycle.run_id, step_of(self)),
        ):
            self.require_ours(connection, context)
            added = self.step(connection, cycle)
        return {**self.handover, **added}

    def step(self, connection: Database, cycle: Cycle) -> Handover:
        """What the step adds to the handover."""
        raise NotImplementedError

    @property
    def cycle(self) -> Cycle:
        """The cycle, with its work folder on this machine."""
        return work_folders.on_this_machine(Cycle(**self.handover["cycle"]), settings().work_dir)

    def require_ours(self, connection: Database, context: Context) -> None:
        """Raise `ResultsError` when the rows of the ledger have become those of another run."""
        cycle = self.cycle
        if cycle.run_id is not None:
            runs.require_ours(
                connection,
                cycle.run_id,
                context["dag_run"].run_id,
                shard=cycle.shard,
                shards=cycle.shards,
            )

    def moved(
        self,
        connection: Database,
        cycle: Cycle,
        action: transfers.Action,
        what: FileReference,
        place: str | None = None,
    ) -> None:
        """Write to the transfer log what this step has moved."""
        transfers.record(connection, cycle.run_id, action, what, actor=self.task_id, place=place)
        connection.commit()

    def write_input(self, connection: Database, cycle: Cycle) -> FileReference:
        """Write the input file from the snapshot; log what was set aside."""
        from solar_model.pipeline.households import write_input
        from solar_model.pipeline.snapshot import Snapshot

        snapshot = Snapshot(self.file("households"), self.file("states"))
        written, quarantined = write_input(connection, cycle, snapshot, settings())
        self.log.info("%s: %s households", written.name, f"{written.rows:,}")
        if quarantined:
            self.log.warning(
                "%s households break the contract; see table quarantine for the reasons",
                f"{quarantined:,}",
            )
        return written

    def file(self, name: str) -> FileReference:
        """A file that an earlier step handed over."""
        return FileReference(**self.handover[name])

    def input_path(self) -> Path:
        """The input file on this machine, once it has been uploaded."""
        return self._path("input", carried="uploaded")

    def results_path(self) -> Path:
        """The results on this machine, once they have been downloaded."""
        return self._path("downloaded", carried="results")

    def _path(self, name: str, carried: str) -> Path:
        folder = Path(self.cycle.work_dir)
        return work_folders.bring(self.file(name), folder, self.file(carried), connection_text)
