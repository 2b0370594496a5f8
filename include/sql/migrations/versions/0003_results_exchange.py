"""Which exchange carried the results, where it is not the one that carried the input."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; so far results went where the input went."""
    op.execute(
        """
        ALTER TABLE simulation_runs ADD COLUMN results_exchange text;
        UPDATE simulation_runs SET results_exchange = exchange;
        """
    )


def downgrade() -> None:
    """Remove it."""
    op.execute("ALTER TABLE simulation_runs DROP COLUMN results_exchange")
