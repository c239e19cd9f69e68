"""A form's parts: the fields of a bug report as texts, or its template as one, and its files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_serializer
from rest_framework import serializers

from awe_incidents.api.fields import Fields, Text
from awe_incidents.api.multipart import Form, Part
from awe_incidents.api.problems import InvalidFields
from awe_incidents.api.v1.report_forms import MARKDOWN, MAX_MARKDOWN, BugReportForm, FilingForm, read_report
from awe_incidents.incidents.attachments import MAX_FILES, Upload
from awe_incidents.incidents.states import AttachmentKind

FILE_PARTS = {"screenshot": AttachmentKind.SCREENSHOT, "attachment": AttachmentKind.TEXT}
REPORT = "report"


class FilesForm(Fields):
    """Files for a bug report."""

    screenshot = serializers.ListField(
        child=serializers.FileField(), min_length=1, max_length=MAX_FILES, required=False
    )
    attachment = serializers.ListField(
        child=serializers.FileField(), min_length=1, max_length=MAX_FILES, required=False
    )


class AddedFilesForm(FilesForm):
    """Files for a bug report that is there already: one at least."""

    least = 1


@extend_schema_serializer(component_name="BugReportUpload")
class UploadForm(FilesForm, BugReportForm):
    """A bug report with files."""


@extend_schema_serializer(component_name="PastedBugReportUpload")
class PastedUploadForm(FilesForm, FilingForm):
    """The Markdown template as one part, with files."""

    report = Text(max_length=MAX_MARKDOWN, help_text="The filled template; it goes without the seven fields.")


UPLOAD_FORMS = PolymorphicProxySerializer(
    component_name="BugReportUploads", serializers=[UploadForm, PastedUploadForm], resource_type_field_name=None
)


def uploads_of(parts: Iterable[Part]) -> list[Upload]:
    """Give the files among the parts."""
    return [
        Upload(place=part.pointer, kind=FILE_PARTS[part.name], file_name=part.file_name, content=part.content)
        for part in parts
        if part.name in FILE_PARTS
    ]


def read_form(form: Form) -> dict[str, Any]:
    """Give the fields of a report that came as a form.

    Raises: InvalidFields, ValidationError.
    """
    fields = _texts_of(form.parts)
    if REPORT not in fields:
        return read_report(fields, place="form")
    fields[MARKDOWN] = fields.pop(REPORT)
    try:
        return read_report(fields, place="form")
    except serializers.ValidationError as error:
        told: Any = error.detail
        raise serializers.ValidationError(
            {REPORT if name == MARKDOWN else name: texts for name, texts in told.items()}
        ) from None


def _texts_of(parts: Iterable[Part]) -> dict[str, str]:
    """Give the parts that are no files as texts by their names; a text may come under a file's name.

    Raises: InvalidFields, for a field that comes twice or is not UTF-8.
    """
    fields: dict[str, str] = {}
    problems: list[tuple[str, str]] = []
    for part in parts:
        if part.name in FILE_PARTS:
            continue
        if part.number:
            problems.append((part.pointer, "This field stands twice; send it once."))
        try:
            fields[part.name] = part.content.decode("utf-8")
        except UnicodeDecodeError as error:
            problems.append((part.pointer if part.number else part.name, _not_text(part.name, error.start)))
    if problems:
        raise InvalidFields(problems)
    return fields


def _not_text(name: str, place: int) -> str:
    if name not in UploadForm().fields and name != REPORT:
        return f"There is no such field; files are sent as {' or '.join(FILE_PARTS)}."
    return f"Byte {place} is not UTF-8; save the text as UTF-8."
