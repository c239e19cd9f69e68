"""Show logs redacted while they are written: lines leave here whole, cleaned and redacted, or not at all."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from diagnostics.looking.redacting import stack_redactor
from diagnostics.probes.log_cleaner import Cleaner
from diagnostics.probes.log_source import LogSource
from diagnostics.redaction import Redactor, Stream
from diagnostics.stack import SecretResolver, StackConfig, freshness

POLL_SECONDS = 0.2
FRESH_SECONDS = 2.0  # how often it is looked whether a secret was rotated
PATIENCE_SECONDS = 3.0  # then it is said that lines are held back
KEY_BYTES = 32


@dataclass(slots=True)
class StackRedactor:
    """The redactor of a stack, made anew when a secret behind `env:` or `file:` changes."""

    stack: StackConfig
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(KEY_BYTES), repr=False)
    _marks: object = field(default=None, repr=False)
    _redactor: Redactor | None = None

    def changed(self) -> Redactor | None:
        """Give a redactor where the last one given does not know every secret any more, else None."""
        references = list(self.stack.secret_references())
        marks = tuple(freshness(one, root=self.stack.root) for one in references)
        if self._redactor is not None and marks == self._marks:
            return None
        values = SecretResolver(self.stack.root).revealed(iter(references))
        self._marks, self._redactor = marks, stack_redactor(self.stack, key=self._key, secrets=values)
        return self._redactor


@dataclass(slots=True)
class Feed:
    """One source on its way through cleaner and redactor."""

    source: LogSource
    stream: Stream = field(repr=False)
    cleaner: Cleaner = field(default_factory=Cleaner, repr=False)
    quiet_since: float = 0.0
    is_told: bool = False
    _begun: bytes = field(default=b"", repr=False)  # of a line that is too long to be shown whole

    def lines(self) -> list[str] | None:
        """Give the lines that are ready, None where the source has nothing now.

        Raises: RedactionFailed.
        """
        data = self.source.read()
        if not data:
            return None
        return self._whole_lines(self.stream.feed(self.cleaner.feed(data)))

    def rest(self) -> list[str]:
        """Give what waited, for a log that is read to its end.

        Raises: RedactionFailed.
        """
        rest = self.stream.feed(self.cleaner.feed(b"", last=True)) + self.stream.finish()
        return self._whole_lines(rest + b"\n" if rest and not rest.endswith(b"\n") else rest)

    def _whole_lines(self, data: bytes) -> list[str]:
        whole, end, self._begun = (self._begun + data).rpartition(b"\n")
        return whole.decode("utf-8", "replace").split("\n") if end else []


@dataclass(kw_only=True)
class Following:
    """Feeds, and where their lines and what is to say about them go; `show` gets a source's name with its lines."""

    feeds: Sequence[Feed]
    redactor: StackRedactor
    show: Callable[[str, Sequence[str]], None]
    note: Callable[[str], None]
    poll_seconds: float = POLL_SECONDS
    _fresh_until: float = 0.0

    def read_to_end(self) -> None:
        """Show what is there.

        Raises: RedactionFailed.
        """
        for feed in self.feeds:
            while (lines := feed.lines()) is not None:
                self._tell(feed, lines)
            self._tell(feed, feed.rest())

    def follow(self) -> None:
        """Show what is there and what comes, until interrupted; what waits then is not shown, and that is said.

        Raises: RedactionFailed, KeyboardInterrupt.
        """
        try:
            while True:
                self._renew()
                have_come = [self._turn(feed) for feed in self.feeds]  # a busy one must not keep us from the others
                if not any(have_come):
                    time.sleep(self.poll_seconds)
        finally:
            for feed in self.feeds:
                if waiting := feed.stream.waiting_lines:
                    self.note(f"{feed.source.name}: {waiting} line(s) not shown: unfinished, or perhaps a key's")

    @property
    def removed(self) -> Counter[str]:
        """Count what was removed so far, by rule."""
        return sum((Counter(feed.stream.receipt.counts) for feed in self.feeds), Counter())

    def _turn(self, feed: Feed) -> bool:
        lines = feed.lines()
        if lines is not None:
            feed.quiet_since, feed.is_told = time.monotonic(), False
        elif not feed.is_told and feed.stream.waiting_lines and self._is_quiet(feed):
            feed.is_told = True
            self.note(f"{feed.source.name}: lines wait for what comes next: unfinished, or perhaps a key's")
        self._tell(feed, lines or [])
        return lines is not None

    def _is_quiet(self, feed: Feed) -> bool:
        return time.monotonic() - feed.quiet_since > PATIENCE_SECONDS

    def _tell(self, feed: Feed, lines: Sequence[str]) -> None:
        for happened in feed.source.happened():
            self.note(happened)
        if lines:
            self.show(feed.source.name, lines)

    def _renew(self) -> None:
        if time.monotonic() < self._fresh_until:
            return
        self._fresh_until = time.monotonic() + FRESH_SECONDS
        if redactor := self.redactor.changed():
            for feed in self.feeds:
                redactor.take_over(feed.stream)
