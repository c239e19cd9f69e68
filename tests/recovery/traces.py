"""Where a secret may have left a trace: our whole database, Redis, files of ours and of the stack, processes.

Each place is looked into with plain tools, and for the secret in every form in which programs write one. Processes and
Redis are looked at all the while (`Watch`), as what stood there for a moment was seen by whoever looked.
"""

from __future__ import annotations

import base64
import html
import json
import os
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import redis
from django.db import connection as django_connection

from awe_incidents.audit.models import Entry
from awe_incidents.local.binaries import find_postgres
from tests.audit import rows

PAUSE_SECONDS = 0.02
THE_END = "nobody listens any more"


def found_in(secret: str, *folders: Path, folder: Path) -> list[str]:
    """Give the places that hold a secret; `folder` takes the dump."""
    forms = forms_of(secret)
    return [place for place, content in _places(folder, *folders) if any(form in content for form in forms)]


def forms_of(secret: str) -> list[bytes]:
    """Give what is looked for, and each of that in base64, without the characters that depend on its neighbors."""
    once = [json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)]
    texts = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret), repr(secret)[1:-1]}
    texts |= {*once, *(json.dumps(one)[1:-1] for one in once), secret.encode().hex(), secret.encode().hex().upper()}
    forms = {text.encode() for text in texts}
    cores = {base64.b64encode(b"\0" * shift + form)[4:-4] for form in forms for shift in range(3)}
    return sorted({*forms, *cores, *(core.translate(bytes.maketrans(b"+/", b"-_")) for core in cores)})


def _places(folder: Path, *folders: Path) -> Iterator[tuple[str, bytes]]:
    yield "the database", dump(folder)
    yield "the trail", b"\n".join(bytes(entry.body) for entry in Entry.objects.all())
    yield "Redis", b"\n".join(_in_redis())
    yield from processes()
    for one in folders:
        for path in one.rglob("*"):
            with suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    yield str(path), path.read_bytes()


def dump(folder: Path) -> bytes:
    """Dump our whole database with pg_dump; bytes as they are and, where they are compressed, unpacked, too."""
    path = folder / "dump.sql"
    arguments = [str(find_postgres() / "pg_dump"), "--dbname", rows.url_of(rows.SUPERUSER), "--file", str(path)]
    subprocess.run(arguments, check=True, capture_output=True)
    assert django_connection.settings_dict["NAME"]
    text = path.read_bytes()
    path.unlink()  # else it is found where it was looked for
    assert b"COPY public.audit_entry" in text
    return text + b"".join(_bytes_in(text))


def _bytes_in(text: bytes) -> Iterator[bytes]:
    """Give what stands as bytea in a dump."""
    for word in text.split():
        if word.startswith(b"\\\\x"):
            with suppress(ValueError):
                yield (data := bytes.fromhex(word[3:].decode()))
                with suppress(zlib.error):
                    yield zlib.decompress(data)


def _in_redis() -> Iterator[bytes]:
    """Give every key with its value, as it was put in; what DUMP gives is compressed."""
    client: Any = redis.Redis.from_url(os.environ["REDIS_URL"])
    read: dict[bytes, Any] = {
        b"string": lambda key: [client.get(key)],
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": lambda key: client.smembers(key),
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"hash": lambda key: [part for pair in client.hgetall(key).items() for part in pair],
    }
    try:
        for key in client.scan_iter():
            yield key
            kind = client.type(key)
            if kind != b"none":  # gone meanwhile
                yield from filter(None, read[kind](key))
    finally:
        client.close()


def processes() -> Iterator[tuple[str, bytes]]:
    """Give command line and environment of every process on the machine."""
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                yield str(path / name), (path / name).read_bytes()


class Watch:
    """Looks at all processes, and at all that Redis is told, from its beginning to its end."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.rounds = 0
        self._told: list[str] = []
        self._ending = threading.Event()
        self._listening = threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._look, self._listen)]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        looking, began = self._threads[0], self.rounds
        while kind is None and looking.is_alive() and self.rounds < began + 2:  # one is of what there is in the end
            time.sleep(PAUSE_SECONDS)
        self._ending.set()
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
            client.echo(THE_END)
        for thread in self._threads:
            thread.join(30)
        assert kind is not None or self.rounds >= began + 2
        assert THE_END in self._told[-1]

    def saw(self, secret: str) -> list[bytes]:
        """Give the forms of a secret that stood in a process, or were told to Redis."""
        content = b"\n".join(self.seen) + "\n".join(self._told).encode("utf-8", "surrogateescape")
        return [form for form in forms_of(secret) if form in content]

    def _look(self) -> None:
        while not self._ending.wait(PAUSE_SECONDS):
            self.seen |= {content for _, content in processes()}
            self.rounds += 1

    def _listen(self) -> None:
        with redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None) as client, client.monitor() as monitor:
            self._listening.set()
            for command in monitor.listen():
                self._told.append(command["command"])
                if THE_END in command["command"]:
                    return
