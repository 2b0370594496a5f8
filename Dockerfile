# One image for every service of Airflow; docker-compose.yaml says what each container does.

# Any Debian with Python 3.11 to 3.13 will do.
ARG BASE_IMAGE=python:3.12.11-slim-bookworm

FROM ${BASE_IMAGE} AS environment
WORKDIR /opt/solar
# Nothing can be compiled later: the image is read-only.
ENV UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
# Before the code: the packages are installed anew only when the lock changes.
COPY requirements.txt pyproject.toml ./
COPY include/solar_model/__init__.py include/solar_model/
COPY include/solar_stack/environment.py include/solar_stack/
RUN touch README.md && python3 include/solar_stack/environment.py run
COPY include/ include/
COPY plugins/ plugins/
COPY dags/ dags/
COPY docs/runbook.md docs/
RUN .venv/bin/python -m compileall -q -j 0 include plugins dags

FROM ${BASE_IMAGE}
# The folders of the volumes are there beforehand, so that a new volume takes their owner.
RUN groupadd --gid 10001 solar \
    && useradd --uid 10001 --gid solar --no-create-home --home-dir /var/lib/solar solar \
    && install --directory --owner solar --group solar /var/lib/solar \
        /var/lib/solar/airflow /var/lib/solar/exchange /var/lib/solar/logs /var/lib/solar/work \
        /var/lib/solar/backups
WORKDIR /opt/solar
COPY --from=environment /opt/solar /opt/solar
# Libraries keep their caches in HOME.
ENV PATH=/opt/solar/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    SOLAR_HOME=/var/lib/solar \
    AIRFLOW_HOME=/var/lib/solar/airflow
USER solar
ENTRYPOINT ["python", "-m", "solar_stack.container"]
CMD ["airflow", "version"]
