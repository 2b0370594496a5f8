"""Tests through the real Airflow; those here share one, those in own_stack have their own."""
