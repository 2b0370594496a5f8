"""Energy data by day, the ledger of runs, the quarantine and the transfer log."""

from alembic import op

revision = "0001"
down_revision = None

ENERGY_DATA = """
CREATE TYPE energy_source AS ENUM ('SIMULATION', 'METER');

-- A client that maps the column as text can insert; without the cast Postgres refuses varchar.
CREATE CAST (varchar AS energy_source) WITH INOUT AS ASSIGNMENT;

CREATE TABLE energy_data (
    "timestamp"           timestamptz      NOT NULL,
    user_id               uuid             NOT NULL,
    generation_kwh        double precision NOT NULL,
    consumption_kwh       double precision NOT NULL,
    -- null in rows of a backend or a meter, which need not know of batteries and grid
    battery_soc_kwh       double precision,
    battery_charge_kwh    double precision,
    battery_discharge_kwh double precision,
    grid_import_kwh       double precision,
    grid_export_kwh       double precision,
    surplus_kwh           double precision NOT NULL,
    source                energy_source    NOT NULL,
    simulation_run_id     uuid,
    -- time first: a tick's rows lie together, and the index grows at its end
    UNIQUE ("timestamp", user_id, source)
) PARTITION BY RANGE ("timestamp");

-- Catches rows of a day that nobody prepared, such as a meter's: no insert fails for that.
CREATE TABLE energy_data_default PARTITION OF energy_data DEFAULT;

-- The partition of a UTC day, made when it is missing; returns its name.
CREATE FUNCTION energy_data_partition(day date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    partition text := format('energy_data_%s', to_char(day, 'YYYYMMDD'));
    first timestamptz := day::timestamp AT TIME ZONE 'UTC';
    past timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN partition;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('energy_data_partition'), hashtext(partition));
    IF to_regclass(partition) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I (LIKE energy_data INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
            partition);
        -- Postgres refuses a partition whose rows already lie in the default one.
        EXECUTE format(
            'WITH moved AS (DELETE FROM energy_data_default '
            'WHERE "timestamp" >= %L AND "timestamp" < %L RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved', first, past, partition);
        EXECUTE format(
            'ALTER TABLE energy_data ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            partition, first, past);
    END IF;
    RETURN partition;
END $$;
"""

SIMULATION_RUNS = """
CREATE TYPE simulation_status AS ENUM ('running', 'completed', 'failed');

CREATE TABLE simulation_runs (
    id                     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tick                   timestamptz NOT NULL,
    shard                  integer     NOT NULL DEFAULT 0,
    status                 simulation_status NOT NULL DEFAULT 'running',
    attempt                integer     NOT NULL DEFAULT 1,
    airflow_run_id         text,
    steps                  integer     NOT NULL DEFAULT 1,
    seed                   bigint      NOT NULL,
    weather                jsonb,
    runner                 text,
    exchange               text,
    model_version          text        NOT NULL,
    schema_version         text        NOT NULL,
    input_file             text,
    input_sha256           text,
    households_queried     bigint,
    households_quarantined bigint,
    input_rows             bigint,
    results_file           text,
    results_sha256         text,
    results_rows           bigint,
    rows_inserted          bigint,
    generation_kwh         double precision,
    consumption_kwh        double precision,
    battery_soc_kwh        double precision,
    battery_charge_kwh     double precision,
    battery_discharge_kwh  double precision,
    grid_import_kwh        double precision,
    grid_export_kwh        double precision,
    surplus_kwh            double precision,
    timings_s              jsonb       NOT NULL DEFAULT '{}',
    checks_passed          integer,
    error                  text,
    started_at             timestamptz NOT NULL DEFAULT now(),
    finished_at            timestamptz,
    notified_at            timestamptz,
    UNIQUE (tick, shard)
);
"""

QUARANTINE = """
CREATE TABLE quarantine (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    simulation_run_id uuid        NOT NULL REFERENCES simulation_runs (id) ON DELETE CASCADE,
    stage             text        NOT NULL,
    user_id           text,
    reasons           text[]      NOT NULL,
    row_values        jsonb       NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON quarantine (simulation_run_id, stage);
CREATE INDEX ON quarantine (user_id);
"""

TRANSFER_LOG = """
CREATE TABLE transfer_log (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    simulation_run_id uuid        REFERENCES simulation_runs (id) ON DELETE SET NULL,
    action            text        NOT NULL,
    place             text        NOT NULL,
    bytes             bigint,
    rows              bigint,
    sha256            text,
    at                timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON transfer_log (simulation_run_id);
"""


def upgrade() -> None:
    """Make the four tables."""
    for statements in (ENERGY_DATA, SIMULATION_RUNS, QUARANTINE, TRANSFER_LOG):
        op.execute(statements)


def downgrade() -> None:
    """Remove everything that upgrade made, data included."""
    op.execute(
        """
        DROP TABLE transfer_log, quarantine, simulation_runs, energy_data;
        DROP FUNCTION energy_data_partition(date);
        DROP TYPE simulation_status;
        DROP TYPE energy_source CASCADE;
        """
    )
