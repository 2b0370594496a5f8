"""Runs over many ticks: found by their Airflow run; and partitions that two may ask for at once."""

from alembic import op

revision = "0007"
down_revision = "0005"

# An advisory lock does not make a session see what another one has just made, a table's does, and
# ATTACH takes the same one anyway.
ADVISORY = "PERFORM pg_advisory_xact_lock(hashtext('energy_data_partition'), hashtext(partition));"
LOCK = "LOCK TABLE energy_data IN SHARE UPDATE EXCLUSIVE MODE;"


def upgrade() -> None:
    """Make the index, change the function."""
    op.execute("CREATE INDEX simulation_runs_airflow_run ON simulation_runs (airflow_run_id)")
    _replace_in_function(ADVISORY, LOCK)


def downgrade() -> None:
    """Undo both."""
    op.execute("DROP INDEX simulation_runs_airflow_run")
    _replace_in_function(LOCK, ADVISORY)


def _replace_in_function(old: str, new: str) -> None:
    """Change a line of the function, and nothing of whose rights it has."""
    op.execute(
        f"""
        DO $do$ BEGIN
            EXECUTE replace(
                pg_get_functiondef('energy_data_partition(date)'::regprocedure),
                $old${old}$old$, $new${new}$new$);
        END $do$
        """
    )
