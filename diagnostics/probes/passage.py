"""A way to an address as a container sees it: a local port whose connections end inside the container.

The name is resolved and the connection made by a program in the container's own network, so what is found is what the
service itself finds. Every accepted connection runs one allowed program (`programs.BRIDGE`); no bytes are kept.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import ReadOnlyEngine, Seen
from diagnostics.probes.engine_sockets import early_bytes, raw_socket
from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.frames import STDOUT, Frames
from diagnostics.probes.programs import BRIDGE, BRIDGE_NC

MAX_WORDS = 2_000
BUFFER_BYTES = 65_536


@dataclass(slots=True)
class Passage:
    """A local address that stands for another one; `failure` holds why the last connection did not come about.

    Where not even the program could run that would make it, `refusal` holds why: that tells nothing of the address.
    """

    host: str
    port: int
    through: str  # the container, for people
    failure: str = ""
    refusal: CouldNotLook | None = None
    connected: bool = field(default=False)


@contextlib.contextmanager
def passage(engine: ReadOnlyEngine, container: Seen, host: str, port: int) -> Iterator[Passage]:
    """Open a way to host:port as this container sees it; connections are made as they come.

    Raises: ProgramNotAllowed for what is no host name.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        way = Passage("127.0.0.1", listener.getsockname()[1], str(container))
        carrier = _Carrier(engine, container, host, port, way)
        Thread(target=carrier.accept, args=(listener,), daemon=True, name=f"passage {host}:{port}").start()
        yield way
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class _Carrier:
    engine: ReadOnlyEngine
    container: Seen
    host: str
    port: int
    way: Passage

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                local, _ = listener.accept()
            except OSError:
                return
            Thread(target=self._carry, args=(local,), daemon=True, name=f"carry {self.host}").start()

    def _carry(self, local: socket.socket) -> None:
        with local:
            try:
                for shell, script in (("bash", BRIDGE), ("sh", BRIDGE_NC)):
                    remote = self.engine.pipe(self.container, [shell, "-c", script, self.host, str(self.port)])
                    if _Crossing(remote, local, self.way).carry():
                        return
            except CouldNotLook as refusal:
                self.way.refusal = refusal
            except (ProbeFailure, OSError) as error:
                self.way.failure = str(error)


class _Crossing:
    """Carries bytes between a local connection and the frames of a program's input and output."""

    def __init__(self, remote: Any, local: socket.socket, way: Passage) -> None:
        self._remote = raw_socket(remote)
        self._response = remote  # keeps the connection open
        self._local, self._way = local, way
        self._frames, self._words = Frames(), b""
        self._stands = False

    def carry(self) -> bool:
        """Carry until one side ends; False where the container has not the program, so that another is tried."""
        try:
            for stream, content in self._frames.feed(early_bytes(self._response)):
                self._take(stream, content)
            with selectors.DefaultSelector() as waiting:
                waiting.register(self._remote, selectors.EVENT_READ, self._from_remote)
                is_open = True
                while is_open:
                    if self._stands and self._local.fileno() not in waiting.get_map():
                        waiting.register(self._local, selectors.EVENT_READ, self._from_local)
                    for key, _ in waiting.select():
                        read: Callable[[], bool] = key.data
                        is_open = read()
        finally:
            with contextlib.suppress(OSError):
                self._remote.shutdown(socket.SHUT_RDWR)  # closing alone waits for what else refers to the socket
            self._response.close()
        if not self._stands:
            self._way.failure = self._words.decode(errors="replace").strip() or "the program in the container ended"
        return self._stands or not _is_missing(self._words)

    def _from_local(self) -> bool:
        data = self._local.recv(BUFFER_BYTES)
        if not data:
            return False
        self._remote.sendall(data)
        return True

    def _from_remote(self) -> bool:
        data = self._remote.recv(BUFFER_BYTES)
        if not data:
            return False
        for stream, content in self._frames.feed(data):
            self._take(stream, content)
        return True

    def _take(self, stream: int, content: bytes) -> None:
        if stream != STDOUT:
            self._words = (self._words + content)[:MAX_WORDS]
            return
        if not self._stands:
            if content[:1] != b"+":  # what the engine itself says of a program that is not there
                self._words = (self._words + content)[:MAX_WORDS]
                return
            self._stands = self._way.connected = True
            content = content[1:]
        if content:
            self._local.sendall(content)


def _is_missing(words: bytes) -> bool:
    return b"executable file not found" in words or b"no such file or directory" in words.lower()
