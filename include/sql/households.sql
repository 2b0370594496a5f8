-- The households of a cycle: everybody with solar panels.
--
-- Replace this file, or point SOLAR_HOUSEHOLDS_SQL at another, to fit your tables. The query must
-- give user_id, panel_wattage, panel_count, battery_capacity_kwh, inverter_capacity_kw and
-- household_size. It may give latitude, longitude, tilt_deg, azimuth_deg and timezone (null: the
-- site's) and battery_soc_kwh (null: the battery starts where the tick before left it).
SELECT systems.*
FROM (
    SELECT
        NULL::float8 AS latitude,
        NULL::float8 AS longitude,
        NULL::float8 AS tilt_deg,
        NULL::float8 AS azimuth_deg,
        NULL::text AS timezone
) AS absent
-- Inside LATERAL a name means the table's own column where the table has one, and the null of
-- "absent" where it has not: the query runs on tables with and without the optional columns.
CROSS JOIN LATERAL (
    SELECT
        user_id::text AS user_id,
        coalesce(panel_wattage, 350.0) AS panel_wattage,
        panel_count,
        coalesce(battery_capacity_kwh, 0.0) AS battery_capacity_kwh,
        coalesce(inverter_capacity_kw, 5.0) AS inverter_capacity_kw,
        coalesce(household_size, 3) AS household_size,
        latitude,
        longitude,
        tilt_deg,
        azimuth_deg,
        timezone
    FROM user_systems
    WHERE
        panel_count > 0
        -- as text: ids may be text, in any case, in one table of a backend and uuid in the other
        AND EXISTS (
            SELECT FROM users WHERE lower(users.id::text) = lower(user_systems.user_id::text)
        )
) AS systems
