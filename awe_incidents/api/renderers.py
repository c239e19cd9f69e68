"""Answers in other forms than JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rest_framework.renderers import BaseRenderer

from awe_incidents.incidents.template import TemplateFields, render


class MarkdownTemplate(BaseRenderer):
    """A bug report as the Markdown template that it was, or could have been, filed with."""

    media_type = "text/markdown"
    format = "md"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Write the seven fields of a report's answer."""
        return render(TemplateFields(**{field.name: data[field.name] for field in fields(TemplateFields)})).encode()
