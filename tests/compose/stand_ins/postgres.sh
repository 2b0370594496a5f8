#!/bin/sh
# What docker-compose.yaml needs of the image's entrypoint: a new cluster runs the scripts once.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username "$POSTGRES_USER" --pwfile /tmp/password --auth-host scram-sha-256 \
        --auth-local trust --locale C.UTF-8
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    # on its socket alone: nobody is to meet a half-made database
    pg_ctl --wait start -o "-c listen_addresses="
    for script in /docker-entrypoint-initdb.d/*.sh; do bash "$script"; done
    pg_ctl --wait stop
fi
exec "$@" -c listen_addresses="*"
