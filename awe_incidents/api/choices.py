"""The words that fields choose from, in the form that serializers and the schema take; each has one name there."""

from __future__ import annotations

from collections.abc import Iterable

from drf_spectacular.drainage import set_override
from rest_framework import serializers

from awe_incidents.incidents.lint import KINDS as _FLAWS
from awe_incidents.incidents.models import TEMPLATE_FIELDS as _TEMPLATE_FIELDS
from awe_incidents.incidents.prefills import Found as _Found
from awe_incidents.incidents.states import TRANSITIONS
from awe_incidents.incidents.states import AttachmentKind as _AttachmentKind
from awe_incidents.incidents.states import AttachmentState as _AttachmentState
from awe_incidents.incidents.states import Category as _Category
from awe_incidents.incidents.states import ClassificationSource as _ClassificationSource
from awe_incidents.incidents.states import EnvironmentSource as _EnvironmentSource
from awe_incidents.incidents.states import IncidentState as _IncidentState
from awe_incidents.incidents.states import Severity as _Severity
from awe_incidents.incidents.states import WatchState as _WatchState
from awe_incidents.reconciliation.states import KEPT as _EVENT_CAUSES
from awe_incidents.reconciliation.states import AlarmKind as _AlarmKind
from awe_incidents.recovery.operations.reconciling import RESOLUTIONS as _RESOLUTIONS
from awe_incidents.recovery.states import Effect as _Effect
from awe_incidents.recovery.states import ExecutionState as _ExecutionState
from awe_incidents.recovery.states import NoticeState as _NoticeState
from awe_incidents.recovery.states import RequestState as _RequestState
from awe_incidents.recovery.states import ReviewState as _ReviewState
from awe_incidents.recovery.states import ReviewVerdict as _ReviewVerdict
from awe_incidents.recovery.states import SecretState as _SecretState
from awe_incidents.recovery.states import StepState as _StepState
from awe_incidents.recovery.states import Verdict as _Verdict
from diagnostics.checks.base import SUITES as _SUITES
from diagnostics.checks.result import State as _State
from diagnostics.diagnosis.diagnosis import Conclusion as _Conclusion
from diagnostics.stack.schema import ENVIRONMENTS as _ENVIRONMENTS
from diagnostics.stack.schema import VANTAGES as _VANTAGES
from diagnostics.states import ResultProgress as _ResultProgress
from diagnostics.states import RunState as _RunState

Choices = list[tuple[str, str]]


def choice_or_empty(choices: Choices, description: str) -> serializers.CharField:
    """Give a read-only field that holds one of the words, or nothing yet."""
    shown = {"type": "string", "enum": ["", *(word for word, _ in choices)], "description": description}
    field = serializers.CharField(read_only=True)
    set_override(field, "field", shown)
    return field


def _words(words: Iterable[str]) -> Choices:
    return [(str(word), str(word)) for word in words]


INCIDENT_STATES = _words(_IncidentState)
INCIDENT_ACTIONS = _words(sorted(TRANSITIONS))
ENVIRONMENTS = _words(_ENVIRONMENTS)
ENVIRONMENT_SOURCES = _words(_EnvironmentSource)
SECTIONS = _words(_TEMPLATE_FIELDS)
PREFILL_STATES = _words(_Found)
FLAW_CODES = _words(_FLAWS)
ATTACHMENT_KINDS = _words(_AttachmentKind)
ATTACHMENT_STATES = _words(_AttachmentState)
CATEGORIES = _words(_Category)
CLASSIFICATION_SOURCES = _words(_ClassificationSource)
SEVERITIES = _words(_Severity)
CONCLUSIONS = _words(_Conclusion)
RUN_STATES = _words(_RunState)
RECOVERY_REQUEST_STATES = _words(_RequestState)
EXECUTION_STATES = _words(_ExecutionState)
RESOLUTIONS = _words(_RESOLUTIONS)
STEP_STATES = _words(_StepState)
EFFECTS = _words(_Effect)
VERDICTS = _words(_Verdict)
SECRET_STATES = _words(_SecretState)
NOTICE_STATES = _words(_NoticeState)
REVIEW_STATES = _words(_ReviewState)
REVIEW_VERDICTS = _words(_ReviewVerdict)
ALARM_KINDS = _words(_AlarmKind)
ALARM_STATES = _words(("open", "settled"))
EVENT_CAUSES = _words(_EVENT_CAUSES)
SUITES = _words(_SUITES)
CHECK_STATES = _words(_State)
RESULT_PROGRESS = _words(_ResultProgress)
VANTAGES = _words(_VANTAGES)
WATCH_STATES = _words(_WatchState)
ORDERS = _words(("newest", "oldest"))
THRESHOLD_SOURCES = _words(("default", "config", "baseline"))
