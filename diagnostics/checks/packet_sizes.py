"""How large packets may be on the interfaces of containers, and where that does not fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from diagnostics.checks.memberships import Place
from diagnostics.checks.result import Citation
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import ProbeFailure, ProcessUnknown
from diagnostics.probes.routes import Route, mtu_of, way_out
from diagnostics.stack import StackConfig

FILES = tuple(f"/sys/class/net/eth{number}/{name}" for number in range(4) for name in ("address", "mtu"))
LINE = re.compile(r"/sys/class/net/(?P<interface>\w+)/(?P<name>address|mtu):(?P<value>\S+)")


@dataclass(frozen=True, slots=True)
class SizeTrouble:
    """Where the largest packets of two sides differ."""

    target: str  # a network, or the service that speaks to the outside
    text: str
    smallest: int  # bytes
    largest: int
    cited: Citation | None = None


def size_troubles(
    seeing: Seeing, places: Mapping[str, Sequence[Place]], routes: Sequence[Route]
) -> Iterator[SizeTrouble]:
    """Read the MTU of every container's interfaces and give what does not fit together."""
    sizes = {service: _sizes(seeing, service) for service in sorted(places)}
    rows = [
        f"{service} in {place.network}: {sizes[service][place.hardware_address]} bytes"
        for service in sorted(places)
        for place in places[service]
        if place.hardware_address in sizes[service]
    ]
    cited = seeing.keep("command", source="MTU of interfaces in containers", content=rows).whole() if rows else None
    by_network: dict[str, dict[str, int]] = {}
    for service, found in places.items():
        for place in found:
            if size := sizes[service].get(place.hardware_address):
                by_network.setdefault(place.network, {})[service] = size
    for network, its in sorted(by_network.items()):
        if len(set(its.values())) > 1:
            shown = ", ".join(f"{service} {size}" for service, size in sorted(its.items()))
            text = f"{network}: interfaces have different MTUs: {shown} bytes"
            yield SizeTrouble(network, text, min(its.values()), max(its.values()), cited)
    yield from _too_large_for_the_way_out(seeing.stack, by_network, routes, cited)


def _too_large_for_the_way_out(
    stack: StackConfig, by_network: Mapping[str, Mapping[str, int]], routes: Sequence[Route], cited: Citation | None
) -> Iterator[SizeTrouble]:
    interface = way_out(routes)
    limit = mtu_of(interface) if interface else None
    for service in _speakers(stack) if limit else ():
        largest = max((its.get(service, 0) for its in by_network.values()), default=0)
        if limit and largest > limit:
            text = f"{service} speaks to the outside with an MTU of {largest} bytes, and {interface} takes {limit}"
            yield SizeTrouble(service, text, limit, largest, cited)


def _speakers(stack: StackConfig) -> list[str]:
    """Give the services that the description has speak to what is none of the stack's own services."""
    said = [(one.service, one.url or "") for one in stack.tools.values()]
    said += [(one.service, one.url) for one in stack.model_providers.values()]
    outside = [service for service, url in said if (urlsplit(url).hostname or service) not in stack.services]
    return list(dict.fromkeys(outside))


def _sizes(seeing: Seeing, service: str) -> dict[str, int]:
    """Give the MTUs in a service's container by hardware address; none where it cannot be asked."""
    found: dict[str, dict[str, str]] = {}
    with suppress(ProcessUnknown, CouldNotLook, ProbeFailure):
        inside = seeing.surroundings.inside(service)
        assert isinstance(inside, InsideContainer)
        _, output = inside.run(["grep", "-s", ".", *FILES])
        for match in LINE.finditer(output.decode(errors="replace")):
            found.setdefault(match["interface"], {})[match["name"]] = match["value"]
    return {one["address"]: int(one["mtu"]) for one in found.values() if one.keys() == {"address", "mtu"}}
