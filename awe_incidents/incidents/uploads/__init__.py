"""What people send along: what a file is by its content, under which label, and pictures made anew; a pure library."""

from __future__ import annotations

from awe_incidents.incidents.uploads.errors import FileRefused
from awe_incidents.incidents.uploads.labels import label_of
from awe_incidents.incidents.uploads.pictures import Picture, picture_of
from awe_incidents.incidents.uploads.texts import text_of

__all__ = ["FileRefused", "Picture", "label_of", "picture_of", "text_of"]
