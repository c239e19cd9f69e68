"""Where dumps of a database are made and lie: what an action wants of a place, whichever that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Protocol

from awe_incidents.recovery.actions.base import Doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How pg_dump writes a dump."""

    format: str  # custom or plain, in pg_dump's words
    look: str  # a line of a script, which sees that `.$1.part` is whole


class Part(StrEnum):
    """What is known of the unfinished file beside a dump."""

    NONE = "none"
    MAY_BE_WRITTEN = "may_be_written"
    LEFT = "left"  # nobody writes it any more


class DumpFile(Protocol):
    """The file of one dump, as it is looked at where it lies; nothing of this changes it."""

    def is_there(self) -> bool:
        """Say whether it has its name."""

    def part(self) -> Part:
        """Say how its unfinished file stands."""

    def checksum(self) -> str:
        """Calculate its SHA-256; "" where it cannot be read."""

    def noted_checksum(self) -> str:
        """Give what the file beside it notes; "" where that notes nothing."""

    def size_bytes(self) -> int:
        """Give its size; 0 where it cannot be seen."""

    def is_listed(self) -> bool:
        """Say whether pg_restore lists what is in it."""

    def head(self, count: int) -> bytes:
        """Give its first bytes."""

    def tail(self, count: int) -> bytes:
        """Give its last bytes."""

    def opened(self, *, size_bytes: int) -> AbstractContextManager[BinaryIO | None]:
        """Open it for reading; None where it is too large to be had from there."""


class DumpPlace(Protocol):
    """A place where dumps of one database are made."""

    def facts(self, file: str, form: Form) -> Mapping[str, Any]:
        """Give by what it is known again, with `file`: the whole path.

        Raises: ActionNotApplicable, where the file is there already, or nothing can dump here.
        """

    def free_bytes(self, folder: str) -> int:
        """Give how much room is left in a folder."""

    def in_the_way(self, folder: str) -> Iterator[str]:
        """Give each reason why nothing can be written there now."""

    def dump(self, form: Form, facts: Mapping[str, Any], doing: Doing, *, seconds: float) -> str:
        """Write the file and its checksum, which is given.

        Raises: ActionFailed (nothing of it is left), AlreadyDone, LeaseLost.
        """

    def looking(self, path: str, *, seconds: float) -> AbstractContextManager[DumpFile]:
        """Look at a file."""
