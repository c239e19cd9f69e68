"""Checkpoints by C2SP tlog-checkpoint: the text of a note that says how large a log is, and the root of its tree."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Self

from awe_incidents.audit.errors import CheckpointMalformed
from awe_incidents.audit.merkle import HASH_BYTES
from awe_incidents.audit.note import decoded

MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log signs: `bytes()` gives the exact text, `parse` reads nothing else."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or any(one < " " for one in line):
                raise CheckpointMalformed("the lines of a checkpoint are not empty and hold no control characters")
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointMalformed(f"a tree cannot have {self.size} leaves")
        if len(self.root) != HASH_BYTES:
            raise CheckpointMalformed(f"a root has {HASH_BYTES} bytes, not {len(self.root)}")

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read the text of a note; raises CheckpointMalformed."""
        try:
            lines = text.decode().split("\n")
        except UnicodeDecodeError:
            raise CheckpointMalformed("the checkpoint is not UTF-8") from None
        if lines.pop() != "" or len(lines) < 3:
            raise CheckpointMalformed("a checkpoint has three lines at least, and each ends in a newline")
        origin, size, root, *extensions = lines
        hash_of_tree = decoded(root)
        if hash_of_tree is None:
            raise CheckpointMalformed("the root is not base64")
        return cls(origin, decimal(size), hash_of_tree, tuple(extensions))

    def __bytes__(self) -> bytes:
        """Give the text that is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions)).encode()


def decimal(digits: str) -> int:
    """Read a number that has one form only: ASCII digits, no sign, no leading zero; raises CheckpointMalformed."""
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(MAX_SIZE)):
        raise CheckpointMalformed("a number is written in ASCII digits only")
    if digits[0] == "0" and digits != "0":
        raise CheckpointMalformed("a number has no leading zeros")
    return int(digits)
