"""Routes as the kernel writes them, of this machine and as it wrote them elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.probes import routes
from diagnostics.probes.routes import has_interface, mtu_of, own_routes, way_out

IPV4 = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t000010AC\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0
tun0\t00000000\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0
down0\t0000640A\t00000000\t0000\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
IPV6 = (
    "fd00000000000000000000000000abcd 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001 br-1\n"
    "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001 br-1\n"
    "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n"
    "ff000000000000000000000000000000 08 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n"
)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "route").write_text(IPV4)
    (tmp_path / "ipv6_route").write_text(IPV6)
    monkeypatch.setattr(routes, "IPV4", tmp_path / "route")
    monkeypatch.setattr(routes, "IPV6", tmp_path / "ipv6_route")


@pytest.mark.usefixtures("written")
def test_addresses_and_masks_are_read_in_the_kernel_s_order() -> None:
    assert [str(one) for one in own_routes()] == [
        "0.0.0.0/0 dev eth0",
        "192.0.2.0/24 dev eth0",
        "172.16.0.0/12 dev tun0",
        "0.0.0.0/1 dev tun0",
        "fd00::/64 dev br-1",
    ]


@pytest.mark.usefixtures("written")
def test_a_default_route_is_known_also_in_halves() -> None:
    found = own_routes()
    assert way_out(found) == "eth0"
    assert [one.is_everything for one in found] == [True, False, False, True, False]


def test_this_machine_has_a_loopback_with_an_mtu() -> None:
    assert has_interface("lo")
    assert not has_interface("../net/lo")
    assert (mtu_of("lo") or 0) >= 1500
    assert mtu_of("no-such") is None


def test_a_machine_without_proc_has_no_routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "IPV4", tmp_path / "none")
    monkeypatch.setattr(routes, "IPV6", tmp_path / "none")
    assert own_routes() == []
    assert way_out([]) == ""
