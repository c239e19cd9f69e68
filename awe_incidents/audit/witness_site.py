"""The witness over HTTP: a small WSGI application, served by granian."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog

from awe_incidents.audit.cosignature import now
from awe_incidents.audit.errors import WitnessRefused
from awe_incidents.audit.note import PublicKey
from awe_incidents.audit.witness import MAX_BODY_BYTES, PLAIN_TEXT, Answer, Witness
from awe_incidents.audit.witness_folder import WitnessFolder
from awe_incidents.gateway import Environ, Gateway
from awe_incidents.intake import BodyRefused, BodyTooLong, BodyTooSlow, Intake, IntakeLimits, NoRoomForBody

ADD_CHECKPOINT = "/add-checkpoint"
THREADS = 8  # each waits for its log's lock and for the disk
SLOWEST_SECONDS = 10.0
_STATUS = {
    BodyTooLong: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    NoRoomForBody: HTTPStatus.SERVICE_UNAVAILABLE,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WitnessOptions:
    """How a witness is run."""

    folder: Path
    name: str
    logs: Sequence[str]  # vkeys
    prefix: str = ""
    with_mldsa: bool = False
    passphrase: str = ""

    def open(self) -> Witness:
        """Open the folder, and make the keys at the first start; raises WitnessRefused, KeyRefused, LogKeyUnusable."""
        keys = [PublicKey.parse(vkey) for vkey in self.logs]
        folder = WitnessFolder.open(self.folder)
        cosigners = folder.cosigners(self.name, passphrase=self.passphrase, clock=now, with_mldsa=self.with_mldsa)
        return Witness(folder, cosigners, keys)


class WitnessSite:
    """`POST <prefix>/add-checkpoint`, and a page in words at `<prefix>/`."""

    def __init__(self, witness: Witness, *, prefix: str = "") -> None:
        self._witness = witness
        self._prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request as WSGI has it."""
        answer, more = self._answer(environ)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body))), *more]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: Environ) -> tuple[Answer, list[tuple[str, str]]]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == self._prefix + ADD_CHECKPOINT:
            if method != "POST":
                return _words(HTTPStatus.METHOD_NOT_ALLOWED, "send checkpoints by POST"), [("Allow", "POST")]
            return self._add_checkpoint(environ), []
        if path.rstrip("/") == self._prefix:
            if method not in {"GET", "HEAD"}:
                return _words(HTTPStatus.METHOD_NOT_ALLOWED, "this page is for reading"), [("Allow", "GET, HEAD")]
            return _words(HTTPStatus.OK, self._page()), []
        return _words(HTTPStatus.NOT_FOUND, f"there is {self._prefix}{ADD_CHECKPOINT} here, and nothing else"), []

    def _add_checkpoint(self, environ: Environ) -> Answer:
        try:
            return self._witness.add_checkpoint(_body(environ))
        except BodyRefused as refusal:
            return _words(_STATUS.get(type(refusal), HTTPStatus.BAD_REQUEST), str(refusal))
        except (OSError, WitnessRefused) as error:
            log.critical("nothing can be signed", error=str(error))
            return _words(HTTPStatus.INTERNAL_SERVER_ERROR, "the witness cannot store what it signs; try again later")

    def _page(self) -> str:
        known = "".join(f"    {origin}\n" for origin in self._witness.origins) or "    none yet\n"
        return (
            "This is a witness of transparency logs (https://c2sp.org/tlog-witness). It signs a log's checkpoint when\n"
            "that continues the one it signed before. Its keys, for logs and their auditors to pin:\n\n"
            + "".join(f"    {vkey}\n" for vkey in self._witness.vkeys)
            + f"\nLogs that it knows:\n\n{known}\nA log sends POST {self._prefix}{ADD_CHECKPOINT}."
        )


def serve(options: WitnessOptions, *, host: str, port: int) -> None:
    """Serve a witness until SIGTERM or SIGINT."""
    from granian import Granian  # sequencer and signer, which come by this module, need not have it in memory
    from granian.constants import Interfaces

    Granian(
        "witness", address=host, port=port, interface=Interfaces.RSGI, websockets=False, workers_kill_timeout=10
    ).serve(target_loader=partial(_gateway, options), wrap_loader=False)


def _gateway(options: WitnessOptions) -> Any:  # what granian takes has no type of its own
    limits = IntakeLimits(
        grace_seconds=SLOWEST_SECONDS, strangers_bytes=MAX_BODY_BYTES, longest_bytes=MAX_BODY_BYTES, open_bytes=2**26
    )
    witness = options.open()
    log.info("the witness listens", vkeys=witness.vkeys, process=os.getpid())
    return Gateway(WitnessSite(witness, prefix=options.prefix), threads=THREADS, intake=Intake(limits))


def _body(environ: Environ) -> bytes:
    """Read the body, one byte beyond what is taken at most."""
    declared = environ.get("CONTENT_LENGTH", "")
    length = int(declared) if declared.isascii() and declared.isdecimal() else 0
    body: bytes = environ["wsgi.input"].read(min(length, MAX_BODY_BYTES + 1))
    return body


def _words(status: HTTPStatus, words: str) -> Answer:
    return Answer(status, f"{words}\n".encode(), PLAIN_TEXT)
