"""Tags and filters of the desk's templates; everything that they give is escaped."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from awe_incidents.incidents.models import TimelineEntry
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.recovery.models import ManualAction, RecoveryRequest
from awe_incidents.triage.causes import page_address, search_address
from awe_incidents.triage.entry_filter import trail_address
from awe_incidents.triage.facts import address as address_of
from awe_incidents.triage.labels import KINDS, distance, moment
from awe_incidents.triage.labels import age as age_of
from awe_incidents.triage.texts import visible
from awe_incidents.triage.trail_links import trails_of

register = template.Library()
NOTHING = "-"
register.filter("moment", moment)
register.simple_tag(trail_address, name="trail")


@register.simple_tag
def label(key: str, words: str = "") -> SafeString:
    """Show a state in the color of its kind."""
    return format_html('<span class="desk-label desk-{}">{}</span>', kind(key), words or key.replace("_", " "))


@register.simple_tag
def address(thing: Any, part: str = "change") -> str:
    """Give the desk's address of a row."""
    return address_of(thing, part=part)


@register.simple_tag(takes_context=True)
def trails(context: Context, thing: Any) -> list[tuple[str, str]]:
    """Give where the trail tells of a row, in words and as addresses; nothing for who may not read the trail."""
    return trails_of(thing, context["request"].user)


@register.inclusion_tag("triage/parts/how_to.html")
def how_to(code: str, title: str) -> dict[str, str]:
    """Lead to the page of a cause, and to the search for the words of its title."""
    return {"page": page_address(code), "search": search_address(title)}


@register.simple_tag
def overdue(due_at: datetime) -> SafeString:
    """Say of a time that it is past."""
    return label("overdue") if due_at < timezone.now() else SafeString("")


@register.simple_tag
def recovery_link(entry: TimelineEntry) -> SafeString:
    """Lead from a line of an incident's history to the request, manual action or alarm that it tells of."""
    for name, model in (("request", RecoveryRequest), ("manual_action", ManualAction), ("alarm", Alarm)):
        number = entry.data.get(name)
        if isinstance(number, int) and entry.kind.startswith(("recovery_", "manual_action", "alarm_")):
            return format_html(' <a href="{}">see it</a>', address_of(model, number))
    return SafeString("")


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
        return f"{moment(value)} ({distance(value, now=timezone.now())})"
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
def coded(text: str) -> SafeString:
    """Show what stands between backquotes, in a text of ours, as code."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if at % 2 else part,) for at, part in parts)
    )


@register.filter
def grouped(number: int) -> str:
    """Show a whole number with its thousands apart."""
    return f"{number:,}"


@register.filter
def set_out(content: Any) -> str:
    """Show JSON set out for reading."""
    return json.dumps(content, indent=2, ensure_ascii=False)


@register.filter
def measurements(measured: dict[str, dict[str, Any]]) -> list[str]:
    """Show measured values with their units."""
    return [f"{name} {one['value']} {one['unit']}".rstrip() for name, one in measured.items()]
