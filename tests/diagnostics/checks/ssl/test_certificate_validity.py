from __future__ import annotations

import time
from pathlib import Path

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.stack import Endpoint, TlsFiles
from tests.diagnostics.checks.certificates import CLIENT, SERVER, Authority, Shop
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.servers import hanging, server_context, serving, tls_handler

SLUG = "ssl.certificate_validity"


def looked(files: TlsFiles, *, port: int | None = None, **thresholds: float) -> Result:
    endpoint = Endpoint(name="shop", service="till", url=f"https://localhost:{port}", tls="shop")
    endpoints = {"shop": endpoint} if port else {}
    return look(SLUG, stack(files.ca.parent, tls={"shop": files}, endpoints=endpoints, thresholds={SLUG: thresholds}))


def server_with(shop: Shop, *, starts: float = -1, days: float = 365) -> TlsFiles:
    return shop.write(server=shop.root.issue(names=["localhost"], usages=[SERVER], starts=starts, days=days))


def test_sound_certificates_pass_and_are_seen_once(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    with serving(tls_handler(server_context(files))) as port:
        result = looked(files, port=port)
    assert result.state is State.PASS
    assert len(result.findings) == 3
    shows(HEALTHY, result)
    assert f"localhost:{port}" in result.findings[0].message  # file and door in one finding


def test_a_stack_without_certificates_is_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}


def test_an_expired_server_certificate_fails_and_blocks(tmp_path: Path) -> None:
    result = looked(server_with(Shop(tmp_path), starts=-10, days=7))
    finding = found(result, "certificate.expired")
    assert finding.state is State.FAIL
    assert finding.target.endswith("server.crt")
    shows(fault("server certificate expired"), result)
    assert finding.measured["left"].value == pytest.approx(-3, abs=0.01)
    assert result.is_blocking
    cited = result.evidence[int(finding.citations[0].evidence[1:]) - 1].content.split("\n")
    assert cited[finding.citations[0].first_line - 1].startswith("not_before")
    assert cited[finding.citations[0].last_line - 1].startswith("not_after")


def test_a_certificate_of_tomorrow_fails(tmp_path: Path) -> None:
    assert found(looked(server_with(Shop(tmp_path), starts=1)), "certificate.not_yet_valid").state is State.FAIL


@pytest.mark.parametrize(
    ("left_days", "lifetime_days", "state"),
    [
        (364, 365, State.PASS),
        (29, 365, State.WARN),  # under 30 days
        (6, 365, State.FAIL),  # under 7 days
        (20, 47, State.PASS),  # more than a third of a short lifetime
        (15, 47, State.WARN),  # under a third
        (4.5, 47, State.FAIL),  # under 10 %
        (0.8, 1, State.PASS),  # a certificate for a day
    ],
)
def test_the_limits_are_relative_to_the_lifetime(
    left_days: float, lifetime_days: float, state: State, tmp_path: Path
) -> None:
    result = looked(server_with(Shop(tmp_path), starts=left_days - lifetime_days, days=lifetime_days))
    finding = next(one for one in result.findings if one.target.endswith("server.crt"))
    assert finding.state is state
    assert finding.code == ("certificate.valid" if state is State.PASS else "certificate.near_expiry")
    assert not result.is_blocking  # it still works
    if left_days == 6:
        shows(fault("six days of a year left"), result)


def test_the_stack_may_set_its_own_limits(tmp_path: Path) -> None:
    files = server_with(Shop(tmp_path), starts=-100, days=200)
    assert looked(files).state is State.PASS
    finding = found(looked(files, warn_days=150, warn_percent=90), "certificate.near_expiry")
    assert finding.threshold is not None
    assert (finding.threshold.value, finding.threshold.source) == (150, "config")


def test_what_is_served_counts_also_where_the_file_is_renewed_already(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    served = server_with(shop, starts=-10, days=7)
    with serving(tls_handler(server_context(served))) as port:
        files = shop.write()
        result = looked(files, port=port)
    assert found(result, "certificate.expired").target == f"localhost:{port}"
    shows(fault("an expired certificate is still served"), result)


def test_expired_client_intermediate_and_ca_certificates_fail(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    client = shop.root.intermediate("Old Issuing", starts=-10, days=5).issue("probe", usages=[CLIENT])
    finding = found(looked(shop.write(client=client)), "certificate.expired")
    assert "Old Issuing" in finding.message
    old = Shop(tmp_path, root=Authority.root("Old Root", starts=-10, days=5))
    assert "Old Root" in found(looked(old.write()), "certificate.expired").message


def test_an_expired_ca_that_nothing_depends_on_is_a_warning(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    unused = [Authority.root(f"Old {number}", starts=-10, days=5) for number in range(2)]
    fine = [Authority.root(f"Fine {number}") for number in range(20)]
    files.ca.write_bytes(files.ca.read_bytes() + b"".join(one.pem() for one in [*unused, *fine]))
    result = looked(files)
    assert result.state is State.WARN
    assert [one.code for one in result.findings].count("certificate.expired_unused") == 2
    assert "20 further" in result.findings[-1].message


def test_a_door_that_never_answers_leaves_the_files_to_be_judged(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    began = time.monotonic()
    with serving(hanging) as port:
        result = looked(files, port=port)
    assert result.state is State.PASS
    assert "time" in found(result, "certificate.not_served").message
    shows(HANGING, result)
    assert time.monotonic() - began < 6


def test_files_that_cannot_be_read_are_left_to_the_check_of_files(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    assert files.server_certificate is not None
    files.server_certificate.write_bytes(b"rubbish")
    assert codes(looked(files)) == {"certificate.valid"}
