"""Which containers are in which networks, as inspect describes them (Docker 20.10 and 25)."""

from __future__ import annotations

from typing import Any

from diagnostics.checks.memberships import Network, places_of, shared
from diagnostics.probes.engine import Seen


def container(name: str, *networks: str, mode: str = "shop_back", **entry: Any) -> Seen:
    attributes = {
        "Name": f"/shop_{name}_1",
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": {network: {"IPAddress": "10.9.0.2", **entry} for network in networks}},
    }
    return Seen(name, f"{name}-0123456789abcdef", attributes)


def test_names_are_those_of_old_engines_and_of_new_ones() -> None:
    (place,) = places_of(container("till", "shop_back", Aliases=["till", "Cash"], DNSNames=["desk"]))
    assert place.names == {"till", "cash", "desk", "shop_till_1", "till-0123456"}
    assert (place.network, place.address) == ("shop_back", "10.9.0.2")
    assert places_of(container("till", "shop_back", Aliases=None))[0].names >= {"shop_till_1"}


def test_a_container_in_the_network_of_another_has_its_places() -> None:
    owner = container("till", "shop_back", "shop_front")
    guest = container("clerk", mode=f"container:{owner.id}")
    assert places_of(guest, [owner, guest]) == places_of(owner)
    assert places_of(guest, [guest]) == []


def test_the_loopback_alone_is_shared_with_nobody() -> None:
    one, other = container("till", "none", mode="none"), container("clerk", "none", mode="none")
    assert shared(places_of(one), places_of(other)) == []


def test_what_two_share_is_named() -> None:
    one, other = container("till", "a", "b", "c"), container("clerk", "c", "b")
    assert shared(places_of(one), places_of(other)) == ["b", "c"]


def test_a_network_has_its_subnets_and_its_bridge() -> None:
    described = {
        "Id": "0a1b2c3d4e5f6789",
        "Name": "shop_back",
        "Driver": "bridge",
        "IPAM": {
            "Config": [
                {"Subnet": "10.9.0.0/16"},
                {"Subnet": "fd00:9::/64"},
                {"Subnet": "nonsense"},
                {},
            ]
        },
    }
    network = Network.of(described)
    assert [str(one) for one in network.subnets] == ["10.9.0.0/16", "fd00:9::/64"]
    assert network.bridge == "br-0a1b2c3d4e5f"
    named = {**described, "Options": {"com.docker.network.bridge.name": "shop0"}, "IPAM": None}
    assert (Network.of(named).bridge, Network.of(named).subnets) == ("shop0", ())
