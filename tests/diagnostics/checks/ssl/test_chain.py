from __future__ import annotations

import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from diagnostics.checks.registry import check
from diagnostics.checks.result import Finding, Result, State
from diagnostics.stack import Endpoint, TlsFiles
from tests.diagnostics.checks import certificates
from tests.diagnostics.checks.certificates import CLIENT, SERVER, Authority, Issued, Shop
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, look, stack
from tests.diagnostics.servers import Handler, hanging, server_context, serving, tls_handler

SLUG = "ssl.chain"


def looked(files: TlsFiles, handler: Handler | None = None) -> Result:
    with serving(handler or tls_handler(server_context(files, demands=False))) as port:
        endpoint = Endpoint(name="shop", service="till", url=f"https://localhost:{port}", tls="shop")
        return look(SLUG, stack(files.ca.parent, tls={"shop": files}, endpoints={"shop": endpoint}))


def only(result: Result) -> Finding:
    (finding,) = result.findings
    return finding


def with_intermediate(folder: Path, *, sends_it: bool) -> tuple[TlsFiles, Authority]:
    shop = Shop(folder)
    issuing = shop.root.intermediate()
    files = shop.write(server=issuing.issue("localhost", names=["localhost"], usages=[SERVER]))
    assert files.server_certificate is not None
    if not sends_it:
        server = certificates.pem(*x509.load_pem_x509_certificates(files.server_certificate.read_bytes())[:1])
        files.server_certificate.write_bytes(server)
    return files, issuing


def test_a_chain_that_both_verifiers_accept_passes_and_is_drawn(tmp_path: Path) -> None:
    files, _ = with_intermediate(tmp_path, sends_it=True)
    result = looked(files)
    finding = only(result)
    assert (finding.state, finding.code) == (State.PASS, "chain.accepted")
    assert (finding.measured["openssl"].value, finding.measured["cryptography"].value) == ("accepted", "accepted")
    assert result.evidence[0].content.count("^ signed by") == 2
    assert "Test Root CA,O=Test [trusted]" in result.evidence[0].content
    shows(HEALTHY, result)


def test_the_stack_s_own_mutual_tls_is_no_obstacle(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    assert only(looked(files, tls_handler(server_context(files)))).code == "chain.accepted"
    files = Shop(tmp_path).write(client=Authority.root("Other").issue("probe", usages=[CLIENT]))
    assert only(looked(files, tls_handler(server_context(files)))).code == "chain.accepted"


def test_an_intermediate_that_is_not_sent_is_named_with_its_key_id(tmp_path: Path) -> None:
    files, issuing = with_intermediate(tmp_path, sends_it=False)
    result = looked(files)
    finding = only(result)
    assert (finding.state, finding.code) == (State.FAIL, "chain.unknown_ca")  # nobody knows where it might be
    issuing.write(tmp_path, "forgotten")
    result = looked(files)
    finding = only(result)
    assert (finding.state, finding.code) == (State.FAIL, "chain.missing_intermediate")
    assert "forgotten.crt" in finding.message
    assert finding.measured["verify_code"].value in {20, 21}
    key_id = x509.SubjectKeyIdentifier.from_public_key(issuing.key.public_key()).digest.hex()
    assert f"MISSING: CN=Test Issuing CA,O=Test, key id {key_id}" in result.evidence[0].content
    assert result.is_blocking
    shows(fault("intermediate not sent"), result)


def test_a_foreign_ca_is_unknown(tmp_path: Path) -> None:
    files = Shop(tmp_path).write(server=Authority.root("Other").issue(names=["localhost"], usages=[SERVER]))
    result = looked(files)
    assert only(result).code == "chain.unknown_ca"
    assert "Test Root CA" in only(result).message
    shows(fault("CA that clients do not trust"), result)


def test_a_ca_renewed_under_the_same_name_with_another_key_is_told(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write(server=Authority.root().issue(names=["localhost"], usages=[SERVER]))
    assert "has another key" in only(looked(files)).message


def test_a_self_signed_certificate_is_said_to_be_one(tmp_path: Path) -> None:
    own = Authority.root("localhost")
    files = Shop(tmp_path).write(server=Issued(own.certificate, own.key))
    result = looked(files)
    assert only(result).code == "chain.self_signed"
    assert only(result).measured["verify_code"].value == 18
    shows(fault("self-signed certificate"), result)


def test_a_certificate_for_clients_has_the_wrong_purpose(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write(server=shop.root.issue(names=["localhost"], usages=[CLIENT]))
    result = looked(files)
    assert only(result).code == "chain.wrong_purpose"
    assert only(result).measured["verify_code"].value == 26
    shows(fault("certificate for clients only"), result)


def test_an_intermediate_as_the_only_trusted_one_is_accepted_by_the_strict_verifier_only(tmp_path: Path) -> None:
    files, issuing = with_intermediate(tmp_path, sends_it=True)
    files.ca.write_bytes(issuing.pem())
    result = looked(files)
    finding = only(result)
    assert (finding.state, finding.code) == (State.WARN, "chain.only_strict")
    assert "libpq" in finding.message
    shows(fault("CA file holds the intermediate only"), result)


def test_a_leaf_without_its_issuer_s_key_id_is_accepted_by_openssl_only(tmp_path: Path) -> None:
    shop, key = Shop(tmp_path), certificates.new_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = certificates._builder(name, shop.root.certificate.subject, key, starts=-1, days=90)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    files = shop.write(server=Issued(builder.sign(shop.root.key, hashes.SHA256()), key))
    result = looked(files)
    finding = only(result)
    assert (finding.state, finding.code) == (State.WARN, "chain.only_openssl")
    assert "Go, rustls" in finding.message
    assert not result.is_blocking
    shows(fault("leaf without authority key id"), result)


def test_a_certificate_without_alternative_names_is_judged_by_openssl_alone(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    finding = only(looked(shop.write(server=shop.root.issue("localhost", usages=[SERVER]))))
    assert finding.code == "chain.accepted"
    assert str(finding.measured["cryptography"].value).startswith("not asked")


def test_names_of_every_kind_can_be_judged(tmp_path: Path) -> None:
    for names in (["*.shop.test"], ["127.0.0.1"], ["::1"]):
        shop = Shop(tmp_path)
        files = shop.write(server=shop.root.issue("shop", names=names, usages=[SERVER]))
        assert only(looked(files)).measured["cryptography"].value == "accepted"


def test_a_door_that_never_shakes_hands_shows_nothing(tmp_path: Path) -> None:
    began = time.monotonic()
    result = looked(Shop(tmp_path).write(), hanging)
    assert time.monotonic() - began < 6
    assert only(result).code == "chain.nothing_seen"
    shows(HANGING, result)


def test_a_ca_file_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    handler = tls_handler(server_context(files, demands=False))
    files.ca.write_bytes(b"rubbish")
    assert only(looked(files, handler)).state is State.ERROR


def test_the_handshake_waits_for_the_chain() -> None:
    assert SLUG in check("ssl.mtls_handshake").requires


def test_a_stack_without_https_is_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}
