"""Logs that grow, with the requests that a witness gets of them, and witnesses as real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx

from awe_incidents.audit import merkle, note
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.cosignature import CosignatureVerifier, Ed25519Cosigner
from awe_incidents.audit.note import Note, PublicKey, Signature
from awe_incidents.audit.proof import prove_growth
from awe_incidents.audit.tile_files import TileWriter
from awe_incidents.audit.witness import Witness
from awe_incidents.audit.witness_folder import WitnessFolder
from awe_incidents.audit.witness_site import WitnessSite
from tests.audit import logs
from tests.audit.rows import ROOT

NAME = "witness.example/w1"
START_SECONDS = 60.0


class GrowingLog:
    """A log of numbered entries, known at every size; a fork has other entries from a number on."""

    def __init__(self, origin: str = logs.ORIGIN, *, seed: int = 1, fork_at: int | None = None) -> None:
        self.origin, self._fork_at = origin, fork_at
        self.signer = note.Ed25519Signer(origin, logs.key(seed))
        self._hash = lru_cache(maxsize=None)(self._subtree)

    @property
    def vkey(self) -> str:
        return str(self.signer.key)

    def checkpoint(self, size: int, *, extensions: Sequence[str] = ()) -> Checkpoint:
        root = merkle.root_at(size, self._hash) if size else merkle.EMPTY_ROOT
        return Checkpoint(self.origin, size, root, tuple(extensions))

    def note(self, size: int, *more: note.Signer, extensions: Sequence[str] = ()) -> bytes:
        return note.sign(bytes(self.checkpoint(size, extensions=extensions)), self.signer, *more)

    def growth(self, old: int, new: int) -> bytes:
        """Give the body of a request."""
        return bytes(prove_growth(old_size=old, hashes=self._hash, checkpoint=self.note(new)))

    def publish(self, folder: Path, size: int, *, at: int | None = None) -> Path:
        """Write what a signer of this log publishes in its folder."""
        timed = Ed25519Cosigner(self.origin, logs.key(99), clock=lambda: int(time.time()) if at is None else at)
        writer = TileWriter(folder / "log")
        for index in range(writer.size, size):
            writer.append(self._entry(index))
        writer.flush()
        if not (folder / "log" / "vkeys").exists():
            (folder / "log" / "vkeys").write_text(f"{self.vkey}\n{timed.key}\n")
        beside = folder / "log" / "checkpoint.new"
        beside.write_bytes(self.note(size, timed))
        beside.replace(folder / "log" / "checkpoint")
        return folder

    def _entry(self, index: int) -> bytes:
        is_other = self._fork_at is not None and index >= self._fork_at
        return f"{'other' if is_other else 'entry'} {index}".encode()

    def _subtree(self, level: int, index: int) -> bytes:
        if level:
            return merkle.node_hash(self._hash(level - 1, index * 2), self._hash(level - 1, index * 2 + 1))
        return merkle.leaf_hash(self._entry(index))


def opened(
    folder: Path, *known: GrowingLog, name: str = NAME, now: int | None = logs.BEGAN, with_mldsa: bool = False
) -> Witness:
    place = WitnessFolder.open(folder)
    clock = lambda: int(time.time()) if now is None else now  # noqa: E731
    cosigners = place.cosigners(name, passphrase="", clock=clock, with_mldsa=with_mldsa)
    return Witness(place, cosigners, [one.signer.key for one in known])


def keys(witness: Witness) -> list[PublicKey]:
    return [PublicKey.parse(vkey) for vkey in witness.vkeys]


def verified(text: bytes, lines: bytes, *vkeys: PublicKey) -> tuple[Signature, ...]:
    """Read the lines of an answer as the client of the text may: behind the text of the checkpoint."""
    one = Note.parse(text + b"\n" + lines)
    return one.verified([CosignatureVerifier(key) for key in vkeys])


def latest(folder: Path) -> dict[str, int]:
    """Give the size that was stored last of every log."""
    found = (Checkpoint.parse(Note.parse(path.read_bytes()).text) for path in folder.glob("logs/*/latest"))
    return {one.origin: one.size for one in found}


def evidence(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "evidence").iterdir())]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def arguments(folder: Path, port: int, *vkeys: str) -> list[str]:
    known = [word for vkey in vkeys for word in ("--log", vkey)]
    return ["--folder", str(folder), "--name", NAME, "--listen", f"127.0.0.1:{port}", *known]


@contextmanager
def serving(
    folder: Path, *vkeys: str, port: int | None = None, program: Sequence[str] = ("-m", "awe_incidents.audit")
) -> Iterator[httpx.Client]:
    """Run a witness as people do, and give a client of it."""
    port = port or free_port()
    words = [sys.executable, *program, "witness", *arguments(folder, port, *vkeys)]
    with folder.with_suffix(".log").open("ab") as out:
        process = subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
            wait_for(client, process)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            client.get("/")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the witness did not start")


def half_sent(address: tuple[str, int]) -> socket.socket:
    """Open a connection that has sent the beginning of a request and nothing more."""
    one = socket.create_connection(address, timeout=5)
    one.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: witness\r\nContent-Length: 100\r\n\r\nold 0")
    return one


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def listening(witness: Witness) -> Iterator[str]:
    """Serve a witness from a thread, over real HTTP; give its address."""
    server = make_server("127.0.0.1", 0, WitnessSite(witness), server_class=_Server, handler_class=_Quiet)
    with _running(server) as url:
        yield url


Answering = Callable[[BaseHTTPRequestHandler], None]  # whose `rfile` has the body


@contextmanager
def answering(answer: Answering) -> Iterator[str]:
    """Answer every POST in some way or other, over real HTTP; give the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile = BytesIO(self.rfile.read(int(self.headers["Content-Length"])))
            self.close_connection = True
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


def saying(status: int, body: bytes = b"", **headers: str) -> Answering:
    """Give an answer that is always the same."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def _running(server: ThreadingHTTPServer | WSGIServer) -> Iterator[str]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
