"""Entries in plain words: what a verb says, who acts, and what each text behind a commitment is (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_incidents.audit.queries import Shown

ERASED = "erased"
_TEXTS = {
    "actor.name": "Name of who did it",
    "actor.address": "Address it was done from",
    "because": "Reason that was given",
}


def said(verb: str) -> str:
    """Say a verb: `bug_report:filed` is `Bug report filed`."""
    return " ".join(verb.replace("_", " ").replace(":", " ").split()).capitalize()


def field_words(name: str) -> str:
    """Say what the text behind a commitment is."""
    return _TEXTS.get(name) or name.removeprefix("private.").replace("_", " ").replace(".", " ").capitalize()


def sentence(shown: Shown) -> str:
    """Say in one sentence what was recorded, of the signed bytes and of the texts that are still there."""
    content, texts = shown.content or {}, {one.field: one.value for one in shown.texts}
    what = said(str(content.get("verb", ""))) or "Something that is no entry"
    parts = [f"{what}: {_subject(content)}, by {_actor(content, texts)}"]
    if address := texts.get("actor.address"):
        parts.append(f"from {address}")
    if content.get("incident") is not None:
        parts.append(f"in incident #{content['incident']}")
    if because := texts.get("because"):
        parts.append(f"because “{because}”")
    return ", ".join(parts) + "."


def _subject(content: Mapping[str, Any]) -> str:
    subject = _part(content, "subject")
    return f"{subject.get('type', 'something')} {subject.get('id', '')}".rstrip()


def _actor(content: Mapping[str, Any], texts: Mapping[str, str | None]) -> str:
    actor = _part(content, "actor")
    kind, number = str(actor.get("kind") or "nobody"), actor.get("id")
    name = (texts.get("actor.name") or ERASED) if "actor.name" in texts else ""
    words = " ".join(filter(None, [kind, "" if number is None else str(number), f"({name})" if name else ""]))
    if actor.get("token"):
        words += f" with token {actor['token']}"
    return f"{words} for {actor['on_behalf_of']}" if actor.get("on_behalf_of") else words


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = content.get(name)
    return part if isinstance(part, Mapping) else {}
