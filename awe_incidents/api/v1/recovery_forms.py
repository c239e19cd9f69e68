"""Fields that requests about recovery share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field

from awe_incidents.accounts.models import User
from awe_incidents.api.fields import MAX_ID, SAYS_SOMETHING, Fields, StackNamed, Text, WholeNumber
from awe_incidents.api.problems import InvalidFields
from awe_incidents.api.v1.recovery_answers import JsonObject
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import visible_incidents


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": MAX_REASON, "pattern": SAYS_SOMETHING})
class Why(Text):
    """A reason, which the trail keeps."""


class TypedStack(Text):
    """The stack's name, where everything on it may be lost."""

    def __init__(self, **kwargs: Any) -> None:
        told = "Tier 3 only: the stack's name, typed."
        super().__init__(required=False, default="", allow_blank=True, max_length=63, help_text=told, **kwargs)


class ActionForm(Fields):
    """Which action, on what, with which parameters."""

    stack = StackNamed()
    action = Text(max_length=100, help_text="Slug of an action, see GET /api/v1/recovery-actions/.")
    parameters = JsonObject(help_text="As the action's schema says.")


class IncidentNumber(WholeNumber):
    """The number of an incident of the same stack."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, required=False, allow_null=True, default=None, **kwargs)


def incident_of(asked: Mapping[str, Any], person: User) -> Incident | None:
    """Give the incident that a request names.

    Raises: InvalidFields.
    """
    if asked["incident"] is None:
        return None
    found: Incident | None = visible_incidents(person).filter(pk=asked["incident"]).first()
    if found is None:
        raise InvalidFields([("incident", "There is no such incident; GET /api/v1/incidents/ lists them.")])
    return found
