"""The redactor of one stack: its key, its known secrets and the compiled rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnostics.redaction.known import KnownSecret, KnownSecrets
from diagnostics.redaction.line import LineRedactor
from diagnostics.redaction.prefilter import Prefilter
from diagnostics.redaction.receipt import Redacted
from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import GROUPS, OPTIONAL_RULES, RULE_SET_VERSION
from diagnostics.redaction.stream import Stream
from diagnostics.redaction.tokens import TokenMint

MIN_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to take out besides credentials, and words that stay although a known secret equals them.

    E-mail addresses go by default: they name a person, evidence is kept for more than a year and is read by people of
    other teams, and no diagnosis needs them; user names, which diagnoses do need, stay. Card numbers are off: a stack
    that handles none only has ids that look like them.
    """

    emails: bool = True
    cards: bool = False
    keep_words: frozenset[str] = frozenset()


class Redactor:
    """Takes secrets out of texts and streams; may be shared by threads, while a stream may not."""

    def __init__(self, key: bytes, known_secrets: Sequence[KnownSecret] = (), options: Options = Options()) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the redaction key has {len(key)} bytes; give at least {MIN_KEY_BYTES} random ones")
        groups = _wanted(options)
        known = KnownSecrets(known_secrets, keep_words=options.keep_words)
        self.weak_secret_names = known.weak_names
        self._mint = TokenMint(key)
        self._lines = LineRedactor(groups=groups, known=known, mint=self._mint)
        self._prefilter = Prefilter(groups, known)

    def text(self, text: str) -> Redacted:
        """Redact a text.

        Raises: RedactionFailed, which holds nothing of the text.
        """
        stream = self.stream()
        done = stream.feed(text.encode("utf-8", "surrogatepass")) + stream.finish()
        return Redacted(done.decode("utf-8", "surrogatepass"), stream.receipt)

    def stream(self) -> Stream:
        """Begin a stream of bytes."""
        return Stream(lines=self._lines, prefilter=self._prefilter, rule_set_version=RULE_SET_VERSION)

    def fingerprint(self, secret: str) -> str:
        """Give the 8 hex digits that stand for a secret in its marks, so that equal secrets of a stack are seen."""
        return self._mint.fingerprint(secret.encode("utf-8", "surrogateescape"))

    def take_over(self, stream: Stream) -> None:
        """Let a stream that another redactor began go on with what this one knows."""
        stream.renew(lines=self._lines, prefilter=self._prefilter)

    def __repr__(self) -> str:
        """Show neither key nor secrets."""
        return f"<Redactor rules={RULE_SET_VERSION}>"


def _wanted(options: Options) -> list[list[Rule]]:
    """Give the groups without the rules that the options leave out."""
    return [[rule for rule in group if getattr(options, OPTIONAL_RULES.get(rule.id, ""), True)] for group in GROUPS]
