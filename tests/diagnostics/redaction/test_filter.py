"""The filter from a binary stream to another, as commands use it."""

from __future__ import annotations

import io
import os
import threading

from diagnostics.redaction import Redactor
from diagnostics.redaction.filter import filter_stream

KEY = b"k" * 32


def test_a_stream_is_copied_without_its_secrets() -> None:
    sink = io.BytesIO()
    receipt = filter_stream(io.BytesIO(b"password=hunter22 ok\nlast"), sink, Redactor(KEY))
    assert sink.getvalue().startswith(b"password=[REDACTED:password:")
    assert sink.getvalue().endswith(b" ok\nlast")
    assert receipt.counts == {"password": 1}


def test_bytes_that_are_no_text_pass_unchanged() -> None:
    data = bytes(range(256)) * 3
    sink = io.BytesIO()
    filter_stream(io.BytesIO(data), sink, Redactor(KEY))
    assert sink.getvalue() == data


def test_an_interactive_line_arrives_before_the_next_is_typed() -> None:
    typed_end, typing_end = os.pipe()
    shown_end, showing_end = os.pipe()
    with (
        os.fdopen(typed_end, "rb") as source,
        os.fdopen(typing_end, "wb", buffering=0) as typing,
        os.fdopen(shown_end, "rb") as shown,
        os.fdopen(showing_end, "wb") as sink,
    ):
        worker = threading.Thread(target=filter_stream, args=(source, sink, Redactor(KEY)), daemon=True)
        worker.start()
        typing.write(b"token=abcdef99 typed\n")
        assert shown.readline().endswith(b" typed\n")
        typing.close()
        worker.join(timeout=10)
        assert not worker.is_alive()
