"""Alembic's entry: runs the versions on the connection that the caller opened."""

from alembic import context

from solar_model.pipeline.schema import VERSION_TABLE

# A backend that keeps its own Alembic history in the same database is not disturbed.
context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
