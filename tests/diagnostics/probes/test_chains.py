from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from diagnostics.probes.certificates import Certificate, parse_der
from diagnostics.probes.chains import neighbors, path_to_anchor, strict_verdict, why_refused
from tests.diagnostics.checks.certificates import CLIENT, SERVER, Authority, Issued

NOW = datetime.now(UTC)
ROOT = Authority.root("Shop Root")
MIDDLE = ROOT.intermediate("Shop Issuing")


def seen(one: Issued | Authority) -> Certificate:
    return parse_der(one.certificate.public_bytes(Encoding.DER), where="test")


def code_of(leaf: Issued, *, chain: tuple[Authority, ...] = (), anchor: Authority = ROOT, beside: object = ()) -> str:
    others = [seen(one) for one in beside]  # type: ignore[attr-defined]
    problem = why_refused([seen(leaf), *map(seen, chain)], [seen(anchor)], others, NOW)
    return problem.code if problem else ""


def test_a_certificate_of_the_ca_is_accepted() -> None:
    assert code_of(ROOT.issue(usages=[CLIENT])) == ""
    assert code_of(ROOT.issue(usages=[])) == ""


def test_a_chain_over_two_intermediates_is_climbed() -> None:
    lower = MIDDLE.intermediate("Shop Lower")
    leaf = lower.issue(usages=[CLIENT])
    chain, is_anchored = path_to_anchor(seen(leaf), [seen(MIDDLE), seen(lower)], [seen(ROOT)])
    assert [one.common_name for one in chain] == ["localhost", "Shop Lower", "Shop Issuing", "Shop Root"]
    assert is_anchored


def test_a_foreign_ca_is_unknown() -> None:
    assert code_of(Authority.root("Other").issue(usages=[CLIENT])) == "unknown_ca"


def test_a_foreign_ca_of_the_same_name_is_unknown() -> None:
    assert code_of(Authority.root("Shop Root").issue(usages=[CLIENT])) == "unknown_ca"


def test_a_foreign_ca_that_lies_beside_is_still_unknown() -> None:
    other = Authority.root("Other")
    assert code_of(other.issue(usages=[CLIENT]), beside=[other, MIDDLE]) == "unknown_ca"


def test_a_missing_intermediate_that_lies_beside_is_named() -> None:
    leaf = MIDDLE.issue(usages=[CLIENT])
    assert code_of(leaf, beside=[MIDDLE]) == "missing_intermediate"
    assert code_of(leaf, chain=(MIDDLE,)) == ""


def test_an_expired_link_is_named_as_expired() -> None:
    old = ROOT.intermediate("Old", starts=-10, days=5)
    assert code_of(old.issue(usages=[CLIENT]), chain=(old,)) == "expired"
    assert code_of(ROOT.issue(usages=[CLIENT], starts=-10, days=5)) == "expired"
    assert code_of(ROOT.issue(usages=[CLIENT], starts=5)) == "not_yet_valid"


def test_a_server_certificate_is_not_for_clients() -> None:
    assert code_of(ROOT.issue(usages=[SERVER])) == "wrong_eku"


def test_the_verifier_of_cryptography_agrees() -> None:
    assert strict_verdict([seen(ROOT.issue(usages=[CLIENT]))], [seen(ROOT)], NOW) == "accepted"
    assert strict_verdict([seen(Authority.root("Other").issue())], [seen(ROOT)], NOW) != "accepted"


def test_neighbors_are_read_and_other_files_left_alone(tmp_path: Path) -> None:
    path = ROOT.write(tmp_path, "ca")
    MIDDLE.write(tmp_path, "middle")
    (tmp_path / "broken.pem").write_bytes(b"\xff" * 100)
    (tmp_path / "notes.txt").write_bytes(ROOT.pem())
    assert {one.common_name for one in neighbors([path])} == {"Shop Root", "Shop Issuing"}
