"""What the fork server loads once: every check with its libraries and the compiled rules, nothing of the service."""

from diagnostics.checks.registry import all_checks
from diagnostics.redaction import Redactor

all_checks()
Redactor(b"compiles the rules; each look brings its own key").text("")
