"""Entries of the trail told as a story: one sentence each, in the order of the log, with the time since the first.

Told of the signed bytes and of the texts that are still there; whatever has no sentence here is told by its verb.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from awe_incidents.audit.models import Entry
from awe_incidents.audit.queries import Shown, shown_entries

NOT_SAID = "?"  # what a sentence asks for and an entry of another version does not hold
SENTENCES: Mapping[str, str] = {
    "incident:opened": "{who} opens incident {incident}",
    "incident:acknowledged": "{who} takes up incident {incident}",
    "incident:resolved": "{who} resolves incident {incident}",
    "incident:reopened": "{who} opens incident {incident} again",
    "incident:closed": "{who} closes incident {incident}",
    "incident:classified": "{who} says how bad incident {incident} is, and what it is about",
    "incident:suggested": "{who} suggests what incident {incident} is about",
    "run:requested": "{who} asks for run {subject}",
    "manual_action:recorded": "{who} records what was done by hand",
    "recovery_request:requested": "{who} asks for {action} on {target} (request {request}, tier {tier})",
    "recovery_request:approved": "{who} approves request {request}",
    "recovery_request:denied": "{who} denies request {request}, for good",
    "recovery_request:withdrawn": "{who} withdraws request {request}",
    "recovery_request:expired": "request {request} expires",
    "recovery_request:invalidated": "request {request} is not what was approved any more, and does not start",
    "recovery_request:cancelled": "{who} cancels request {request}",
    "recovery_request:glass_broken": "{who} breaks the glass for request {request}; its review is due by {due_at}",
    "recovery_request:notified": "a mail to somebody who may review the break-glass of request {request}: {outcome}",
    "recovery_request:reviewed": "{who} reviews the break-glass of request {request}: {verdict}",
    "execution:claimed": "a worker takes execution {execution} of {action}, claim {fence}",
    "execution:released": "the worker gives execution {execution} back; nothing was done",
    "execution:intended": "the worker writes down what it is about to do and waits until that is signed",
    "execution:started": "entry {intent} with the intent stands in a signed checkpoint; the first step begins",
    "execution:step_done": "step {step} is done",
    "execution:step_failed": "step {step} is refused and changed nothing",
    "execution:steps_done": "every step is done ({steps}); the target is looked at anew",
    "execution:cancel_asked": "{who} asks execution {execution} to stop before its next step",
    "execution:outcome_unknown": "nobody knows how execution {execution} ended; its target stays locked",
    "execution:finished": "execution {execution} of {action} ended: {to}, effect {effect}",
    "execution:rechecked": "run {run} looked again: {passed} of {failed} checks that had failed pass",
}


def story_of(incident_id: int, *, with_texts: bool = True) -> Iterator[str]:
    """Tell the entries of an incident, a sentence each."""
    entries = Entry.objects.filter(incident_id=incident_id).order_by("id")
    return told(shown_entries(entries), with_texts=with_texts)


def told(shown: Iterable[Shown], *, with_texts: bool = True) -> Iterator[str]:
    """Tell entries in the order that they are given in; without texts nobody is named and no reason given."""
    first: datetime | None = None
    for one in shown:
        first = first or one.entry.occurred_at
        since = max(0.0, (one.entry.occurred_at - first).total_seconds())
        yield f"+{since:.0f} s  {_sentence(one, with_texts=with_texts)}"


def _sentence(shown: Shown, *, with_texts: bool) -> str:
    content = shown.content
    if content is None:
        return f"the bytes of entry {shown.entry.pk} are no entry any more"
    texts = {one.field: one.value or "(erased)" for one in shown.texts} if with_texts else {}
    words = _words(content, texts)
    sentence = SENTENCES.get(str(content.get("verb", "")), "{who}: {verb} {subject}").format_map(_Known(words))
    because = texts.get("because")
    said = f"{sentence[0].upper()}{sentence[1:]}" + (f": “{because}”" if because else "")
    despite = texts.get("private.despite_failed_checks")
    return said + (f"; though checks did not pass: “{despite}”" if despite else "") + "."


def _words(content: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, str]:
    data, subject = content.get("data") or {}, content.get("subject") or {}
    actor = content.get("actor") or {}
    name = texts.get("actor.name") or str(actor.get("id") or "")
    who = "the service" if actor.get("kind") == "service" else " ".join(filter(None, [str(actor.get("kind")), name]))
    verb = str(content.get("verb", "")).replace(":", " ").replace("_", " ")
    words = {key: _said(value) for key, value in data.items()}
    words |= {"target": words["target"] or "the whole stack"} if "target" in words else {}
    incident = str(content.get("incident") or NOT_SAID)
    return {**words, "who": who, "verb": verb, "subject": str(subject.get("id", "")), "incident": incident}


def _said(value: Any) -> str:
    if isinstance(value, list):
        return str(len(value))
    return str(value).replace("_", " ") if isinstance(value, str) and "." not in value else str(value)


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return NOT_SAID
