"""The head of the tree as the signer holds it: grown from the bytes of entries, small enough for a file beside the key.

The signer takes its last head from its file, grows it by the bytes of the new entries, holds the result against what
the database says, stores it, and only then signs its checkpoint.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from awe_incidents.audit import merkle
from awe_incidents.audit.checkpoint import Checkpoint, decimal
from awe_incidents.audit.errors import CheckpointMalformed, FrontierBroken, HeadForks, HeadShrinks
from awe_incidents.audit.note import decoded

_FORMAT = "awe-tree-head/v1"
_SUM_BYTES = 65  # SHA-256 in hex, and a newline


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A log's origin and size, and the roots of the complete subtrees that its tree is made of (`merkle.Frontier`)."""

    origin: str
    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def grown(self, entries: Iterable[bytes]) -> TreeHead:
        """Give the head after these entries; raises FrontierBroken."""
        frontier = merkle.Frontier(self.size, self.hashes)
        for entry in entries:
            frontier.append(merkle.leaf_hash(entry))
        return TreeHead(self.origin, frontier.size, frontier.hashes)

    def checkpoint(self) -> Checkpoint:
        """Give what is to be signed."""
        return Checkpoint(self.origin, self.size, merkle.Frontier(self.size, self.hashes).root())

    def check(self, *, size: int, root: bytes) -> None:
        """Hold what somebody else says of the log against this head.

        Raises: HeadShrinks, where they have fewer entries; HeadForks, where they have others.
        """
        if size < self.size:
            raise HeadShrinks(f"the log had {self.size} entries and is said to have {size}")
        if size > self.size or root != self.checkpoint().root:
            raise HeadForks(f"the {self.size} entries do not make the tree of {size} that the log is said to have")

    def dump(self) -> bytes:
        """Give the head as text, for the signer's file; its last line is a sum that tells a torn file."""
        lines = [_FORMAT, self.origin, str(self.size), *(base64.b64encode(item).decode() for item in self.hashes)]
        content = "".join(f"{line}\n" for line in lines).encode()
        return content + sha256(content).hexdigest().encode() + b"\n"

    @classmethod
    def load(cls, data: bytes) -> Self:
        """Read what `dump` gave; raises FrontierBroken."""
        content, checksum = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
        if checksum != sha256(content).hexdigest().encode() + b"\n":
            raise FrontierBroken("the stored head is torn; restore it from the entries")
        try:
            first, origin, size, *encoded, _ = content.decode().split("\n")
            head = cls(origin, decimal(size), tuple(decoded(line) or b"" for line in encoded))
            head.checkpoint()
        except (ValueError, CheckpointMalformed):
            raise FrontierBroken("the stored head cannot be read; restore it from the entries") from None
        if first != _FORMAT:
            raise FrontierBroken("the stored head is of another form")
        return head
