#!/bin/sh
# Run once, by the image of Postgres, when its volume is new: two databases, each with an owner
# that can see nothing of the other.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set airflow="$AIRFLOW_DB_PASSWORD" --set solar="$SOLAR_DB_PASSWORD" <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE ROLE solar LOGIN CREATEROLE PASSWORD :'solar';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE solar OWNER solar;
REVOKE CONNECT ON DATABASE airflow, solar FROM PUBLIC;
SQL
