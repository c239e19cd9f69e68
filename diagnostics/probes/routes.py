"""Probe of this machine's routes and interfaces: what /proc/net and /sys say of the network that we are in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

IPV4, IPV6 = Path("/proc/net/route"), Path("/proc/net/ipv6_route")
INTERFACES = Path("/sys/class/net")
UP = 0x1  # flags of a route, linux/route.h
WHOLE_HALVES = 1  # so long is the mask of the two halves that a VPN lays over the default route

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Route:
    """Where packets to a subnet go."""

    subnet: Subnet
    interface: str

    @property
    def is_everything(self) -> bool:
        """Say whether it is a default route, or one of the halves of one."""
        return self.subnet.prefixlen <= WHOLE_HALVES

    def __str__(self) -> str:
        """Give it as `ip route` would."""
        return f"{self.subnet} dev {self.interface}"


def own_routes() -> list[Route]:
    """Give the routes of the network that we are in, without those of the loopback's and link-local addresses."""
    found = [*_ipv4(_lines(IPV4)), *_ipv6(_lines(IPV6))]
    return [one for one in found if not one.subnet.is_loopback and not one.subnet.is_link_local]


def has_interface(name: str) -> bool:
    """Say whether the network that we are in has an interface of this name."""
    return "/" not in name and (INTERFACES / name).exists()


def mtu_of(interface: str) -> int | None:
    """Give the largest packet of an interface in bytes, None where nothing says it."""
    with suppress(OSError, ValueError):
        return int((INTERFACES / interface / "mtu").read_text())
    return None


def way_out(routes: Sequence[Route]) -> str:
    """Give the interface of the default route, empty where there is none."""
    return next((one.interface for one in routes if one.is_everything), "")


def _lines(path: Path) -> list[list[str]]:
    with suppress(OSError):
        return [line.split() for line in path.read_text().splitlines()]
    return []


def _ipv4(rows: Sequence[Sequence[str]]) -> Iterator[Route]:
    """Read /proc/net/route: the kernel writes addresses as numbers in the order of its own bytes."""
    for row in rows:
        with suppress(ValueError, IndexError):
            if int(row[3], 16) & UP:
                address, mask = (ipaddress.IPv4Address(bytes.fromhex(row[at])[::-1]) for at in (1, 7))
                yield Route(ipaddress.ip_network(f"{address}/{mask}"), row[0])


def _ipv6(rows: Sequence[Sequence[str]]) -> Iterator[Route]:
    """Read /proc/net/ipv6_route, without single addresses and multicast."""
    for row in rows:
        with suppress(ValueError, IndexError):
            subnet = ipaddress.ip_network((bytes.fromhex(row[0]), int(row[1], 16)))
            if int(row[8], 16) & UP and subnet.prefixlen < subnet.max_prefixlen and not subnet.is_multicast:
                yield Route(subnet, row[9])
