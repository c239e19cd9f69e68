"""Refusals of the audit trail.

AuditError
├── NotInTransaction      a fact was to be recorded outside of the transaction of its change
├── TrailUnavailable      the trail takes no entries now
├── EntryRefused          this content cannot be an entry
│   ├── EntryTooLarge     over 65,535 bytes
│   ├── FloatNotAllowed   a number with fraction or exponent, or NaN
│   ├── IntegerTooLarge   an integer that a double cannot hold exactly
│   ├── KeyNotText        an object key that is no string
│   ├── NestedTooDeeply   more levels than a reader need follow
│   ├── TextNotUnicode    a lone surrogate
│   ├── TimeNotAllowed    a time without zone
│   └── TypeNotAllowed    a value that JSON does not have
├── SaltTooShort          a commitment with a guessable salt
├── NotCanonical          bytes that are not the canonical form of what they say
│   └── DuplicateKey      a key twice in one object
├── FrontierBroken        a stored tree frontier that fits no tree
└── ProofRefused          a Merkle proof that does not prove what it should
"""

from __future__ import annotations


class AuditError(Exception):
    """Base of what the audit trail refuses."""


class NotInTransaction(AuditError):
    """Record the fact in the transaction of the change it tells of."""


class TrailUnavailable(AuditError):
    """The trail takes no entries now, so nothing was changed; try again."""


class EntryRefused(AuditError):
    """This content cannot be an entry; the message names the place as a JSON pointer, never the value."""


class EntryTooLarge(EntryRefused):
    """The entry is over 65,535 bytes: keep large content outside and record its digest."""


class FloatNotAllowed(EntryRefused):
    """Programs write floats differently: record an integer in a smaller unit, or text."""


class IntegerTooLarge(EntryRefused):
    """The integer is 2^53 or beyond, which other JSON readers round: record it as text."""


class KeyNotText(EntryRefused):
    """JSON objects have strings as keys."""


class NestedTooDeeply(EntryRefused):
    """Make the content flatter."""


class TextNotUnicode(EntryRefused):
    """The text holds a lone surrogate, which UTF-8 cannot write: normalize it first."""


class TimeNotAllowed(EntryRefused):
    """A time needs a zone and must be between the years 1 and 9999 in UTC."""


class TypeNotAllowed(EntryRefused):
    """JSON has no such value: record an id, a number, text, a list or an object."""


class SaltTooShort(AuditError):
    """A commitment needs a random salt of 16 to 255 bytes, or the text behind it can be guessed."""


class NotCanonical(AuditError):
    """The bytes are not the canonical JSON (RFC 8785) of what they say."""


class DuplicateKey(NotCanonical):
    """A key stands twice in one object, so that two readers may see two contents."""


class FrontierBroken(AuditError):
    """The stored size and hashes fit no tree; restore them from the entries."""


class ProofRefused(AuditError):
    """The proof does not show what it should; the message says what is wrong with it."""
