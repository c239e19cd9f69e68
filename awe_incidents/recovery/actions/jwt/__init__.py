"""Actions on what signs tokens."""
