-- What each role may do with our tables; run after the migrations, each time: safe to repeat.
--
-- solar_reader    reads what the pipeline has made: dashboards, analysts
-- solar_pipeline  runs the cycle: no change of the schema, no change of what the log has recorded
-- (the owner)     whoever ran the migrations: changes the schema
--
-- Nobody logs in as one of them; a login is made a member:
--     CREATE ROLE grafana LOGIN PASSWORD '…' IN ROLE solar_reader;
DO $$
DECLARE
    role text;
    ours record;
    partition regclass;
BEGIN
    FOREACH role IN ARRAY ARRAY['solar_reader', 'solar_pipeline'] LOOP
        IF to_regrole(role) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION
                WHEN insufficient_privilege THEN
                    RAISE WARNING '% may not make the role %, so nobody can be given its rights. '
                        'Where you want it: let an administrator run CREATE ROLE %, then run '
                        '`solar db upgrade` again.', current_user, role, role;
                    CONTINUE;
                WHEN duplicate_object OR unique_violation THEN
                    NULL;  -- another migration of this server was faster
            END;
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
    END LOOP;

    FOR ours IN
        SELECT to_regclass(name) AS relation, reader, pipeline
        FROM (
            VALUES
                ('energy_data', 'SELECT', 'SELECT, INSERT, DELETE'),
                -- which days have no partition yet
                ('energy_data_default', NULL, 'SELECT'),
                ('simulation_runs', 'SELECT', 'SELECT, INSERT, UPDATE, DELETE'),
                ('quarantine', 'SELECT', 'SELECT, INSERT, UPDATE, DELETE'),
                -- the moment and the role of an entry are the database's own
                (
                    'transfer_log', 'SELECT',
                    'SELECT, INSERT '
                    '(simulation_run_id, action, place, bytes, rows, sha256, actor, host)'
                ),
                ('validations', 'SELECT', 'SELECT, INSERT, UPDATE, DELETE'),
                ('energy_certificates', 'SELECT', 'SELECT, INSERT, UPDATE, DELETE'),
                ('runner_health', 'SELECT', 'SELECT, INSERT, UPDATE, DELETE'),
                ('runner_announcements', 'SELECT', 'SELECT, INSERT, UPDATE'),
                ('alerts', 'SELECT', 'SELECT, INSERT, UPDATE'),
                ('probes', 'SELECT', 'SELECT, INSERT, UPDATE, DELETE'),
                ('backups', 'SELECT', 'SELECT, INSERT, UPDATE'),
                ('solar_schema_version', 'SELECT', 'SELECT'),
                -- the backend's
                ('users', NULL, 'SELECT'),
                ('user_systems', NULL, 'SELECT')
        ) AS rights (name, reader, pipeline)
        WHERE to_regclass(name) IS NOT NULL
    LOOP
        BEGIN
            IF to_regrole('solar_reader') IS NOT NULL AND ours.reader IS NOT NULL THEN
                EXECUTE format('GRANT %s ON %s TO solar_reader', ours.reader, ours.relation);
            END IF;
            IF to_regrole('solar_pipeline') IS NOT NULL THEN
                EXECUTE format('GRANT %s ON %s TO solar_pipeline', ours.pipeline, ours.relation);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE WARNING '% is not ours: let its owner run GRANT % ON % TO solar_pipeline.',
                    ours.relation, ours.pipeline, ours.relation;
        END;
    END LOOP;

    IF to_regrole('solar_pipeline') IS NOT NULL AND to_regclass('energy_data') IS NOT NULL THEN
        -- rows go straight into their day's partition
        FOR partition IN
            SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = to_regclass('energy_data')
        LOOP
            EXECUTE format('GRANT INSERT ON %s TO solar_pipeline', partition);
        END LOOP;
        GRANT EXECUTE ON FUNCTION energy_data_partition(date) TO solar_pipeline;
    END IF;
    IF to_regrole('solar_pipeline') IS NOT NULL
        AND to_regprocedure('energy_data_drop(date)') IS NOT NULL
    THEN
        GRANT EXECUTE ON FUNCTION energy_data_drop(date) TO solar_pipeline;
    END IF;
END $$;
