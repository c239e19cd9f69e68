"""What auditors read of the trail: entries by their search columns, and what is signed about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import psycopg
from django.db import connection
from django.db.models import QuerySet

from awe_incidents.audit import canonical
from awe_incidents.audit.archive import archive
from awe_incidents.audit.errors import AuditError, AwaitsSignature, KeysNotPublished
from awe_incidents.audit.log_tree import LogTree
from awe_incidents.audit.merkle import leaf_hash
from awe_incidents.audit.models import Checkpoint, Disclosure, Entry, Leaf, LogKey

# From one verb to the next in the index: there are some dozens, however many entries. All of them are looked at, as not
# every collation keeps those of one beginning together.
_VERBS_OF_SUBJECT = """
WITH RECURSIVE found (verb) AS (
  (SELECT verb FROM audit_entry ORDER BY verb LIMIT 1)
  UNION ALL
  SELECT (SELECT verb FROM audit_entry WHERE verb > found.verb ORDER BY verb LIMIT 1) FROM found WHERE verb IS NOT NULL)
SELECT verb FROM found WHERE starts_with(verb, %s)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A commitment of an entry, and what is behind it; salt and text are None where they were erased."""

    field: str
    commitment: str
    salt: bytes | None
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An entry with its place in the tree, None while it waits for one, and the texts behind its commitments."""

    entry: Entry
    index: int | None
    is_signed: bool
    content: Mapping[str, Any] | None  # None where the stored bytes are no entry any more
    texts: list[Text]

    @property
    def leaf_hash(self) -> str:
        """Give the hash of its leaf in hex."""
        return leaf_hash(bytes(self.entry.body)).hex()


def shown_entries(entries: Iterable[Entry]) -> list[Shown]:
    """Give entries with what stands beside them, with three queries however many they are."""
    entries = list(entries)
    ids = [entry.pk for entry in entries]
    places = dict(Leaf.objects.filter(entry_id__in=ids).values_list("entry_id", "index"))
    there = {(one.entry_id, one.field): one for one in Disclosure.objects.filter(entry_id__in=ids)}
    size = signed_size()
    shown = []
    for entry in entries:
        index, content = places.get(entry.pk), _content(bytes(entry.body))
        texts = [_text(name, sealed, there.get((entry.pk, name))) for name, sealed in _commitments(content)]
        is_signed = index is not None and index < size
        shown.append(Shown(entry=entry, index=index, is_signed=is_signed, content=content, texts=texts))
    return shown


def signed_size() -> int:
    """Give how many entries the newest checkpoint covers."""
    return Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0


def entries_with_verb(entries: QuerySet[Entry], verb: str) -> QuerySet[Entry]:
    """Keep entries with a verb, or with any of a subject (`incident:`), of which there are some dozens at most."""
    if not verb.endswith(":"):
        return entries.filter(verb=verb)
    with connection.cursor() as cursor:
        cursor.execute(_VERBS_OF_SUBJECT, [verb])
        return entries.filter(verb__in=[found for (found,) in cursor.fetchall()])


def proof_of(entry: Entry) -> bytes:
    """Give the `.tlog-proof` of an entry under the newest checkpoint; raises AwaitsSignature, TrailBroken."""
    index = Leaf.objects.filter(entry_id=entry.pk).values_list("index", flat=True).first()
    if index is None:
        raise AwaitsSignature("the entry waits for its place in the tree; try again in a second")
    with log_tree() as tree:
        return bytes(tree.prove_entry(index, entry=bytes(entry.body)))


@contextmanager
def log_tree() -> Iterator[LogTree]:
    """Give the log of the newest checkpoint; raises AwaitsSignature, TrailBroken."""
    with driver_connection() as driver:
        yield LogTree(driver)


@contextmanager
def driver_connection() -> Iterator[psycopg.Connection]:
    """Give the connection under Django's; what goes wrong with it is told as an error of Django's."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        yield connection.connection


def exported_trail(*, with_texts: bool) -> Iterator[bytes]:
    """Yield a bundle as a ZIP archive; raises AwaitsSignature, TrailBroken, ExportRefused."""
    with driver_connection() as driver:
        yield from archive(driver, keys=map(str, known_keys()), with_texts=with_texts)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A public key of the log, and the entries with which its checkpoints end; the last ones have no `last`."""

    vkey: str
    first: int
    last: int | None

    def __str__(self) -> str:
        """Give the line of `vkeys` (key_history.py)."""
        return f"{self.vkey} {self.first}-{'' if self.last is None else self.last}"


def published_keys() -> list[KnownKey]:
    """Give the public keys of the log whose signer came last, oldest first; raises KeysNotPublished."""
    if keys := known_keys():
        return keys
    raise KeysNotPublished("no key was made yet; the signer (manage.py sign_trail) makes them when it first starts")


def known_keys() -> list[KnownKey]:
    """Give the public keys of the log whose signer came last, oldest first; none where none ever came."""
    rows = list(LogKey.objects.order_by("id").values_list("vkey", "first"))
    mine = sorted((row for row in rows if name_of(row[0]) == name_of(rows[-1][0])), key=lambda row: row[1])
    ends = {first: following - 1 for first, following in pairwise(sorted({first for _, first in mine}))}
    return [KnownKey(vkey, first, ends.get(first)) for vkey, first in mine]


def pinned_keys() -> list[str]:
    """Give the public keys that are in force, as an auditor pins them."""
    return [key.vkey for key in known_keys() if key.last is None]


def name_of(vkey: str) -> str:
    """Give the name of a key, which is the origin of the log."""
    return vkey.partition("+")[0]


def _content(body: bytes) -> dict[str, Any] | None:
    try:
        return canonical.parse(body)
    except AuditError:
        return None


def _commitments(content: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    sealed = (content or {}).get("commitments")
    return [(name, str(value)) for name, value in sealed.items()] if isinstance(sealed, dict) else []


def _text(name: str, sealed: str, found: Disclosure | None) -> Text:
    salt, value = (bytes(found.salt), found.value) if found else (None, None)
    return Text(field=name, commitment=sealed, salt=salt, value=value)
