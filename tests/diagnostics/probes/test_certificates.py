from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from diagnostics.probes.certificates import CertificateUnusable, distinct, issued, read_certificates, read_public_key
from tests.diagnostics.checks.certificates import CLIENT, Authority, KeyKind, pem


def refusal_of(path: Path, *, key: bool = False) -> str:
    with pytest.raises(CertificateUnusable) as caught:
        (read_public_key if key else read_certificates)(path)
    return caught.value.code


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_every_kind_of_key_is_read_and_matches_its_certificate(kind: KeyKind, tmp_path: Path) -> None:
    certificate, key = Authority.root().issue("shop.test", names=["shop.test"], key=kind).write(tmp_path, "shop")
    leaf = read_certificates(certificate)[0]
    assert leaf.public_key_sha256 == read_public_key(key)
    assert leaf.key_kind.split()[0].lower() == kind


def test_a_chain_is_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    root = Authority.root("Top")
    certificate, _ = (
        root.intermediate("Middle").issue("shop.test", names=["10.0.0.1", "shop.test"]).write(tmp_path, "a")
    )
    leaf, middle = read_certificates(certificate)
    assert (leaf.common_name, middle.common_name) == ("shop.test", "Middle")
    assert issued(middle, leaf)
    assert not issued(leaf, middle)
    assert (leaf.dns_names, leaf.ip_addresses) == (("shop.test",), ("10.0.0.1",))
    assert leaf.authority_key_id == middle.key_id
    assert not leaf.is_ca
    assert middle.is_ca
    assert CLIENT.dotted_string in (leaf.extended_usages or ())


def test_text_around_the_certificates_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(b"subject=CN = Top\n\xff\xfe\n" + Authority.root("Top").pem() + b"\nend\n")
    assert read_certificates(path)[0].common_name == "Top"


def test_files_without_a_certificate_are_refused_by_kind(tmp_path: Path) -> None:
    shop = Authority.root().issue()
    cases = {
        "empty": b" \n",
        "garbage": os.urandom(3000),
        "not_pem": shop.certificate.public_bytes(Encoding.DER),
    }
    for code, data in cases.items():
        path = tmp_path / code
        path.write_bytes(data)
        assert refusal_of(path) == code
    broken = tmp_path / "broken"
    broken.write_bytes(pem(shop.certificate)[:200] + b"\n-----END CERTIFICATE-----\n")
    assert refusal_of(broken) == "garbage"
    large = tmp_path / "large"
    large.write_bytes(b"x" * 2_000_001)
    assert refusal_of(large) == "too_large"


def test_keys_that_cannot_be_used_are_refused_by_kind(tmp_path: Path) -> None:
    shop = Authority.root().issue()
    cases = {
        "encrypted": shop.key_pem(password=b"sesame"),
        "garbage": b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
        "not_pem": shop.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "empty": b"",
    }
    for code, data in cases.items():
        path = tmp_path / code
        path.write_bytes(data)
        assert refusal_of(path, key=True) == code


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_refused_at_once(make: object, tmp_path: Path) -> None:
    path = tmp_path / "odd"
    make(path)  # type: ignore[operator]
    assert refusal_of(path) == "not_regular"
    assert refusal_of(Path("/dev/zero")) == "not_regular"
    assert refusal_of(tmp_path / "none") == "missing"


def test_distinct_keeps_the_first_of_each(tmp_path: Path) -> None:
    path = Authority.root("Top").write(tmp_path, "top")
    twice = [*read_certificates(path), *read_certificates(path)]
    assert len(distinct(twice)) == 1
