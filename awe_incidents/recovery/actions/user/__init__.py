"""Actions on users of the stack's application."""
