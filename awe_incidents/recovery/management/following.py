"""Follow a request while it goes: each change of its state, and each piece of output once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from awe_incidents.recovery.management.documents import request_document
from awe_incidents.recovery.models import OutputChunk
from awe_incidents.recovery.queries import whole_requests
from awe_incidents.recovery.states import FINAL_EXECUTIONS, FINAL_REQUESTS, ExecutionState

PAUSE_SECONDS = 0.3


@dataclass
class Follower:
    """What was told of a request so far; `tell` gets an event as a JSON object, and its words."""

    request_id: int
    tell: Callable[[dict[str, Any], str], None]
    _told: str = ""
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> dict[str, Any]:
        """Tell what is new, and give the request as it is now."""
        with self._lock:
            document = request_document(whole_requests().get(pk=self.request_id))
            self._tell_output(document)
            self._tell_state(document)
            return document

    def _tell_output(self, document: dict[str, Any]) -> None:
        if not document["execution"]:
            return
        new = OutputChunk.objects.filter(execution=document["execution"]["id"], number__gt=self._number)
        for chunk in new.order_by("number"):
            self._number = chunk.number
            event = {"event": "output", "number": chunk.number, "step": chunk.step, "text": chunk.text}
            self.tell(event, f"{chunk.step or '-'}: {chunk.text.rstrip()}")

    def _tell_state(self, document: dict[str, Any]) -> None:
        execution = document["execution"]
        state = execution["state"] if execution else document["state"]
        text = f"request {self.request_id} is {state}"
        if document["waits_for"]:
            text += f"; {document['waits_for']}"
        if execution and execution["outcome"]:
            text += f", effect {execution['effect']}: {execution['outcome']}"
        if text != self._told:
            self._told = text
            self.tell({"event": "state", "state": state, "waits_for": document["waits_for"]}, text)


def has_ended(document: dict[str, Any]) -> bool:
    """Say whether nothing more will come by itself; an unknown outcome waits for a probe or a person."""
    execution = document["execution"]
    if execution:
        return execution["state"] in {*FINAL_EXECUTIONS, ExecutionState.OUTCOME_UNKNOWN}
    return document["state"] in FINAL_REQUESTS


def follow(follower: Follower, *, seconds: float | None) -> dict[str, Any]:
    """Tell until it has ended, or for so long."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        document = follower.look()
        if has_ended(document) or (deadline is not None and time.monotonic() >= deadline):
            return document
        time.sleep(PAUSE_SECONDS)


def while_following(follower: Follower, do: Callable[[], None]) -> dict[str, Any]:
    """Do something in this thread, tell of it from another, and give the request as it is afterwards."""
    done = threading.Event()

    def look_on() -> None:
        try:
            while not done.wait(PAUSE_SECONDS):
                follower.look()
        finally:
            connection.close()

    looking = threading.Thread(target=look_on, name="follow", daemon=True)
    looking.start()
    try:
        do()
    finally:
        done.set()
        looking.join()
    return follower.look()
