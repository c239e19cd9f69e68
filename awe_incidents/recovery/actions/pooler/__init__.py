"""Actions on connection poolers."""
