"""Actions on ports."""
