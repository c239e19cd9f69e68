"""A time-stamp authority of our own: `openssl ts` behind HTTP, with a root and a certificate for stamping."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.audit.witnesses import Answering, saying

CONFIGURATION = """
[ tsa ]
default_tsa = ours
[ ours ]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """Makes its certificates, and stamps; `root` is what others pin."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.root = folder, folder / "root.pem"
        self._conf = folder / "tsa.cnf"
        self._conf.write_text(CONFIGURATION.format(folder=folder))
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate("Root of time", root_key.public_key(), "Root of time", root_key, is_root=True)
        own = _certificate("Time", key.public_key(), "Root of time", root_key, is_root=False)
        self.root.write_bytes(root.public_bytes(Encoding.PEM))
        (folder / "tsa.pem").write_bytes(own.public_bytes(Encoding.PEM))
        (folder / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def stamp(self, query: bytes) -> bytes:
        question, reply = self.folder / "query.tsq", self.folder / "reply.tsr"
        question.write_bytes(query)
        signing: list[str | Path] = [
            "-signer",
            self.folder / "tsa.pem",
            "-inkey",
            self.folder / "tsa.key",
        ]  # no chain: it would not be in order
        words: list[str | Path] = ["-config", self._conf, "-queryfile", question, *signing, "-out", reply]
        subprocess.run(["openssl", "ts", "-reply", *words], check=True, capture_output=True)
        return reply.read_bytes()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        saying(200, self.stamp(handler.rfile.read()), Content_Type="application/timestamp-reply")(handler)

    def of_something_else(self) -> Answering:
        """Give an authority that stamps another note than it was asked to."""
        query = subprocess.run(
            ["openssl", "ts", "-query", "-data", self._conf, "-sha256", "-cert"], check=True, capture_output=True
        )
        return saying(200, self.stamp(query.stdout))

    def verifies(self, note: Path, token: Path) -> bool:
        """Verify as an auditor does, by openssl."""
        words: list[str | Path] = ["-data", note, "-in", token, "-CAfile", self.root]
        done = subprocess.run(["openssl", "ts", "-verify", *words], capture_output=True, check=False)
        return done.returncode == 0


def _certificate(
    name: str,
    key: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_root: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
    )
    if not is_root:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())
