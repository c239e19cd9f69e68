"""Where a secret may have left a trace: our whole database, Redis, files of ours and of the stack, processes.

Each place is looked into with plain tools, and for the secret as it is, in base64, URL-encoded and in hexadecimal.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import redis
from django.db import connection as django_connection

from awe_incidents.audit.models import Entry
from awe_incidents.local.binaries import find_postgres
from tests.audit import rows


def found_in(secret: str, *folders: Path, folder: Path) -> list[str]:
    """Give the places that hold a secret; `folder` takes the dump."""
    forms = forms_of(secret)
    return [place for place, content in _places(folder, *folders) if any(form in content for form in forms)]


def forms_of(secret: str) -> list[bytes]:
    """Give what is looked for; the base64 without the characters that depend on its neighbors."""
    data = secret.encode()
    shifted = [base64.b64encode(b"\0" * shift + data) for shift in range(3)]
    return [data, quote(secret, safe="").encode(), data.hex().encode(), *(one[4:-4] for one in shifted)]


def _places(folder: Path, *folders: Path) -> Iterator[tuple[str, bytes]]:
    yield "the database", dump(folder)
    yield "the trail", b"\n".join(bytes(entry.body) for entry in Entry.objects.all())
    yield "Redis", _redis()
    yield from _processes()
    for one in folders:
        for path in one.rglob("*"):
            with suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    yield str(path), path.read_bytes()


def dump(folder: Path) -> bytes:
    """Dump our whole database with pg_dump, bytes as text, so that they can be looked through."""
    path = folder / "dump.sql"
    arguments = [str(find_postgres() / "pg_dump"), "--dbname", rows.url_of(rows.SUPERUSER), "--file", str(path)]
    subprocess.run(arguments, check=True, capture_output=True)
    assert django_connection.settings_dict["NAME"]
    text = path.read_bytes()
    assert b"COPY public.audit_entry" in text
    return text + b"".join(bytes.fromhex(word) for word in _bytes_in(text))


def _bytes_in(text: bytes) -> Iterator[str]:
    """Give what stands as bytea in a dump."""
    for word in text.split():
        if word.startswith(b"\\\\x"):
            with suppress(ValueError):
                bytes.fromhex(word[3:].decode())
                yield word[3:].decode()


def _redis() -> bytes:
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    try:
        return b"\n".join((key + b" " + (client.dump(key) or b"")) for key in client.scan_iter())
    finally:
        client.close()


def _processes() -> Iterator[tuple[str, bytes]]:
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                yield str(path / name), (path / name).read_bytes()
