"""The refusal of files: FileRefused, whose message says what is wrong with the file and what to do."""

from __future__ import annotations


class FileRefused(Exception):
    """The content is not what is taken here, is not whole, or is too large."""
