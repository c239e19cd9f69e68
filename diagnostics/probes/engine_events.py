"""What an engine tells of its containers: one event a line, as it told it (pure).

An engine keeps the last 256 events of everything in its memory, and none over its own restart (moby, daemon/events).
So whoever asks late asks for all of them, and looks whether the last one that they know is still there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from diagnostics.probes.engine_failures import EngineFailure
from diagnostics.probes.legible import legible

CONTAINER = "container"
MAX_BYTES = 20_000_000  # 256 events of containers whose labels are long are far less
NANOSECONDS = 1_000_000_000
SIGNAL, MAX_SIGNAL = re.compile("[0-9]{1,2}"), 64


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One thing that happened, by the engine's clock; its texts are legible.

    An engine writes a container's labels over what it says of an event, so whoever made the container chose them.
    """

    nanoseconds: int  # since 1970
    kind: str  # container, network, volume, image ...
    action: str  # start, die, exec_start ...
    command: str  # of an exec: its words, joined by spaces
    container: str  # id; of another kind of thing, what that is called
    attributes: Mapping[str, str] = field(repr=False)  # labels of the container among them

    @property
    def at(self) -> datetime:
        """When, to the microsecond."""
        seconds, rest = divmod(self.nanoseconds, NANOSECONDS)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)

    @property
    def key(self) -> str:
        """The same for the same event, however often it is read."""
        words = (self.nanoseconds, self.kind, self.action, self.container, self.attributes.get("execID", ""))
        return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()[:32]

    @property
    def name(self) -> str:
        """The container's name."""
        return self.attributes.get("name", "")

    @property
    def signal(self) -> int:
        """The number of the signal of a kill; 0 where there is none, or a label stands in its place."""
        said = self.attributes.get("signal", "")
        return number if SIGNAL.fullmatch(said) and (number := int(said)) <= MAX_SIGNAL else 0


def read_events(blocks: Iterable[bytes]) -> list[EngineEvent]:
    """Read what an engine tells. Raises: EngineFailure, where that is something else."""
    return [_event(document) for document in _documents(blocks)]


def _documents(blocks: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    rest, size = b"", 0
    for block in blocks:
        size += len(block)
        if size > MAX_BYTES:
            raise EngineFailure("engine.too_much", "the engine tells more events than a probe reads")
        *lines, rest = (rest + block).split(b"\n")
        yield from map(_document, filter(bytes.strip, lines))
    if rest.strip():
        yield _document(rest)


def _document(line: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise EngineFailure("engine.protocol", "what the engine gave as an event is none")
    return found


def _event(document: Mapping[str, Any]) -> EngineEvent:
    actor = document.get("Actor") or {}
    action, _, command = _text(document.get("Action") or document.get("status")).partition(": ")
    attributes = {_text(name): _text(value) for name, value in (actor.get("Attributes") or {}).items()}
    return EngineEvent(
        nanoseconds=int(document.get("timeNano") or int(document.get("time") or 0) * NANOSECONDS),
        kind=_text(document.get("Type") or CONTAINER),
        action=action,
        command=command.strip(),
        container=_text(actor.get("ID") or document.get("id")),
        attributes=attributes,
    )


def _text(said: Any) -> str:
    return "" if said is None else legible(str(said))
