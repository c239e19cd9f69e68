"""Time-stamp tokens (RFC 3161) over signed checkpoints, believed where they lead to a pinned certificate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from awe_incidents.audit.anchors import Held
from awe_incidents.audit.cosignature import Clock
from awe_incidents.audit.errors import AnchorUnusable
from awe_incidents.audit.posting import poster
from awe_incidents.audit.published_log import Published

TOLERANCE_SECONDS = 300


class TimestampAuthority:
    """One authority, by its address and the certificates that its tokens have to lead to."""

    kind = "timestamp"
    takes_time = False

    def __init__(self, url: str, certificates: Sequence[Certificate], *, clock: Clock) -> None:
        self._url, self._certificates, self._clock = url, certificates, clock
        self.name = urlsplit(url).netloc.rpartition("@")[2]

    def hold(self, published: Published, *, held: int) -> Held:
        """Get a token over the SHA-256 of the note; raises AnchorRefused."""
        note = bytes(published.note)
        request = TimestampRequestBuilder(data=note, hash_algorithm=HashAlgorithm.SHA256, cert_req=True).build()
        with poster() as sending:
            reply = sending.post(self._url, request.as_bytes(), content_type="application/timestamp-query")
        if reply.status != 200:
            raise AnchorUnusable(f"it answers {reply.status}: {reply.said}")
        try:
            response = decode_timestamp_response(reply.body)
            self._verify(response, request, note)
        except (VerificationError, ValueError) as error:
            raise AnchorUnusable(f"its answer is no token of the pinned certificates ({error})") from None
        apart = response.tst_info.gen_time.timestamp() - self._clock()
        if abs(apart) > TOLERANCE_SECONDS:
            raise AnchorUnusable(f"its clock and ours differ by {apart:.0f} s; one of them is wrong")
        return Held("it gave a token", proof=reply.body)

    def _verify(self, response: TimeStampResponse, request: TimeStampRequest, note: bytes) -> None:
        verifier = VerifierBuilder(roots=list(self._certificates), nonce=request.nonce).build()
        verifier.verify_message(response, note)


def read_certificates(path: Path) -> list[Certificate]:
    """Read the pinned certificates, the root and what is between it and the tokens; raises AnchorUnusable."""
    try:
        return load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise AnchorUnusable(f"{path} holds no certificates in PEM: {error}") from None
