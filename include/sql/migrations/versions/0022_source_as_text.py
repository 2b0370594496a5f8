"""A client that maps ``source`` as text can compare it, too; to insert it could before."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Read it as text where it stands beside text."""
    op.execute("CREATE CAST (energy_source AS text) WITH INOUT AS IMPLICIT")


def downgrade() -> None:
    """Only an explicit cast again."""
    op.execute("DROP CAST (energy_source AS text)")
