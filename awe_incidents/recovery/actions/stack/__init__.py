"""Actions on whole stacks."""
