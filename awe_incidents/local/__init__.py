"""Embedded PostgreSQL and Redis and the supervisor of our programs; no Django here, so pytest uses it too."""
