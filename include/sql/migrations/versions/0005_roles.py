"""A pipeline that owns nothing can make a day's partition; the transfer log says who it was.

The roles themselves, and what each may do, are in ``include/sql/roles.sql``.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

ACTOR = """
ALTER TABLE transfer_log
    ADD COLUMN actor text,  -- the task or the command
    ADD COLUMN host  text,
    -- who was logged in: nobody can say otherwise
    ADD COLUMN role  name NOT NULL DEFAULT session_user;
"""

# It acts as the owner of the tables, whoever calls it, so it looks for them in one place only.
PARTITION = """
CREATE OR REPLACE FUNCTION energy_data_partition(day date) RETURNS text LANGUAGE plpgsql AS $$
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
        -- Postgres refuses a partition whose rows already lie in the default one: who is writing
        -- there is waited for.
        LOCK TABLE energy_data_default IN SHARE ROW EXCLUSIVE MODE;
        EXECUTE format(
            'WITH moved AS (DELETE FROM energy_data_default '
            'WHERE "timestamp" >= %L AND "timestamp" < %L RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved', first, past, partition);
        EXECUTE format(
            'ALTER TABLE energy_data ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            partition, first, past);
        IF to_regrole('solar_pipeline') IS NOT NULL THEN
            EXECUTE format('GRANT INSERT ON %I TO solar_pipeline', partition);
        END IF;
    END IF;
    RETURN partition;
END $$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION energy_data_partition(date) SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema());
END $$;

REVOKE EXECUTE ON FUNCTION energy_data_partition(date) FROM PUBLIC;
"""


def upgrade() -> None:
    """Add the columns, and let the function act as its owner."""
    op.execute(ACTOR)
    op.execute(PARTITION)


def downgrade() -> None:
    """Take both back; the roles stay, other databases of the server may use them."""
    op.execute(
        """
        ALTER FUNCTION energy_data_partition(date) SECURITY INVOKER RESET search_path;
        GRANT EXECUTE ON FUNCTION energy_data_partition(date) TO PUBLIC;
        ALTER TABLE transfer_log DROP COLUMN actor, DROP COLUMN host, DROP COLUMN role;
        """
    )
