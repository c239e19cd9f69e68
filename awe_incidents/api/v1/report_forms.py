"""What a bug report may be filed as: the seven fields, or the Markdown template pasted whole into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from awe_incidents.api.fields import SAYS_SOMETHING, Environment, Fields, Flag, StackNamed, Text
from awe_incidents.api.kept import validated
from awe_incidents.incidents import template
from awe_incidents.incidents.models import TEMPLATE_FIELDS
from awe_incidents.incidents.reports import MAX_CHARACTERS
from diagnostics.stack.schema import ENVIRONMENTS

MARKDOWN = "markdown"
MAX_REASON = 2_000
MAX_MARKDOWN = 2 * sum(MAX_CHARACTERS.values())  # escapes, labels and fences on top of the answers


def _optional(name: str) -> Text:
    return Text(required=False, allow_blank=True, default="", max_length=MAX_CHARACTERS[name])


@extend_schema_field(
    {
        "type": "string",
        "enum": ["", *ENVIRONMENTS],
        "default": "",
        "description": "Taken in any case; the one that the stack's description names where it is not given.",
    }
)
class DocumentedEnvironment(Environment):
    """The environment, with its choices in the schema."""


@extend_schema_field(
    {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS["actual_behavior"], "pattern": SAYS_SOMETHING}
)
class ActualBehavior(Text):
    """What actually happens; the only section without which nobody knows what is wrong."""


class TemplateForm(Fields):
    """The seven fields of the template."""

    environment = DocumentedEnvironment(required=False, allow_blank=True, default="")
    docker_compose_version = _optional("docker_compose_version")
    container_logs = _optional("container_logs")
    steps_to_reproduce = _optional("steps_to_reproduce")
    expected_behavior = _optional("expected_behavior")
    actual_behavior = ActualBehavior(max_length=MAX_CHARACTERS["actual_behavior"])
    screenshots = _optional("screenshots")


class FilingForm(Fields):
    """What is said beside the template when a report is filed."""

    stack = StackNamed()
    new_incident = Flag(
        required=False, default=False, help_text="Open an incident of its own, whatever the report resembles."
    )


@extend_schema_serializer(component_name="BugReport")
class BugReportForm(FilingForm, TemplateForm):
    """The seven fields of the template, and the stack that they are about."""


class _Pasted(Fields):
    """The whole template in one field of JSON."""

    markdown = Text(
        max_length=MAX_MARKDOWN,
        help_text="The filled template. It goes without the seven fields: what stands in both would be a riddle.",
    )

    def to_internal_value(self, data: Any) -> Any:
        """Read the template, by the same rules as the fields; give the seven fields in its place."""
        twice = [name for name in TEMPLATE_FIELDS if name in data]
        if twice:
            raise serializers.ValidationError(_conflicts(twice))
        values = super().to_internal_value(data)
        return values | _read(values.pop(MARKDOWN))


@extend_schema_serializer(component_name="PastedBugReport")
class PastedForm(_Pasted, FilingForm):
    """The Markdown template as it was filled in, pasted whole into one field, and the stack that it is about."""


class RevisionForm(Fields):
    """What is said beside the template when a report is revised."""

    because = Text(required=False, allow_blank=True, default="", max_length=MAX_REASON, help_text="Why it is revised.")


@extend_schema_serializer(component_name="Revision")
class ChangesForm(RevisionForm, TemplateForm):
    """The fields of the template that change; the others stay as they are."""

    def get_fields(self) -> dict[str, Any]:
        """Take none of the template's fields for granted."""
        fields = dict(super().get_fields())
        for name in TEMPLATE_FIELDS:
            fields[name].required, fields[name].default = False, serializers.empty
        return fields


@extend_schema_serializer(component_name="PastedRevision")
class PastedRevisionForm(_Pasted, RevisionForm):
    """The whole template as it shall read from now on; what it leaves out becomes empty."""


REPORT_FORMS = PolymorphicProxySerializer(
    component_name="BugReportForms", serializers=[BugReportForm, PastedForm], resource_type_field_name=None
)
REVISION_FORMS = PolymorphicProxySerializer(
    component_name="RevisionForms", serializers=[ChangesForm, PastedRevisionForm], resource_type_field_name=None
)


def read_report(data: Any, *, place: str = "body") -> dict[str, Any]:
    """Give the fields of a report in whichever form it came; in a `form` everything is text.

    Raises: ValidationError.
    """
    form = PastedForm if _is_pasted(data) else BugReportForm
    return validated(form, data, context={"place": place})


def read_revision(data: Any, *, because: str) -> tuple[dict[str, str], str]:
    """Give the fields that change, and why: as the body says, or else as was said beside it.

    Raises: ValidationError.
    """
    values = validated(PastedRevisionForm if _is_pasted(data) else ChangesForm, data)
    return values, values.pop("because") or because


def _is_pasted(data: Any) -> bool:
    return isinstance(data, Mapping) and MARKDOWN in data


def _conflicts(names: Iterable[str]) -> dict[str, list[str]]:
    names = list(names)
    told = {
        name: [f"This stands beside {MARKDOWN}, which holds the whole template; give one of the two."] for name in names
    }
    return {
        MARKDOWN: [f"This holds the whole template, yet {', '.join(names)} stands beside it; give one of the two."],
        **told,
    }


def _read(markdown: str) -> dict[str, Any]:
    """Give the seven fields of a pasted template; what is wrong with them is wrong with the field they came in."""
    try:
        fields = asdict(template.parse(markdown))
    except template.TemplateError as error:
        raise serializers.ValidationError({MARKDOWN: [message for _, message in error.problems]}) from None
    try:
        return validated(TemplateForm, fields)
    except serializers.ValidationError as error:
        wrong: Mapping[str, Any] = error.detail if isinstance(error.detail, dict) else {}
        told = [f"{template.SECTIONS[name].label}: {text}" for name, texts in wrong.items() for text in texts]
        raise serializers.ValidationError({MARKDOWN: told}) from None
