"""How much had been written to a day when it was backed up: what comes later is no part of it."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Remember it with each backup; of those that are there nobody knows."""
    op.execute("ALTER TABLE backups ADD COLUMN changes bigint")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE backups DROP COLUMN changes")
