"""Files in forms of the desk: screenshots and texts, as attachments take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from awe_incidents.incidents.attachments import MAX_FILE_BYTES, MAX_FILES, Upload
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.incidents.uploads import label_of
from awe_incidents.triage.steps import StepForm

_BOUNDS = f"{MAX_FILES} at most, {MAX_FILE_BYTES // 1_000_000} MB each"


class _FilesInput(forms.FileInput):
    """Lets several be chosen."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Give all of them."""
        return files.getlist(name) if hasattr(files, "getlist") else files.get(name, [])


class FilesField(forms.FileField):
    """Any number of files; whether they can be taken, who stores them says."""

    def __init__(self, *, label: str, accept: str) -> None:
        widget = _FilesInput({"class": "desk-input", "accept": accept, "multiple": True})
        super().__init__(label=f"{label}; {_BOUNDS}; may stay empty", required=False, widget=widget)

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        """Give them as they came."""
        return list(data or ())


class FilesForm(StepForm):
    """Files beside what is said."""

    screenshots = FilesField(
        label="Screenshots (PNG, JPEG, WebP, GIF)", accept="image/png,image/jpeg,image/webp,image/gif"
    )
    texts = FilesField(label="Texts, such as logs (UTF-8)", accept="text/*,.log,.txt,.json,.yaml,.yml,.conf")


def take_uploads(fields: dict[str, Any]) -> list[Upload]:
    """Take the files out of what a form says."""
    kinds: Mapping[str, AttachmentKind] = {"screenshots": AttachmentKind.SCREENSHOT, "texts": AttachmentKind.TEXT}
    return [
        Upload(place=_place(kind, number, file.name or ""), kind=kind, file_name=file.name or "", content=file.read())
        for name, kind in kinds.items()
        for number, file in enumerate(fields.pop(name), start=1)
    ]


def _place(kind: AttachmentKind, number: int, file_name: str) -> str:
    return f"{kind} {number} ({label_of(file_name)})"
