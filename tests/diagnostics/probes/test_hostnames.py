from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from diagnostics.probes.certificates import Certificate, parse_der
from diagnostics.probes.hostnames import bears, bears_as_common_name
from tests.diagnostics.checks.certificates import Authority

ROOT = Authority.root()


def certificate(*names: str, common_name: str = "unused.test") -> Certificate:
    issued = ROOT.issue(common_name, names=names)
    return parse_der(issued.certificate.public_bytes(Encoding.DER), where="test")


@pytest.mark.parametrize(
    ("borne", "wanted", "is_borne"),
    [
        ("shop.test", "shop.test", True),
        ("shop.test", "SHOP.test.", True),
        ("shop.test", "www.shop.test", False),
        ("*.shop.test", "www.shop.test", True),
        ("*.shop.test", "a.www.shop.test", False),
        ("*.shop.test", "shop.test", False),
        ("*.test", "shop.test", False),
        ("w*.shop.test", "www.shop.test", False),
        ("xn--mnchen-3ya.test", "München.test", True),
        ("localhost", "localhost", True),
        ("under_score.test", "under_score.test", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("*.0.0.1", "127.0.0.1", False),
    ],
)
def test_a_name_is_borne_as_rfc_9525_says(borne: str, wanted: str, is_borne: bool) -> None:
    assert bears(certificate(borne), wanted) is is_borne


def test_an_address_written_as_a_dns_name_does_not_count() -> None:
    one = dataclasses.replace(certificate(), dns_names=("10.0.0.1",), has_alternative_names=True)
    assert not bears(one, "10.0.0.1")


def test_the_common_name_counts_only_where_there_are_no_alternative_names() -> None:
    assert bears_as_common_name(certificate(common_name="shop.test"), "shop.test")
    assert not bears_as_common_name(certificate("other.test", common_name="shop.test"), "shop.test")
