"""Actions on databases."""
