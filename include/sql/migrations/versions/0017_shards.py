"""Shards: into how many a run was split, and to which one a household belongs."""

from alembic import op

revision = "0017"
down_revision = "0009"


def upgrade() -> None:
    """Make the column and the function."""
    op.execute("ALTER TABLE simulation_runs ADD COLUMN shards integer NOT NULL DEFAULT 1")
    op.execute(
        """
        -- MD5 is the same everywhere and for ever, also of what is no UUID.
        CREATE FUNCTION solar_shard(user_id text, shards integer) RETURNS integer
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN (
            ('x' || left(md5(coalesce(lower(user_id), '')), 8))::bit(32)::bigint % shards
        )::integer;
        """
    )


def downgrade() -> None:
    """Remove both."""
    op.execute("DROP FUNCTION solar_shard(text, integer)")
    op.execute("ALTER TABLE simulation_runs DROP COLUMN shards")
