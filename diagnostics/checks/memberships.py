"""Which containers are in which networks of the engine, under which names, and which networks two services share."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from diagnostics.checks.seeing import Seeing
from diagnostics.probes.engine import Seen
from diagnostics.probes.routes import Subnet

NO_NETWORK = "none"  # the engine's name for the loopback alone
HOST_NETWORK = "host"
OF_CONTAINER = "container:"  # before the id of the container whose network another one is in
LIVING = frozenset({"running", "restarting", "paused"})
BRIDGE_NAME, MTU = "com.docker.network.bridge.name", "com.docker.network.driver.mtu"  # options of a network


@dataclass(frozen=True, slots=True)
class Network:
    """A network as the engine describes it."""

    id: str
    name: str
    driver: str
    subnets: tuple[Subnet, ...]
    options: Mapping[str, str]

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Network:
        """Read what inspect gives."""
        configured = (described.get("IPAM") or {}).get("Config") or []
        return cls(
            id=str(described.get("Id", "")),
            name=str(described.get("Name", "")),
            driver=str(described.get("Driver", "")),
            subnets=tuple(_subnets(str(one.get("Subnet", "")) for one in configured)),
            options={str(key): str(value) for key, value in (described.get("Options") or {}).items()},
        )

    @property
    def bridge(self) -> str:
        """Give the interface that it has on the engine's host."""
        return self.options.get(BRIDGE_NAME) or f"br-{self.id[:12]}"


@dataclass(frozen=True, slots=True)
class Place:
    """A container's place in one network."""

    container: Seen
    network: str
    address: str
    hardware_address: str
    names: frozenset[str]  # by which others in this network find it


def places_of(container: Seen, everybody: Sequence[Seen] = ()) -> list[Place]:
    """Give the places of a container; one that is in another one's network has that one's."""
    mode = str((container.attributes.get("HostConfig") or {}).get("NetworkMode", ""))
    if mode.startswith(OF_CONTAINER):
        owner = next((one for one in everybody if one.id == mode.removeprefix(OF_CONTAINER)), None)
        return places_of(owner) if owner else []
    networks = (container.attributes.get("NetworkSettings") or {}).get("Networks") or {}
    return [_place(container, str(name), entry or {}) for name, entry in networks.items() if name != NO_NETWORK]


def _place(container: Seen, network: str, entry: Mapping[str, Any]) -> Place:
    given = (*(entry.get("Aliases") or []), *(entry.get("DNSNames") or []), container.name, container.id[:12])
    return Place(
        container=container,
        network=network,
        address=str(entry.get("IPAddress", "")),
        hardware_address=str(entry.get("MacAddress", "")),
        names=frozenset(str(one).lower() for one in given if one),
    )


def places_by_service(seeing: Seeing, *, living: bool = False) -> dict[str, list[Place]]:
    """Give the places of each service that has a container (one that is up, with `living`).

    Raises: EngineFailure, NotPermitted.
    """
    containers = seeing.surroundings.containers()
    everybody = [one for seen in containers.values() for one in seen]
    chosen = {
        service: [one for one in seen if not living or one.status in LIVING] for service, seen in containers.items()
    }
    return {
        service: [place for one in seen for place in places_of(one, everybody)]
        for service, seen in chosen.items()
        if seen
    }


def shared(one: Sequence[Place], other: Sequence[Place]) -> list[str]:
    """Give the networks that two services are both in."""
    return sorted({place.network for place in one} & {place.network for place in other})


def shared_networks(seeing: Seeing, one: str, other: str) -> list[str] | None:
    """Give the networks that two services are both in; None where one has no container."""
    places = places_by_service(seeing)
    return shared(places[one], places[other]) if one in places and other in places else None


def off_network_key(service: str) -> str:
    """Give the name under which `network.dns` hands over that a service shares no network with who asked for it."""
    return f"off network {service}"


def _subnets(texts: Iterator[str]) -> Iterator[Subnet]:
    for text in texts:
        with suppress(ValueError):
            yield ipaddress.ip_network(text, strict=False)
