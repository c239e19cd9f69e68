"""Tags and filters of the desk's templates; everything that they give is escaped."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from awe_incidents.triage.facts import address as address_of
from awe_incidents.triage.labels import KINDS, moment
from awe_incidents.triage.labels import age as age_of
from awe_incidents.triage.texts import visible

register = template.Library()
NOTHING = "-"
register.filter("moment", moment)


@register.simple_tag
def label(key: str, words: str = "") -> SafeString:
    """Show a state in the color of its kind."""
    return format_html('<span class="desk-label desk-{}">{}</span>', kind(key), words or key)


@register.simple_tag
def address(thing: Any, part: str = "change") -> str:
    """Give the desk's address of a row."""
    return address_of(thing, part=part)


@register.filter
def kind(key: str) -> str:
    """Give the kind of a state, which its color goes by."""
    return KINDS.get(key, "plain")


@register.filter
def age(at: datetime) -> str:
    """Show how long ago it was."""
    return age_of(at, now=timezone.now())


@register.filter
def shown(value: Any) -> str:
    """Show the value of a fact as words."""
    if isinstance(value, datetime):
        return f"{moment(value)} ({age(value)} ago)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return NOTHING
    return plain(str(value))


@register.filter
def plain(text: str) -> str:
    """Show a text of strangers with nothing invisible in it."""
    return visible(str(text))


@register.filter
def set_out(content: Any) -> str:
    """Show JSON set out for reading."""
    return json.dumps(content, indent=2, ensure_ascii=False)


@register.filter
def measurements(measured: dict[str, dict[str, Any]]) -> list[str]:
    """Show measured values with their units."""
    return [f"{name} {one['value']} {one['unit']}".rstrip() for name, one in measured.items()]
