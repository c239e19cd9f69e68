"""A file between the door and the table: known by its content, within its limits, named harmlessly, texts redacted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from awe_incidents.incidents.errors import ReportInvalid
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.incidents.uploads import FileRefused, Picture, label_of, picture_of, text_of
from diagnostics.models import Stack
from diagnostics.queries import redactor_of
from diagnostics.redaction import Redactor

MAX_FILES = 10  # of one kind in one request
MAX_FILES_OF_ONE = 30  # report, or whatever else they belong to
MAX_FILE_BYTES = 10_000_000
MAX_REQUEST_BYTES = 32_000_000  # with all its files
MAX_NAME_CHARACTERS = 255
TEXT_MEDIA_TYPE = "text/plain"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came; `place` says which part of the request it was, for whoever has to be told what is wrong."""

    place: str
    kind: AttachmentKind
    file_name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanFile:
    """What may be stored of a file: a redacted text, or a picture that still has to be made anew."""

    kind: AttachmentKind
    label: str
    received_bytes: int
    data: bytes = field(repr=False)  # of a text what is given out, of a picture the original
    picture: Picture | None = None
    redactions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Give the digest of what is stored."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def media_type(self) -> str:
        """Give the type of what is stored, by its content."""
        return f"image/{self.picture.format.lower()}" if self.picture else TEXT_MEDIA_TYPE


def cleaned_files(uploads: Sequence[Upload], *, stack: Stack) -> list[CleanFile]:
    """Check every file, redact texts and labels.

    Raises: ReportInvalid, with every problem at once.
    """
    if not uploads:
        return []
    for kind in AttachmentKind:
        if beyond := [upload for upload in uploads if upload.kind is kind][MAX_FILES:]:
            raise ReportInvalid([(beyond[0].place, f"at most {MAX_FILES} of them at once; send the others after")])
    redactor, files, problems = redactor_of(stack), [], []
    for upload in uploads:
        try:
            files.append(_cleaned(upload, redactor))
        except FileRefused as refusal:
            problems.append((upload.place, str(refusal)))
    if problems:
        raise ReportInvalid(problems)
    return files


def _cleaned(upload: Upload, redactor: Redactor) -> CleanFile:
    """Clean one file.

    Raises: FileRefused.
    """
    size = len(upload.content)
    if size > MAX_FILE_BYTES:
        raise FileRefused(f"the file has {size:,} bytes, more than {MAX_FILE_BYTES:,}; cut it down")
    if not size:
        raise FileRefused("the file is empty")
    if len(upload.file_name) > MAX_NAME_CHARACTERS:
        raise FileRefused(f"the file's name has more than {MAX_NAME_CHARACTERS} characters")
    label = label_of(redactor.text(label_of(upload.file_name)).text)
    if upload.kind is AttachmentKind.SCREENSHOT:
        picture = picture_of(upload.content)
        label = label or f"screenshot.{picture.format.lower()}"
        return CleanFile(kind=upload.kind, label=label, received_bytes=size, data=upload.content, picture=picture)
    redacted = redactor.text(text_of(upload.content))
    receipt = {"rule_set_version": redacted.receipt.rule_set_version, "counts": dict(redacted.receipt.counts)}
    return CleanFile(
        kind=upload.kind,
        label=label or "attachment.txt",
        received_bytes=size,
        data=redacted.text.encode(),
        redactions=receipt | {"dropped_bytes": redacted.receipt.dropped_bytes},
    )
