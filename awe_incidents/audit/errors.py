"""Refusals of the audit trail.

AuditError
├── NotInTransaction      a fact was to be recorded outside of the transaction of its change
├── TrailUnavailable      the trail takes no entries now, or nobody signs them
├── SequenceMissing       the row that the sequencer locks is gone
├── AwaitsSignature       no signed checkpoint covers it yet
├── TrailBroken           the rows are not those that were signed
├── HashesMissing         hashes over many entries are not stored
├── KeysNotPublished      no signer has said by which keys it signs
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
├── HeadRefused           a tree head that the signer must not sign
│   ├── HeadShrinks       a smaller tree than was signed
│   ├── HeadForks         another tree than was signed
│   └── RotationRefused   a new key that the old one or itself did not sign
├── SignerRefused         the signer cannot work with its folder
│   ├── SignerRuns        another signer works with it
│   ├── OriginChanged     the folder is of a log of another name
│   ├── LogKeyUnusable    a key that cannot be read, or that others can read
│   ├── KeysRotated       new keys are in force; open them
│   └── ClockBehind       the clock is behind the last signature
├── WitnessRefused        a witness cannot work with its folder
├── AnchorRefused         somebody outside did not take a checkpoint
│   ├── AnchorAway        not now; it is tried again
│   ├── AnchorUnusable    not before somebody configures something
│   └── AnchorContradicts what they hold is not the log that is here
├── ExportRefused         nothing was signed yet, or not what the entries are
├── ErasureRefused        no such text, or no reason to erase it
├── RotationImpossible    no key can take the place of the log's now
├── KeyRefused            text that is no key
│   ├── KeyMalformed      not the form of a verifier or signer key
│   ├── KeyIdWrong        the key id is not that of the key
│   ├── KeyTypeUnknown    a signature type that is not known here
│   └── KeyAmbiguous      two keys with one name and one id
├── NoteRefused           bytes that are no note, or none to believe
│   ├── NoteMalformed     not the form of a signed note
│   ├── SignatureWrong    the signature of a known key does not hold
│   ├── NotSigned         no signature of a known key
│   ├── CheckpointMalformed  the text of a note is no checkpoint
│   └── CosignatureRefused   a cosignature that says nothing, or cannot be made
├── TileRefused           a tile, a bundle of entries or their path that cannot be
│   ├── PathMalformed     no path of a tile
│   ├── TileMalformed     a tile or bundle of another form or width
│   └── TileMissing       a tile that the size demands is not there
├── CommitmentBroken      the text is not the one that an entry commits to
└── ProofRefused          a Merkle proof that does not prove what it should
    └── ProofMalformed    not the form of a proof file
"""

from __future__ import annotations

from collections.abc import Sequence


class AuditError(Exception):
    """Base of what the audit trail refuses."""


class NotInTransaction(AuditError):
    """Record the fact in the transaction of the change it tells of."""


class TrailUnavailable(AuditError):
    """The trail takes no entries now, or nobody signs them, so nothing was changed; try again."""


class SequenceMissing(AuditError):
    """The row that says how far the tree has grown is gone; restore the database."""


class AwaitsSignature(AuditError):
    """No signed checkpoint covers it yet; ask again, as the signer signs within a second while it runs."""


class TrailBroken(AuditError):
    """The entries are not those that were signed: rows were changed, or are gone."""


class HashesMissing(AuditError):
    """Hashes over many entries are not stored, as in an older log; a sequencer makes them when it starts."""


class KeysNotPublished(AuditError):
    """No signer has worked with this database yet, so nobody knows its keys."""


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


class HeadRefused(AuditError):
    """The signer must not sign this tree head."""


class HeadShrinks(HeadRefused):
    """The tree is smaller than one that was signed: entries are missing, or a backup was restored."""


class HeadForks(HeadRefused):
    """The tree is not the one that the entries make: a row was changed, or this is another log."""


class RotationRefused(HeadRefused):
    """An entry tells of a new key of the log that the old key did not sign, or that is not in the signer's folder."""


class SignerRefused(AuditError):
    """The signer cannot work with its folder."""


class SignerRuns(SignerRefused):
    """Another signer works with this folder; two would contradict each other."""


class OriginChanged(SignerRefused):
    """The folder is of a log of another name: a log keeps its name, as those who pinned its keys know it."""


class LogKeyUnusable(SignerRefused):
    """The log's key is missing, cannot be read, or can be read by others."""


class KeysRotated(SignerRefused):
    """From the next checkpoint on other keys sign, those of the last `lines` of the log's keys; open them."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("an entry tells of new keys of the log")
        self.lines = lines


class ClockBehind(SignerRefused):
    """The clock is behind the time of the last signature; nothing is signed until it has passed that."""


class WitnessRefused(AuditError):
    """The witness cannot work with its folder; the message says why."""


class AnchorRefused(AuditError):
    """A checkpoint was not taken by somebody outside; the message says why."""


class AnchorAway(AnchorRefused):
    """It could not be taken now, and is tried again."""


class AnchorUnusable(AnchorRefused):
    """It is not taken before somebody has configured what the message names."""


class AnchorContradicts(AnchorRefused):
    """What they hold is not the log that is here: a rollback, a split view, or two signers."""

    def __init__(self, words: str, *, evidence: bytes = b"") -> None:
        super().__init__(words)
        self.evidence = evidence  # what they answered


class ExportRefused(AuditError):
    """Nothing was signed yet, the entries are not those that were signed, or the folder was begun otherwise."""


class RotationImpossible(AuditError):
    """No new key can take the place of the log's own now: there is none yet, or no reason was given."""


class ErasureRefused(AuditError):
    """There is no such text of such an entry, or no reason was given."""


class KeyRefused(AuditError):
    """The text is no key that can be used here."""


class KeyMalformed(KeyRefused):
    """A verifier key is `<name>+<8 hex digits>+<base64>`, a signer key begins with `PRIVATE+KEY+`."""


class KeyIdWrong(KeyRefused):
    """The key id is not the hash of name, type and key: the text was changed or mistyped."""


class KeyTypeUnknown(KeyRefused):
    """The signature type of the key is not known here."""


class KeyAmbiguous(KeyRefused):
    """Two different keys have one name and one id, so a signature could be of either."""


class NoteRefused(AuditError):
    """The note cannot be believed."""


class NoteMalformed(NoteRefused):
    """A signed note is a text that ends in a newline, an empty line, and lines of signatures."""


class SignatureWrong(NoteRefused):
    """A signature names a known key, and that key did not make it."""


class NotSigned(NoteRefused):
    """No signature is of a known key."""


class CheckpointMalformed(NoteRefused):
    """A checkpoint has a line each for origin, size and root; extension lines may follow."""


class CosignatureRefused(NoteRefused):
    """The cosignature cannot be made or read; the message says why."""


class TileRefused(AuditError):
    """The tiles cannot be read or written."""


class PathMalformed(TileRefused):
    """A tile lies at `tile/<level>/<index>`, a bundle at `tile/entries/<index>`, a partial one at `....p/<width>`."""


class TileMalformed(TileRefused):
    """The tile is not made of its hashes, or the bundle not of its entries."""


class TileMissing(TileRefused):
    """A tile that a tree of this size has is not there."""


class CommitmentBroken(AuditError):
    """Salt and text are not those that the entry commits to."""


class ProofRefused(AuditError):
    """The proof does not show what it should; the message says what is wrong with it."""


class ProofMalformed(ProofRefused):
    """A proof file has a header, an index, hashes and a checkpoint, in this order."""
