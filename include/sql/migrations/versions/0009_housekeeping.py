"""Days that are backed up, and that only those can be dropped."""

from alembic import op

revision = "0009"
down_revision = "0007"

BACKUPS = """
CREATE TABLE backups (
    day     date        PRIMARY KEY,
    file    text        NOT NULL,
    sha256  text        NOT NULL,
    rows    bigint      NOT NULL,
    -- of the rows in any order, as energy_data_digest gives it
    digest  numeric     NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

-- The page of a validation may go; what was found stays.
ALTER TABLE validations ALTER COLUMN page DROP NOT NULL;
"""

FUNCTIONS = """
-- How many rows a UTC day has, and a number that changes with every change of any of them.
CREATE FUNCTION energy_data_digest(day date, OUT rows bigint, OUT digest numeric)
LANGUAGE sql STABLE AS $$
    SELECT count(*), coalesce(sum(hash_record_extended(energy_data, 0)), 0)
    FROM energy_data
    WHERE "timestamp" >= day::timestamp AT TIME ZONE 'UTC'
      AND "timestamp" < (day + 1)::timestamp AT TIME ZONE 'UTC'
$$;

-- Drops a UTC day; refuses when its rows are not those that were backed up.
CREATE FUNCTION energy_data_drop(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    partition text := format('energy_data_%s', to_char(day, 'YYYYMMDD'));
BEGIN
    IF to_regclass(partition) IS NULL THEN
        RETURN;
    END IF;
    -- whoever writes to it waits until it is gone
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', partition);
    IF NOT EXISTS (
        SELECT FROM backups AS backup, energy_data_digest(energy_data_drop.day) AS found
        WHERE backup.day = energy_data_drop.day
          AND backup.rows = found.rows AND backup.digest = found.digest
    ) THEN
        RAISE EXCEPTION 'the rows of % are not those that were backed up', day
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('ALTER TABLE energy_data DETACH PARTITION %I', partition);
    EXECUTE format('DROP TABLE %I', partition);
END $$;

-- It acts as the owner of the tables, whoever calls it, so it looks for them in one place only.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION energy_data_drop(date) SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema());
END $$;

REVOKE EXECUTE ON FUNCTION energy_data_drop(date) FROM PUBLIC;
"""


def upgrade() -> None:
    """Make the table and the functions."""
    op.execute(BACKUPS)
    op.execute(FUNCTIONS)


def downgrade() -> None:
    """Remove them; the files of the backups stay."""
    op.execute(
        """
        DROP FUNCTION energy_data_drop(date);
        DROP FUNCTION energy_data_digest(date);
        DROP TABLE backups;
        DELETE FROM validations WHERE page IS NULL;
        ALTER TABLE validations ALTER COLUMN page SET NOT NULL;
        """
    )
