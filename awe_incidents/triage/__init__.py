"""The triage desk: the Django admin."""
