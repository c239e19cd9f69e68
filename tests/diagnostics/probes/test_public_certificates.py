"""Certificates that others made to be odd (cryptography's own vectors): each is read, or refused with a reason."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509

from diagnostics.checks.result import State
from diagnostics.probes.certificates import Certificate, CertificateUnusable, parse_der, read_certificates
from diagnostics.probes.chains import path_to_anchor, why_refused
from diagnostics.stack import TlsFiles
from tests.diagnostics.looks import look, stack

ROOT = Path(cryptography_vectors.__file__).parent / "x509"
FILES = sorted(one for one in ROOT.rglob("*") if one.suffix in {".pem", ".der", ".crt", ".cer"})
CODES = {"garbage", "empty", "not_pem", "not_regular", "too_large"}
BEGIN = b"-----BEGIN CERTIFICATE-----"


def read(path: Path) -> tuple[Certificate, ...]:
    data = path.read_bytes()
    return read_certificates(path) if BEGIN in data else (parse_der(data, where=str(path)),)


def outcome(path: Path) -> str:
    try:
        found = read(path)
    except CertificateUnusable as unusable:
        is_told = unusable.code in CODES and len(unusable.text) > len(str(path))
        return "refused" if is_told else f"refused without a reason: {path}"
    return "read" if all(line for one in found for line in one.lines()) else f"not described: {path}"


def test_each_is_read_or_refused_with_a_reason() -> None:
    outcomes = [outcome(path) for path in FILES]
    assert len(FILES) > 600
    assert outcomes.count("read") > 500
    assert outcomes.count("refused") > 30
    assert set(outcomes) == {"read", "refused"}


def test_what_cryptography_reads_whole_is_not_refused() -> None:
    refused = [path.name for path in FILES if is_plain(path) and outcome(path) == "refused"]
    assert refused == []


def is_plain(path: Path) -> bool:
    """Say whether the library reads a certificate with its names, extensions and key."""
    data = path.read_bytes()
    load = x509.load_pem_x509_certificate if BEGIN in data else x509.load_der_x509_certificate
    try:
        one = load(data)
        return bool(one.public_key() and one.subject and one.issuer and list(one.extensions))
    except Exception:  # whatever it is, the file is not plain
        return False


def test_each_as_a_stack_s_certificate_is_an_answer_and_never_a_defect_of_the_check(tmp_path: Path) -> None:
    place = tmp_path / "server.crt"
    for path in FILES:
        data = path.read_bytes()
        if BEGIN not in data:
            data = BEGIN + b"\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"
        place.write_bytes(data)
        files = TlsFiles(name="door", ca=place, server_certificate=place, client_certificate=place)
        config = stack(tmp_path, tls={"door": files})
        results = [look("ssl.certificate_files", config)]
        if not results[0].is_blocking:
            results.append(look("ssl.certificate_validity", config))
        for result in results:
            assert result.state is not State.ERROR, (path.name, result.check, result.leading.message)
            assert all(finding.message for finding in result.findings)


def test_chains_of_any_of_them_come_to_an_end() -> None:
    known = [one for path in FILES if outcome(path) == "read" for one in read(path)]
    anchors = [one for one in known if one.is_self_issued]
    for one in known:
        chain, _ = path_to_anchor(one, known, anchors)
        assert len(chain) == len({each.sha256 for each in chain})


@pytest.mark.parametrize("name", ["Valid", "Invalid"])
def test_certificates_of_the_pkits_are_told_apart_by_their_dates(name: str) -> None:
    """PKITS 4.2: what is refused for its dates, and only that, among the tests of dates."""
    folder = ROOT / "PKITS_data" / "certs"
    anchors = read(folder / "TrustAnchorRootCertificate.crt")
    issuer = read(folder / "GoodCACert.crt")
    pattern = re.compile(rf"^{name}(?!CA).*not(After|Before)DateTest\d+EE\.crt$")
    leaves = [path for path in sorted(folder.glob("*.crt")) if pattern.match(path.name)]
    assert len(leaves) == 3
    for path in leaves:
        problem = why_refused([*read(path), *issuer], anchors, [], datetime(2026, 1, 1, tzinfo=UTC))
        is_refused_for_dates = problem is not None and problem.code in {"expired", "not_yet_valid"}
        assert is_refused_for_dates is (name == "Invalid"), (path.name, problem)
