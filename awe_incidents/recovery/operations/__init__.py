"""Changes of requests, executions and reviews."""

from awe_incidents.recovery.operations.breaking_glass import break_glass, review_break_glass
from awe_incidents.recovery.operations.by_hand import execute_by_hand, reconcile_by_hand
from awe_incidents.recovery.operations.deciding import approve_request, deny_request
from awe_incidents.recovery.operations.ending import cancel_request, withdraw_request
from awe_incidents.recovery.operations.executing import execute
from awe_incidents.recovery.operations.freezing import close_window, declare_window, freeze_stack, lift_freeze
from awe_incidents.recovery.operations.notifying import notify_reviewer
from awe_incidents.recovery.operations.one_time_secrets import show_secret
from awe_incidents.recovery.operations.planning import Planned, plan_action
from awe_incidents.recovery.operations.rating import noting_refusals
from awe_incidents.recovery.operations.rechecking import note_rechecked
from awe_incidents.recovery.operations.reconciling import reconcile, resolve_outcome
from awe_incidents.recovery.operations.recording import attach_to_manual_action, record_manual_action
from awe_incidents.recovery.operations.requesting import request_action, request_recommended
from awe_incidents.recovery.operations.sweeping import sweep_recovery

__all__ = [
    "Planned",
    "approve_request",
    "attach_to_manual_action",
    "break_glass",
    "cancel_request",
    "close_window",
    "declare_window",
    "deny_request",
    "execute",
    "execute_by_hand",
    "freeze_stack",
    "lift_freeze",
    "note_rechecked",
    "notify_reviewer",
    "noting_refusals",
    "plan_action",
    "reconcile",
    "reconcile_by_hand",
    "record_manual_action",
    "request_action",
    "request_recommended",
    "resolve_outcome",
    "review_break_glass",
    "show_secret",
    "sweep_recovery",
    "withdraw_request",
]
