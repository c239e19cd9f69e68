"""Actions, tried on targets."""
