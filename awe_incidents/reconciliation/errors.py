"""Refusals of reconciliation.

ReconciliationError
├── AlarmSettled     somebody, or what came to light, has settled the alarm before
├── AlarmUnknown     there is no alarm of this number
├── OwnAlarm         who had a part in what an alarm is about does not settle it
└── SettlingUnsaid   an alarm is settled with a reason
"""

from __future__ import annotations


class ReconciliationError(Exception):
    """Base of what reconciliation refuses."""


class AlarmSettled(ReconciliationError):
    """Nothing is left to settle."""


class AlarmUnknown(ReconciliationError):
    """The message names the number."""


class OwnAlarm(ReconciliationError):
    """Another person settles it."""


class SettlingUnsaid(ReconciliationError):
    """Say why."""
