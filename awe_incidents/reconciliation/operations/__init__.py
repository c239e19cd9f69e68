"""Changes of reconciliation: what is looked at, and alarms."""

from awe_incidents.reconciliation.operations.alarming import end_alarm, settle_alarm
from awe_incidents.reconciliation.operations.reconciling import Reconciled, reconcile_stack

__all__ = ["Reconciled", "end_alarm", "reconcile_stack", "settle_alarm"]
