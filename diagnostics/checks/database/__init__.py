"""Checks of PostgreSQL, the pooler and Redis."""
