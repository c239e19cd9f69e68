from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.stack import TlsFiles
from tests.diagnostics.checks.certificates import CLIENT, SERVER, Authority, Shop
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack

SLUG = "ssl.client_certificate"
FAULTS = {
    "unknown_ca": "certificate of a foreign CA",
    "missing_intermediate": "intermediate not sent along",
    "expired": "certificate expired",
    "not_yet_valid": "certificate of tomorrow",
    "wrong_eku": "certificate for servers only",
    "key_mismatch": "key of another certificate",
    "not_presented": "no client certificate described",
}


def looked(files: TlsFiles) -> Result:
    return look(SLUG, stack(files.ca.parent, tls={"shop": files}))


def failed(files: TlsFiles, code: str) -> str:
    result = looked(files)
    finding = found(result, f"client_certificate.{code}")
    shows(fault(FAULTS[code]), result)
    assert finding.state is State.FAIL
    assert finding.citations or code == "not_presented"
    return finding.message


def test_a_certificate_of_the_client_ca_passes(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    result = looked(shop.write())
    assert codes(result) == {"client_certificate.acceptable"}
    shows(HEALTHY, result)
    chained = shop.write(client=shop.root.intermediate().issue("probe", usages=[CLIENT]))
    assert looked(chained).state is State.PASS


def test_plain_tls_is_skipped(tmp_path: Path) -> None:
    files = replace(Shop(tmp_path).write(), client_certificate=None, client_key=None)
    assert codes(looked(files)) == {"not_applicable"}


def test_a_foreign_ca_is_unknown(tmp_path: Path) -> None:
    client = Authority.root("Somebody Else").issue("probe", usages=[CLIENT])
    assert "Somebody Else" in failed(Shop(tmp_path).write(client=client), "unknown_ca")


def test_the_client_ca_counts_where_it_is_not_the_server_ca(tmp_path: Path) -> None:
    own = Authority.root("Clients")
    files = Shop(tmp_path).write(client=own.issue("probe", usages=[CLIENT]))
    assert looked(replace(files, client_ca=own.write(tmp_path, "clients"))).state is State.PASS
    failed(files, "unknown_ca")


def test_a_missing_intermediate_is_found_beside_the_files(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    middle = shop.root.intermediate("Shop Issuing")
    files = shop.write(client=middle.issue("probe", usages=[CLIENT]))
    assert files.client_certificate is not None
    middle.issue("probe", usages=[CLIENT]).write(tmp_path, "client", with_chain=False)
    middle.write(tmp_path, "issuing")
    assert "Shop Issuing" in failed(files, "missing_intermediate")


@pytest.mark.parametrize(
    ("issue", "code"),
    [
        ({"starts": -10, "days": 5}, "expired"),
        ({"starts": 5}, "not_yet_valid"),
        ({"usages": [SERVER]}, "wrong_eku"),
    ],
)
def test_dates_and_purpose_have_their_codes(issue: dict[str, object], code: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    client = shop.root.issue("probe", **{"usages": [CLIENT], **issue})  # type: ignore[arg-type]
    failed(shop.write(client=client), code)


def test_a_key_of_another_certificate_is_a_mismatch(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write()
    assert files.client_key is not None
    files.client_key.write_bytes(shop.root.issue().key_pem())
    failed(files, "key_mismatch")


def test_a_file_that_whoever_opens_waits_for_is_unreadable(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    assert files.client_certificate is not None
    files.client_certificate.unlink()
    os.mkfifo(files.client_certificate)
    result = looked(files)
    assert found(result, "client_certificate.unreadable").state is State.FAIL
    shows(HANGING, result)


def test_a_client_ca_without_a_client_certificate_is_not_presented(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    bare = replace(files, client_certificate=None, client_key=None, client_ca=files.ca)
    failed(bare, "not_presented")
