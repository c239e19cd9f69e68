"""A form's parts: fields as texts, among them a bug report's template as one, and files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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
_NO_SUCH_FIELD = f"There is no such field; files are sent as {' or '.join(FILE_PARTS)}."


class FilesForm(Fields):
    """Files, beside what is said."""

    screenshot = serializers.ListField(
        child=serializers.FileField(), min_length=1, max_length=MAX_FILES, required=False
    )
    attachment = serializers.ListField(
        child=serializers.FileField(), min_length=1, max_length=MAX_FILES, required=False
    )


class AddedFilesForm(FilesForm):
    """Files for something that is there already: one at least."""

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
    fields = texts_of(form.parts, known={*UploadForm().fields, REPORT})
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


def added_files(form: Form | None) -> list[Upload]:
    """Give the files of a form that brings nothing else.

    Raises: InvalidFields.
    """
    parts = form.parts if form else ()
    strangers = [part for part in parts if part.name not in FILE_PARTS]
    if strangers or not parts:
        advice = f"Send files as {' or '.join(FILE_PARTS)}; nothing else is taken here."
        raise InvalidFields([(part.pointer, advice) for part in strangers] or [("", advice)])
    return uploads_of(parts)


def texts_of(parts: Iterable[Part], *, known: Collection[str]) -> dict[str, str]:
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
            told = _not_text(error.start) if part.name in known else _NO_SUCH_FIELD
            problems.append((part.pointer if part.number else part.name, told))
    if problems:
        raise InvalidFields(problems)
    return fields


def _not_text(place: int) -> str:
    return f"Byte {place} is not UTF-8; save the text as UTF-8."
