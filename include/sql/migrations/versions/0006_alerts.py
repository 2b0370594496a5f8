"""What the operator is told: states that alerts begin and end with, and what the monitor saw."""

from alembic import op

revision = "0006"
down_revision = "0003"


def upgrade() -> None:
    """Make the two tables."""
    op.execute(
        """
        CREATE TABLE alerts (
            id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            -- what is wrong, such as late or failed:solar_maintenance
            key           text        NOT NULL,
            kind          text        NOT NULL,
            facts         jsonb       NOT NULL,
            begun_at      timestamptz NOT NULL DEFAULT now(),
            seen_at       timestamptz NOT NULL DEFAULT now(),
            ended_at      timestamptz,
            ending        text,
            begin_told_at timestamptz,
            end_told_at   timestamptz,
            -- why a mail could not be delivered
            trouble       text
        );
        -- one state at a time: who finds the same again begins nothing
        CREATE UNIQUE INDEX alerts_open ON alerts (key) WHERE ended_at IS NULL;
        CREATE INDEX alerts_untold ON alerts (id)
            WHERE begin_told_at IS NULL OR (ended_at IS NOT NULL AND end_told_at IS NULL);

        CREATE TABLE probes (
            subject   text             PRIMARY KEY,
            problem   text,
            seconds   double precision NOT NULL,
            looked_at timestamptz      NOT NULL DEFAULT now()
        );
        """
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE probes, alerts")
