"""A new day's partition waits for nobody who reads or writes another day."""

from alembic import op

revision = "0019"
down_revision = "0018"

# Without ONLY the lock is taken on each partition, too.
ALL = "LOCK TABLE energy_data IN SHARE UPDATE EXCLUSIVE MODE;"
ONLY = "LOCK TABLE ONLY energy_data IN SHARE UPDATE EXCLUSIVE MODE;"


def upgrade() -> None:
    """Lock the parent alone."""
    _replace_in_function(ALL, ONLY)


def downgrade() -> None:
    """Lock the partitions, too."""
    _replace_in_function(ONLY, ALL)


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
