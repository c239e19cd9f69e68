"""Standard input to standard output through the redactor; `manage.py redact` and the command line wrap it."""

from __future__ import annotations

from typing import BinaryIO

from diagnostics.redaction.receipt import Receipt
from diagnostics.redaction.redactor import Redactor

READ_BYTES = 256 * 1024


def filter_stream(source: BinaryIO, sink: BinaryIO, redactor: Redactor) -> Receipt:
    """Copy a stream redacted, each whole line as soon as it is there.

    Raises: RedactionFailed; what was written until then is redacted.
    """
    stream = redactor.stream()
    read = getattr(source, "read1", source.read)
    while chunk := read(READ_BYTES):
        if ready := stream.feed(chunk):
            sink.write(ready)
            sink.flush()
    sink.write(stream.finish())
    sink.flush()
    return stream.receipt
