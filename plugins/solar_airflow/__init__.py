"""What the project adds to Airflow: thin operators around ``solar_model.pipeline``."""
