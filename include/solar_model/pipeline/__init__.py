"""The steps of a cycle as plain Python: Postgres, files, exchange, quality gate, notification.

Airflow's operators call these functions; so do tests and the command line.
"""
