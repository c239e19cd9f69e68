"""Secrets of a stack: references in its description, values only at the moment of use."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from diagnostics.stack.errors import SecretUnavailable
from diagnostics.stack.files import NotRegularFile, read_regular

KINDS = ("env", "file", "db")
REFERENCE_PATTERN = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|db:[a-z0-9][a-z0-9_.-]*)$"
MAX_SECRET_BYTES = 64 * 1024

Mark: TypeAlias = tuple[int, ...] | bytes | None


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret lies: `env:NAME`, `file:PATH` (from the stack's root) or `db:NAME` (encrypted in our database)."""

    kind: str
    place: str

    @classmethod
    def parse(cls, text: str) -> SecretReference:
        """Split `kind:place`; the schema has checked the form."""
        kind, _, place = text.partition(":")
        return cls(kind=kind, place=place)

    def __str__(self) -> str:
        """Give the reference, which is no secret."""
        return f"{self.kind}:{self.place}"


@dataclass(frozen=True, slots=True)
class SecretResolver:
    """Turns references into values; holds the decrypted `db:` secrets, hidden from repr."""

    root: Path
    stored: Mapping[str, str] = field(default_factory=dict, repr=False)

    def reveal(self, reference: SecretReference) -> str:
        """Give the value, without one trailing newline.

        Raises: SecretUnavailable, naming the reference and what to do.
        """
        if reference.kind == "env":
            return self._from_environment(reference)
        if reference.kind == "file":
            return self._from_file(reference)
        if reference.place not in self.stored:
            raise SecretUnavailable(f"{reference}: no such secret is stored; set it with `manage.py set_stack_secret`")
        return self.stored[reference.place]

    def revealed(self, references: Iterator[SecretReference]) -> dict[str, str]:
        """Give the values that can be had, by reference; those that cannot are left out (their check says so)."""
        values: dict[str, str] = {}
        for reference in references:
            try:
                values[str(reference)] = self.reveal(reference)
            except SecretUnavailable:
                continue
        return values

    def _from_environment(self, reference: SecretReference) -> str:
        value = os.environ.get(reference.place)
        if value is None:
            raise SecretUnavailable(f"{reference}: the environment variable is not set where the check runs")
        return value

    def _from_file(self, reference: SecretReference) -> str:
        path = self.root / reference.place
        try:
            data = read_regular(path, max_bytes=MAX_SECRET_BYTES)
        except OSError as error:
            raise SecretUnavailable(f"{reference}: cannot read {path}: {error.strerror}") from None
        except NotRegularFile as refusal:
            raise SecretUnavailable(f"{reference}: {refusal}") from None
        if len(data) > MAX_SECRET_BYTES:
            raise SecretUnavailable(f"{reference}: {path} is larger than {MAX_SECRET_BYTES} bytes, so it is no secret")
        try:
            return data.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise SecretUnavailable(f"{reference}: {path} is not UTF-8 text") from None


def freshness(reference: SecretReference, *, root: Path) -> Mark:
    """Give what changes when the secret behind `env:` or `file:` does, without reading a file; None where none is."""
    if reference.kind == "env":
        value = os.environb.get(reference.place.encode())
        return None if value is None else hashlib.sha256(value).digest()
    if reference.kind == "file":
        try:
            about = (root / reference.place).stat()
        except OSError:
            return None
        return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
    return None
