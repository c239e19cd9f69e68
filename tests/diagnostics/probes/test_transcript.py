from __future__ import annotations

import os
import ssl

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from diagnostics.probes.transcript import TLS_1_2, TLS_1_3, Transcript, distinguished_name
from tests.diagnostics.checks.certificates import Authority


def framed(data: bytes, size: int) -> bytes:
    return len(data).to_bytes(size, "big") + data


NAME = Authority.root("Åkers CA").certificate.subject.public_bytes()
REQUEST_1_2 = framed(b"\x01", 1) + framed(b"\x04\x03", 2) + framed(framed(NAME, 2), 2)
EXTENSION = (47).to_bytes(2, "big") + framed(framed(framed(NAME, 2), 2), 2)
REQUEST_1_3 = framed(b"", 1) + framed(b"\x00\x0d" + framed(b"", 2) + EXTENSION, 2)


def heard(kind: int, body: bytes, *, version: int) -> Transcript:
    transcript = Transcript()
    transcript._hear(None, "read", version, 22, kind, bytes([kind]) + framed(body, 3))
    return transcript


@pytest.mark.parametrize(("version", "body"), [(TLS_1_2, REQUEST_1_2), (TLS_1_3, REQUEST_1_3)])
def test_the_names_in_a_certificate_request_are_read(version: int, body: bytes) -> None:
    transcript = heard(13, body, version=version)
    assert transcript.asks_for_certificate
    assert transcript.ca_names == ["CN=Åkers CA,O=Test"]


def test_a_name_reads_as_rfc_4514_has_it() -> None:
    attributes = [(NameOID.COUNTRY_NAME, "SE"), (NameOID.ORGANIZATION_NAME, "Shop"), (NameOID.SERIAL_NUMBER, "7")]
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])
    assert distinguished_name(name.public_bytes()) == "550405=7,O=Shop,C=SE"
    assert distinguished_name(x509.Name([]).public_bytes()) == "-"


def test_rubbish_leaves_the_transcript_as_it_was() -> None:
    for size in range(60):
        for kind in (11, 13):
            for version in (TLS_1_2, TLS_1_3, 7):
                heard(kind, os.urandom(size), version=version)
    transcript = heard(11, b"\x00\xff\xff\xff", version=TLS_1_3)
    assert transcript.chain == []


def test_it_listens_to_every_python_that_we_support() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    Transcript().attach(context)
    assert context._msg_callback is not None  # type: ignore[attr-defined]
