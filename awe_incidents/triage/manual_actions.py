"""What was done by hand, at the desk: told by people, and never to be taken for an execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery.models import ManualAction
from awe_incidents.recovery.queries import manual_actions
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.fields import number_field, text_field
from awe_incidents.triage.manual_shown import files_of
from awe_incidents.triage.manual_steps import ATTACH_FILES
from awe_incidents.triage.turning import MAX_ID, TurningAdmin, TurningForm, id_of
from diagnostics.models import Stack


class ManualActionFilter(TurningForm):
    """What the list can be narrowed down to."""

    stack = text_field(label="Stack", required=False, max_length=63)
    incident = number_field(label="Incident", required=False, min_value=1, max_value=MAX_ID)

    def columns(self) -> Mapping[str, Any]:
        """Give what rows are filtered by."""
        columns = dict(super().columns())
        if "stack" in columns:
            columns["stack"] = id_of(Stack, name=columns["stack"])
        return columns


class ManualActionAdmin(TurningAdmin):
    """What people say that they did."""

    template: ClassVar = "triage/manual_action.html"
    list_template = "triage/manual_actions.html"
    filters = ManualActionFilter
    steps: ClassVar = (ATTACH_FILES,)

    def visible(self, user: User) -> QuerySet[ManualAction]:
        """Give all of them: who sees any sees each."""
        return manual_actions().defer("stack__document", "stack__redaction_key")

    def for_list(self, rows: QuerySet[ManualAction], user: User) -> QuerySet[ManualAction]:
        """Leave out what only the page shows."""
        return rows.defer("commands", "output")

    def lines(self, rows: list[Any], request: HttpRequest) -> list[Any]:
        """Give each as it is."""
        return rows

    def context(self, thing: ManualAction, request: HttpRequest) -> Mapping[str, Any]:
        """Show what they say."""
        facts = [
            Fact("Done by", thing.done_by, note="as told"),
            Fact("Done", thing.done_at),
            Fact("Recorded by", thing.person.username),
            Fact("Recorded", thing.recorded_at),
            Fact("Stack", thing.stack.name, address(thing.stack)),
        ]
        if thing.incident_id:
            facts.append(Fact("Incident", f"#{thing.incident_id}", address(Incident, thing.incident_id)))
        return {"facts": facts, "attachments": files_of(thing)}
