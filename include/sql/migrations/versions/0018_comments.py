"""What each column of energy_data holds, for whoever looks with a client of their own."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Comment on the table and its columns: the meanings of the data dictionary."""
    op.execute(
        """
        COMMENT ON TABLE energy_data IS
            'Energy of each household in each quarter of an hour, simulated or metered';
        COMMENT ON COLUMN energy_data.user_id IS 'The household';
        COMMENT ON COLUMN energy_data."timestamp" IS
            'Start of the tick: the row holds the energy of the 15 minutes that follow';
        COMMENT ON COLUMN energy_data.generation_kwh IS 'AC energy of the panels [kWh]';
        COMMENT ON COLUMN energy_data.consumption_kwh IS 'Energy that the household used [kWh]';
        COMMENT ON COLUMN energy_data.battery_soc_kwh IS
            'Energy stored at the end of the tick [kWh]';
        COMMENT ON COLUMN energy_data.battery_charge_kwh IS
            'Energy into the battery, at its AC terminals [kWh]';
        COMMENT ON COLUMN energy_data.battery_discharge_kwh IS
            'Energy out of the battery, at its AC terminals [kWh]';
        COMMENT ON COLUMN energy_data.grid_import_kwh IS 'Energy taken from the grid [kWh]';
        COMMENT ON COLUMN energy_data.grid_export_kwh IS 'Energy fed into the grid [kWh]';
        COMMENT ON COLUMN energy_data.surplus_kwh IS 'generation_kwh − consumption_kwh [kWh]';
        COMMENT ON COLUMN energy_data.source IS
            'SIMULATION, or METER in rows of a backend';
        COMMENT ON COLUMN energy_data.simulation_run_id IS
            'Row of simulation_runs that wrote it; null in rows of a backend';
        """
    )


def downgrade() -> None:
    """Leave them: they go with the table, and say nothing wrong of an older one."""
