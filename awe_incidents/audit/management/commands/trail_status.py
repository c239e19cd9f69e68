"""Tell how the trail is doing."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from awe_incidents.audit.models import Anchor
from awe_incidents.audit.queries import KnownKey
from awe_incidents.audit.state import TrailState, alarms_of, trail_state


class Command(BaseCommand):
    """`manage.py trail_status`"""

    help = (
        "Say what the signer, witnesses and other anchors of the trail last did. Exit code 1: there is an alarm "
        "(docs/audit.md says what each means)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the form."""
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print, and exit with 1 where there is an alarm."""
        state = trail_state()
        alarms = alarms_of(state)
        self.stdout.write(
            json.dumps(_as_json(state, alarms), indent=1) if options["json"] else _as_words(state, alarms)
        )
        if alarms:
            sys.exit(1)


def _as_json(state: TrailState, alarms: list[str]) -> dict[str, Any]:
    signed = state.newest and {"size": state.newest.size, "at": _moment(state.newest.signed_at)}
    anchors = [_anchor_as_json(one) for one in state.anchors]
    keys = list(map(asdict, state.keys))
    return {"entries": state.placed, "signed": signed, "keys": keys, "anchors": anchors, "alarms": alarms}


def _anchor_as_json(anchor: Anchor) -> dict[str, Any]:
    texts = {name: getattr(anchor, name) for name in ("name", "kind", "size", "answer", "alarm", "evidence")}
    times = {name: _moment(getattr(anchor, name)) for name in ("held_at", "since", "asked_at", "alarm_at")}
    return {**texts, **times}


def _as_words(state: TrailState, alarms: list[str]) -> str:
    lines = [f"{state.placed or 0:,} entries have their places in the tree."]
    if state.newest is None:
        lines.append("Nothing is signed yet.")
    else:
        lines.append(f"The signer signed {state.newest.size:,} of them at {_moment(state.newest.signed_at)}.")
    lines += [f"Checkpoints of entries {key.first} to {_end(key)} are signed by {key.vkey}." for key in state.keys]
    for one in state.anchors:
        held = f"holds {one.size:,} entries since {_moment(one.held_at)}" if one.held_at else "holds nothing yet"
        lines.append(f"{one.kind} {one.name} {held}; last at {_moment(one.asked_at)}: {one.answer}")
    if not state.anchors:
        lines.append("No checkpoint is held outside: an auditor will find all entries UNANCHORED (docs/audit.md).")
    return "\n".join([*lines, *(f"ALARM {words}" for words in alarms)])


def _end(key: KnownKey) -> str:
    return "the newest" if key.last is None else str(key.last)


def _moment(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None
