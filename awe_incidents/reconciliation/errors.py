"""Refusals of reconciliation.

ReconciliationError
├── AlarmSettled     somebody, or what came to light, has settled the alarm before
├── AlarmUnknown     there is no alarm of this number
└── SettlingUnsaid   an alarm is settled with a reason
"""

from __future__ import annotations


class ReconciliationError(Exception):
    """Base of what reconciliation refuses."""


class AlarmSettled(ReconciliationError):
    """Nothing is left to settle."""


class AlarmUnknown(ReconciliationError):
    """The message names the number."""


class SettlingUnsaid(ReconciliationError):
    """Say why."""
