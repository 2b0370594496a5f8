"""What is remembered of remote runners: who failed lately, and who has announced results."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the two tables."""
    op.execute(
        """
        CREATE TABLE runner_health (
            runner    text        PRIMARY KEY,
            failures  integer     NOT NULL,
            reason    text        NOT NULL,
            failed_at timestamptz NOT NULL DEFAULT now()
        );

        CREATE TABLE runner_announcements (
            tick         timestamptz PRIMARY KEY,
            status       text        NOT NULL,
            result_file  text,
            record_count bigint      NOT NULL,
            announced_at timestamptz NOT NULL DEFAULT now()
        );
        """
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE runner_announcements, runner_health")
