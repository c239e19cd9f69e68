"""The redactor of one stack: its key, its known secrets and the compiled rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnostics.redaction.blocks import ANCHOR as BLOCK_ANCHOR
from diagnostics.redaction.known import KnownSecret, KnownSecrets
from diagnostics.redaction.line import LineRedactor
from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.receipt import Redacted
from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import OPTIONAL_RULES, RULE_SET_VERSION, RULES
from diagnostics.redaction.stream import Stream
from diagnostics.redaction.tokens import TokenMint

# Lines with invisible characters are always candidates: those could stand inside a word that an anchor looks for.
_INVISIBLE = r"[\x01-\x08\x0e-\x1a\x7f]|\xc2\xad|\xe2\x80[\x8b-\x8f]|\xef\xbb\xbf"
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

    def __init__(self, key: bytes, known_secrets: Sequence[KnownSecret] = (), options: Options = Options()) -> None:  # noqa: B008
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the redaction key has {len(key)} bytes; give at least {MIN_KEY_BYTES} random ones")
        rules = [rule for rule in RULES if _is_wanted(rule, options)]
        known = KnownSecrets(known_secrets, keep_words=options.keep_words)
        self.weak_secret_names = known.weak_names
        self._lines = LineRedactor(rules=rules, known=known, mint=TokenMint(key))
        self._prefilter = compile_pattern(prefilter_pattern(rules, known))

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

    def __repr__(self) -> str:
        """Show neither key nor secrets."""
        return f"<Redactor rules={RULE_SET_VERSION}>"


def prefilter_pattern(rules: Sequence[Rule], known: KnownSecrets) -> str:
    """Give the union of all anchors; a line that it does not hit cannot hold a secret."""
    anchors = [_INVISIBLE, BLOCK_ANCHOR, *(_anchor(rule) for rule in rules)]
    if known.anchor:
        anchors.append(known.anchor)
    return "(?m)" + "|".join(f"(?:{anchor})" for anchor in dict.fromkeys(anchors))


def _anchor(rule: Rule) -> str:
    if rule.anchor:
        return rule.anchor
    return "(?i)" + "|".join("".join(f"\\x{ord(sign):02x}" for sign in word) for word in rule.keywords)


def _is_wanted(rule: Rule, options: Options) -> bool:
    option = OPTIONAL_RULES.get(rule.id)
    return option is None or bool(getattr(options, option))
