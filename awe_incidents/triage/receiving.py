"""Files that come with forms of the desk: kept in memory, bounded before a byte is parsed, and from nobody unknown.

Nothing of them goes to a disk: what people send is redacted, or made anew, before it is stored.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import MemoryFileUploadHandler

from awe_incidents.incidents.attachments import MAX_REQUEST_BYTES

MAX_STRANGERS_BYTES = 65_536


class BoundedUploads(MemoryFileUploadHandler):
    """Takes the files of a form into memory, as long as the form is no longer than it may be."""

    def handle_raw_input(
        self, input_data: Any, meta: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        """Look at the declared length, which the parser reads no further than.

        Raises: RequestDataTooBig.
        """
        user = getattr(self.request, "user", None)
        limit = MAX_REQUEST_BYTES if user is not None and user.is_authenticated else MAX_STRANGERS_BYTES
        if content_length > limit:
            raise RequestDataTooBig(f"a form may have {limit:,} bytes with its files")
        self.activated = True
