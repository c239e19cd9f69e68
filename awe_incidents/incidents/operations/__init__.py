"""Changes of incidents: file and revise a report, open, ask for a run, classify, move along the states."""

from awe_incidents.incidents.operations.attaching import add_attachments, attach_files
from awe_incidents.incidents.operations.filing import FILING_SUITE, Filed, file_bug_report
from awe_incidents.incidents.operations.moving import move_bug_report
from awe_incidents.incidents.operations.prefilling import prefill_report, sweep_prefills
from awe_incidents.incidents.operations.preparing import prepare_attachment, sweep_attachments
from awe_incidents.incidents.operations.retention import Removed, apply_retention
from awe_incidents.incidents.operations.revising import MAX_REVISIONS, revise_bug_report
from awe_incidents.incidents.operations.runs import (
    note_run_finished,
    recheck_incident,
    request_incident_run,
    request_recheck,
)
from awe_incidents.incidents.operations.suggesting import suggest
from awe_incidents.incidents.operations.triage import (
    accept_suggestion,
    classify_incident,
    move_incident,
    open_incident,
    resolve_mended,
)
from awe_incidents.incidents.operations.watching import watch_stack

__all__ = [
    "FILING_SUITE",
    "MAX_REVISIONS",
    "Filed",
    "Removed",
    "accept_suggestion",
    "add_attachments",
    "apply_retention",
    "attach_files",
    "classify_incident",
    "file_bug_report",
    "move_bug_report",
    "move_incident",
    "note_run_finished",
    "open_incident",
    "prefill_report",
    "prepare_attachment",
    "recheck_incident",
    "request_incident_run",
    "request_recheck",
    "resolve_mended",
    "revise_bug_report",
    "suggest",
    "sweep_attachments",
    "sweep_prefills",
    "watch_stack",
]
