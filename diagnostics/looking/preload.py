"""What the fork server loads once: every check with its libraries, and nothing of the service."""

from diagnostics.checks.registry import all_checks

all_checks()
