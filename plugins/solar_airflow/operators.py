"""The steps of a cycle as Airflow operators, but for `run_simulation` and the two at the end."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from solar_airflow.backfills import await_turn
from solar_airflow.connections import Database, connection_text, open_database
from solar_airflow.cycle import CycleOperator, Handover, step_of, tick_of
from solar_airflow.links import ValidationLink
from solar_model.errors import InputError, ResultsError
from solar_model.pipeline import runs, transfers, work_folders
from solar_model.pipeline.references import Cycle
from solar_model.pipeline.snapshot import take_snapshot
from solar_model.pseudonyms import users_hidden
from solar_model.settings import settings
from solar_model.ticks import parse_tick, past_ticks_of_day, timestamp_text


class QueryHouseholdsOperator(BaseOperator):
    """Open the run of the tick, and stream its households out of Postgres into a file.

    Parameters
    ----------
    whole_day : bool
        Whether the run is for the UTC day of its tick, as far as that is over.
    shard, shards : int
        Which part of the community, of how many.
    """

    template_fields: Sequence[str] = ("shard",)

    def __init__(
        self, *, whole_day: bool = False, shard: Any = 0, shards: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.whole_day = whole_day
        self.shard = shard
        self.shards = shards

    def resume(self, context: Context, event: Any) -> Handover:
        """Look again whose turn it is."""
        return self.execute(context)

    @users_hidden()
    def execute(self, context: Context) -> Handover:
        """Return the cycle and the references of the two files of the snapshot."""
        from solar_model.pipeline.repetition import seed_of

        await_turn(self, context)
        config = settings()
        ticks = self._ticks(context)
        params = context["params"]
        airflow_run_id = context["dag_run"].run_id
        part = {"shard": self.shard, "shards": self.shards}
        folder = work_folders.folder_of(airflow_run_id, config.work_dir, **part)
        with open_database(self.execution_timeout) as connection:
            seed = seed_of(connection, ticks, params["seed"], config.seed)
            run_id = None
            if not params["dry_run"]:
                run_id = runs.start(
                    connection,
                    tick=ticks[0],
                    airflow_run_id=airflow_run_id,
                    seed=seed,
                    steps=len(ticks),
                    **part,
                )
            cycle = Cycle(
                tick=timestamp_text(ticks[0]),
                run_id=run_id,
                seed=seed,
                weather=params["weather"],
                work_dir=str(folder),
                steps=len(ticks),
                **part,
            )
            with runs.timed(connection, cycle.run_id, step_of(self)):
                snapshot = take_snapshot(
                    connection,
                    tick=cycle.tick_start,
                    sql_file=config.households_sql,
                    folder=folder,
                    **part,
                )
                transfers.record(
                    connection,
                    cycle.run_id,
                    "query",
                    snapshot.households,
                    actor=self.task_id,
                    place=config.households_sql.name,
                )
                connection.commit()
        self.log.info(
            "%s ticks from %s: %s households",
            cycle.steps,
            cycle.tick,
            f"{snapshot.households.rows:,}",
        )
        return {
            "cycle": cycle.to_dict(),
            "households": snapshot.households.to_dict(),
            "states": snapshot.states.to_dict(),
        }

    def _ticks(self, context: Context) -> list[datetime]:
        tick = parse_tick(tick_of(context))
        if not self.whole_day:
            return [tick]
        ticks = past_ticks_of_day(tick, datetime.now(tz=UTC))
        if not ticks:
            raise InputError("no tick of this day is over yet", value=f"{tick:%F}")
        return ticks


class WriteInputCsvOperator(CycleOperator):
    """Write the input file and its manifest; set broken households aside."""

    def step(self, connection: Database, cycle: Cycle) -> Handover:
        """Add ``input``."""
        return {"input": self.write_input(connection, cycle).to_dict()}


class UploadInputOperator(CycleOperator):
    """Put the input file into the first exchange that takes it."""

    def step(self, connection: Database, cycle: Cycle) -> Handover:
        """Add ``uploaded``, and the ``input`` that it is a copy of."""
        from solar_model.pipeline.exchange import put_to_first

        given, folder = self.file("input"), Path(cycle.work_dir)
        if not work_folders.is_here(given, folder):
            self.log.info("Another worker has %s, and no exchange yet: writing it anew", given.name)
            given = self.write_input(connection, cycle)
        uploaded = put_to_first(settings().exchange_urls, folder / given.name, connection_text)
        self.moved(connection, cycle, "upload", uploaded)
        self.log.info("Uploaded %s (%s bytes)", uploaded.uri, f"{uploaded.bytes:,}")
        return {"input": given.to_dict(), "uploaded": uploaded.to_dict()}


class DownloadResultsOperator(CycleOperator):
    """Fetch the results from the exchange and hold them against their manifest.

    An exchange that has died since they were put is followed by the next.
    """

    def step(self, connection: Database, cycle: Cycle) -> Handover:
        """Add ``downloaded``, and where the ``results`` came from."""
        from solar_model.pipeline.exchange import get_or_move

        wanted = self.file("results")
        results, downloaded = get_or_move(
            wanted,
            Path(cycle.work_dir),
            copy=cycle.outbox / wanted.name,
            urls=settings().exchange_urls,
            connections=connection_text,
        )
        self.moved(connection, cycle, "download", results)
        self.log.info("Downloaded %s (%s bytes)", results.uri, f"{results.bytes:,}")
        return {"results": results.to_dict(), "downloaded": downloaded.to_dict()}


class ValidateResultsOperator(CycleOperator):
    """Mend what is harmless, set aside what cannot be believed, refuse what is wrong as a whole."""

    operator_extra_links = (ValidationLink(),)

    def step(self, connection: Database, cycle: Cycle) -> Handover:
        """Add ``checks``, the number passed, and ``as_it_came``: whether nothing was mended."""
        from solar_model.contracts import UsersInput
        from solar_model.files import read_known
        from solar_model.manifest import Manifest
        from solar_model.pipeline import drift, gate, quarantine, validations
        from solar_model.pipeline.suite import Asked

        config = settings()
        results, given = self.results_path(), self.file("input")
        asked = Asked(
            given.rows,
            cycle.ticks,
            totals_kwh=Manifest.read(results).totals_kwh,
            usual_kwh=drift.usual(connection, cycle.ticks, given.rows),
        )
        users = read_known(self.input_path(), UsersInput)
        verdict = gate.judge(results, users, asked, config.quarantine_limit)
        for note in (*map(str, verdict.repairs), *verdict.validation.warnings):
            self.log.warning("%s", note)
        if cycle.run_id is not None:
            validations.save(connection, cycle.run_id, verdict.validation)
            quarantine.store(connection, cycle.run_id, quarantine.RESULTS, verdict.quarantined)
            connection.commit()
        verdict.raise_if_refused()
        if cycle.steps > 1 and len(verdict.quarantined):
            # what a household does later in the day goes on from what cannot be believed
            raise ResultsError(
                f"{len(verdict.quarantined):,} rows of the {cycle.steps} ticks cannot be believed, "
                "so nothing is inserted; `solar quarantine list` names them. solar_simulation "
                "sets such households aside tick by tick."
            )
        if aside := len(verdict.quarantined):
            self.log.warning(
                "%s households cannot be believed and are set aside: the run is degraded; "
                "`solar quarantine list` names them",
                f"{aside:,}",
            )
        self.log.info("%s checks passed", verdict.validation.passed)
        return {"checks": verdict.validation.passed, "as_it_came": verdict.as_it_came}


class InsertResultsOperator(CycleOperator):
    """Replace the tick's rows in ``energy_data`` and complete the run, in one transaction."""

    def step(self, connection: Database, cycle: Cycle) -> Handover:
        """Add ``inserted``, the number of rows."""
        from solar_model.contracts import Results, UsersInput
        from solar_model.files import read_known
        from solar_model.manifest import Manifest
        from solar_model.pipeline import gate, quarantine
        from solar_model.pipeline.certificates import BATTERY, certify
        from solar_model.pipeline.insertion import insert

        if cycle.run_id is None:
            self.log.info("Dry run: nothing is inserted")
            return {"inserted": 0}
        results, given = self.results_path(), self.file("input")
        manifest = Manifest.read(results)
        rows = (
            read_known(results, Results)
            if self.handover["as_it_came"]
            else gate.accepted(results, quarantine.set_aside(connection, cycle.run_id))
        )
        users = self.input_path()
        with ThreadPoolExecutor(1) as beside:
            # while the rows are on their way to Postgres
            proof = beside.submit(
                lambda: certify(rows, read_known(users, UsersInput, *BATTERY), cycle.ticks)
            )
            inserted = insert(
                connection,
                cycle.run_id,
                rows,
                certificates_of=proof.result,
                seed=cycle.seed,
                weather=manifest.weather,
                model_version=manifest.model_version,
                schema_version=manifest.schema_version,
                runner=self.handover["runner"],
                exchange=self.file("uploaded").exchange,
                results_exchange=self.file("results").exchange,
                input_file=given.name,
                input_sha256=given.sha256,
                input_rows=given.rows,
                results_file=results.name,
                results_sha256=self.file("downloaded").sha256,
                checks_passed=self.handover["checks"],
            )
        self.moved(connection, cycle, "insert", self.file("downloaded"), place="energy_data")
        self.log.info("Inserted %s rows", f"{inserted:,}")
        return {"inserted": inserted}
