"""Keep what an execution says: redacted first, in bounded chunks with their digests, never without the fence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from awe_incidents.recovery.models import OutputChunk
from awe_incidents.recovery.operations.holding import Held
from diagnostics.models import Stack
from diagnostics.probes.legible import legible
from diagnostics.queries import redactor_of

MAX_CHUNK_CHARACTERS = 16_000
MAX_OUTPUT_CHARACTERS = 2_000_000
CUT = "[cut: more output than is kept]"


class Output:
    """The output of one execution; what a step says is one stream, as a secret may lie across several of its lines."""

    def __init__(self, held: Held, stack: Stack) -> None:
        self._held, self._stack, self._redactor = held, stack, redactor_of(stack)
        self._stream, self._step = self._redactor.stream(), ""
        self._learned: list[str] = []
        self._number = self._kept = 0

    def learn(self, secret: str) -> None:
        """Take a secret that was made just now out of what is said from here on."""
        self._learned.append(secret)
        self._redactor = redactor_of(self._stack, also=self._learned)
        self._redactor.take_over(self._stream)

    def clean(self, text: str) -> str:
        """Redact another text of this execution: an outcome, or a traceback. Raises: RedactionFailed."""
        return legible(self._redactor.text(text).text)

    def clean_all(self, value: Any) -> Any:
        """Redact the texts in JSON. Raises: RedactionFailed."""
        if isinstance(value, Mapping):
            return {self.clean(str(name)): self.clean_all(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean_all(one) for one in value]
        return self.clean(value) if isinstance(value, str) else value

    def say(self, text: str, *, step: str = "") -> None:
        """Keep whole lines of text; nothing after the limit but that there was more.

        Raises: LeaseLost, RedactionFailed.
        """
        if step != self._step:
            self.finish()
            self._step = step
        self._keep_all(self._stream.feed(text.encode("utf-8", "surrogatepass") + b"\n"))

    def finish(self) -> None:
        """Keep what was held back until it was clear what follows. Raises: LeaseLost, RedactionFailed."""
        rest, self._stream = self._stream.finish(), self._redactor.stream()
        self._keep_all(rest)

    def _keep_all(self, redacted: bytes) -> None:
        clean = legible(redacted.decode("utf-8", "surrogatepass").removesuffix("\n"))
        for start in range(0, len(clean), MAX_CHUNK_CHARACTERS):
            if self._kept > MAX_OUTPUT_CHARACTERS:
                return
            chunk = clean[start : start + MAX_CHUNK_CHARACTERS]
            self._kept += len(chunk)
            self._keep(chunk if self._kept <= MAX_OUTPUT_CHARACTERS else CUT)

    def _keep(self, text: str) -> None:
        self._number += 1
        with self._held.writing() as (execution, _):
            OutputChunk.objects.create(
                execution=execution,
                number=self._number,
                fence=self._held.fence,
                step=self._step,
                text=text,
                sha256=hashlib.sha256(text.encode()).hexdigest(),
            )
