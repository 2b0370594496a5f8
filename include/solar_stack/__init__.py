"""The whole stack on one machine: Postgres from a wheel, Airflow, and the commands of the Makefile.

Plain Python that starts Airflow as processes of its own and never imports it.
"""
