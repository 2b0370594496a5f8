"""Runs that are degraded, what each validation said, energy certificates, releases of rows."""

from alembic import op

revision = "0004"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables and columns; what was completed stays so."""
    op.execute(
        """
        ALTER TYPE simulation_status ADD VALUE 'degraded' AFTER 'completed';

        CREATE TABLE validations (
            simulation_run_id uuid        PRIMARY KEY
                REFERENCES simulation_runs (id) ON DELETE CASCADE,
            succeeded         boolean     NOT NULL,
            statistics        jsonb       NOT NULL,
            result            jsonb       NOT NULL,
            page              text        NOT NULL,
            validated_at      timestamptz NOT NULL DEFAULT now()
        );

        -- Conservation of energy in a tick: what goes in, what comes out, what is left over.
        CREATE TABLE energy_certificates (
            simulation_run_id     uuid             PRIMARY KEY
                REFERENCES simulation_runs (id) ON DELETE CASCADE,
            households            bigint           NOT NULL,
            generation_kwh        double precision NOT NULL,
            consumption_kwh       double precision NOT NULL,
            battery_charge_kwh    double precision NOT NULL,
            battery_discharge_kwh double precision NOT NULL,
            grid_import_kwh       double precision NOT NULL,
            grid_export_kwh       double precision NOT NULL,
            stored_before_kwh     double precision NOT NULL,
            stored_after_kwh      double precision NOT NULL,
            losses_kwh            double precision NOT NULL,
            residual_kwh          double precision NOT NULL,
            bound_kwh             double precision NOT NULL,
            -- the household that misses it most
            worst_user_id         uuid             NOT NULL,
            worst_residual_kwh    double precision NOT NULL,
            holds                 boolean GENERATED ALWAYS AS (
                abs(residual_kwh) <= bound_kwh
                AND abs(worst_residual_kwh) <= bound_kwh / households
            ) STORED
        );

        ALTER TABLE quarantine
            -- in the results file
            ADD COLUMN line         bigint,
            -- the row of the input that the row of results answers
            ADD COLUMN household    jsonb,
            ADD COLUMN released_at  timestamptz,
            ADD COLUMN released_by  text,
            ADD COLUMN release_note text;
        """
    )


def downgrade() -> None:
    """Remove them; a type cannot lose a value, so it is made anew."""
    op.execute(
        """
        DROP TABLE energy_certificates, validations;
        ALTER TABLE quarantine
            DROP COLUMN line,
            DROP COLUMN household,
            DROP COLUMN released_at,
            DROP COLUMN released_by,
            DROP COLUMN release_note;
        ALTER TYPE simulation_status RENAME TO simulation_status_with_degraded;
        CREATE TYPE simulation_status AS ENUM ('running', 'completed', 'failed');
        ALTER TABLE simulation_runs
            ALTER COLUMN status DROP DEFAULT,
            ALTER COLUMN status TYPE simulation_status
                USING replace(status::text, 'degraded', 'completed')::simulation_status,
            ALTER COLUMN status SET DEFAULT 'running';
        DROP TYPE simulation_status_with_degraded;
        """
    )
