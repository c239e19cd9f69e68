"""Actions on a real engine."""
