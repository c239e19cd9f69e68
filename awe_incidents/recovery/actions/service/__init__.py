"""Actions on one service."""
