"""NET-05: containers that must talk are in one network, under the names that are used, and nothing lies across it.

Who must talk to whom is the service graph: `depends_on`, poolers and their databases, workers and their queue. A
container in another one's network has that one's places; who is in the host's network is left out, as it reaches
others by address and has no name there.
Fail: `networks.none_shared` (of the two that of whose connections more are cut is named; a warning where network.dns
fails for the same service). Warn: `networks.alias_missing` (in no network that they share does the callee have the name
that the description gives it, or else its service's, as after a `docker network connect` without `--alias`; whether a
name resolves is tested by network.dns), `networks.subnet_overlaps` (a route of the engine's host, or another network of
the engine, has addresses of this network's subnet: the longer mask wins, and the others cannot be reached),
`networks.mtu_differs` (interfaces in one network have different MTUs, or a service that speaks to the outside by the
description, as in [tools.*] or [model_providers.*], has a larger one than the host's way out: large answers are lost
where nobody is told). Pass: `networks.shared`. Skip: `networks.no_pairs`. Exact, no threshold.
`docker network inspect` alone does not say who needs whom, nor what else the host routes. Routes and way out can be
seen only where this machine is the engine's host (it has the network's bridge); the message says so where it is not.
MTUs are read by grep in the containers, of the interfaces eth0 to eth3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.edges import pairs_of
from diagnostics.checks.memberships import HOST_NETWORK, Network, Place, off_network_key, places_by_service, shared
from diagnostics.checks.names_inside import names_of
from diagnostics.checks.packet_sizes import SizeTrouble, size_troubles
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.startup.engine import NO_CONTAINERS
from diagnostics.probes.routes import Route, has_interface, own_routes
from diagnostics.stack import StackConfig

MAX_SHOWN = 5

Pair = tuple[str, str]  # caller and callee


@dataclass(frozen=True, kw_only=True)
class View:
    """What the engine and this machine's routes say, at one moment."""

    places: Mapping[str, Sequence[Place]]  # by service
    networks: Mapping[str, Network]  # those that the stack's containers are in, by name
    others: Sequence[Network]
    routes: Sequence[Route]  # none where this machine is not the engine's host
    is_host: bool
    evidence: Evidence
    lines: Mapping[str, int] = field(default_factory=dict)  # by network, in the evidence

    def cited(self, *networks: str) -> tuple[Citation, ...]:
        """Cite the lines of networks, all of the evidence where there are none."""
        found = tuple(self.evidence.lines(self.lines[one]) for one in networks if one in self.lines)
        return found or (self.evidence.whole(),)


@dataclass(frozen=True, kw_only=True)
class Networks(Check):
    """The networks of a stack of containers."""

    slug: ClassVar[str] = "network.networks"
    title: ClassVar[str] = "Containers that must talk share a network, and nothing lies across it"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)
    after: ClassVar[tuple[str, ...]] = ("network.dns",)
    deadline_seconds: ClassVar[float] = 15.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to containers of which one needs another."""
        if stack.vantage != "container":
            return NO_CONTAINERS
        return None if pairs_of(stack) else "no service depends on another"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Hold the service graph against who is where."""
        view = _see(seeing)
        pairs = [pair for pair in pairs_of(seeing.stack) if view.places.keys() >= set(pair)]
        cut = [one for one in pairs if _is_cut(view, one)]
        yield from _cut_off(seeing, view, pairs, cut)
        yield from _without_alias(seeing, view, [one for one in pairs if one not in cut])
        yield from _overlapping(view)
        yield from (_mtu(view, one) for one in size_troubles(seeing, view.places, view.routes))
        if not cut:
            yield _shared(view, pairs)


def _see(seeing: Seeing) -> View:
    """Read everything once. Raises: EngineFailure, NotPermitted."""
    places = places_by_service(seeing, living=True)
    described = [Network.of(one) for one in seeing.surroundings.engine().networks()]
    ours = {place.network for found in places.values() for place in found}
    networks = {one.name: one for one in described if one.name in ours}
    is_host = any(has_interface(one.bridge) for one in networks.values())
    routes = own_routes() if is_host else []
    rows = {name: _row(one, places) for name, one in sorted(networks.items())}
    alone = [f"{service}: in no network" for service, found in sorted(places.items()) if not found]
    evidence = seeing.keep(
        "inspect_json",
        source="networks of the engine and routes of its host",
        content=[*rows.values(), *alone, *(f"route {one}" for one in routes)] or ["no networks"],
    )
    return View(
        places=places,
        networks=networks,
        others=[one for one in described if one.name not in ours],
        routes=routes,
        is_host=is_host,
        evidence=evidence,
        lines={name: number for number, name in enumerate(rows, start=1)},
    )


def _row(network: Network, places: Mapping[str, Sequence[Place]]) -> str:
    members = [
        f"{service} {place.address or 'without address'} as {', '.join(sorted(place.names))}"
        for service, found in sorted(places.items())
        for place in found
        if place.network == network.name
    ]
    subnets = ", ".join(map(str, network.subnets)) or "no subnet"
    return f"{network.name} ({network.driver}, {subnets}): {'; '.join(members) or 'nobody'}"


def _is_cut(view: View, pair: Pair) -> bool:
    one, other = (view.places[service] for service in pair)
    is_in_hosts = any(place.network == HOST_NETWORK for place in (*one, *other))
    return not is_in_hosts and not shared(one, other)


def _cut_off(seeing: Seeing, view: View, pairs: Sequence[Pair], cut: Sequence[Pair]) -> Iterator[Finding]:
    """Give a finding for each service that is where it should not be, whatever it is cut off from."""
    total, lost = (Counter(service for pair in some for service in pair) for some in (pairs, cut))
    by_culprit: dict[str, list[Pair]] = {}
    for caller, callee in cut:
        is_caller = lost[caller] / total[caller] > lost[callee] / total[callee]
        by_culprit.setdefault(caller if is_caller else callee, []).append((caller, callee))
    for culprit, its in sorted(by_culprit.items()):
        peers = sorted({one for pair in its for one in pair} - {culprit})
        is_told = any(off_network_key(callee) in seeing.handed for _, callee in its)
        places = {service: _named(view.places[service]) for service in (culprit, *peers[:MAX_SHOWN])}
        where = "; ".join(f"{service} is in {networks}" for service, networks in places.items())
        yield Finding(
            state=State.WARN if is_told else State.FAIL,
            code="networks.none_shared",
            message=seeing.clean(f"{culprit} shares no network with {', '.join(peers)}: {where}"),
            target=culprit,
            measured={"cut_connections": Measurement(len(its))},
            citations=(view.evidence.whole(),),
            next_checks=("network.connections",),
            blocks=False,
        )


def _named(places: Sequence[Place]) -> str:
    return ", ".join(sorted({place.network for place in places})) or "none"


def _without_alias(seeing: Seeing, view: View, pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Give a finding for each service that its callers do not find by its name."""
    missed: dict[tuple[str, str], list[str]] = {}
    for caller, callee in pairs:
        common = shared(view.places[caller], view.places[callee])
        known = {name for place in view.places[callee] if place.network in common for name in place.names}
        for name in names_of(seeing.stack, callee):
            if common and HOST_NETWORK not in common and name.lower() not in known:
                missed.setdefault((callee, name), []).append(caller)
    for (callee, name), callers in sorted(missed.items()):
        networks = sorted({place.network for place in view.places[callee]})
        said = f"has not the name {name} in any network that it shares with {', '.join(callers)}"
        yield Finding(
            state=State.WARN,
            code="networks.alias_missing",
            message=seeing.clean(f"{callee} {said}"),
            target=callee,
            citations=view.cited(*networks),
            next_checks=("network.dns",),
            blocks=False,
        )


def _overlapping(view: View) -> Iterator[Finding]:
    """Give a finding for each network with addresses that something else has, too."""
    bridges = {one.bridge for one in (*view.networks.values(), *view.others)}
    routed = [(f"the host's route {one}", one.subnet) for one in view.routes if _is_foreign(one, bridges)]
    for network in view.networks.values():
        others = [one for one in (*view.networks.values(), *view.others) if one.name != network.name]
        engines = [(f"the network {one.name} ({subnet})", subnet) for one in others for subnet in one.subnets]
        across = [
            f"{subnet} and {what}"
            for subnet in network.subnets
            for what, its in (*routed, *engines)
            if its.version == subnet.version and its.overlaps(subnet)
        ]
        if across:
            yield Finding(
                state=State.WARN,
                code="networks.subnet_overlaps",
                message=f"{network.name}: addresses stand for two places: {'; '.join(across[:MAX_SHOWN])}",
                target=network.name,
                measured={"overlaps": Measurement(len(across))},
                citations=(view.evidence.whole(),),
                blocks=False,
            )


def _is_foreign(route: Route, bridges: set[str]) -> bool:
    return route.interface not in bridges and not route.is_everything


def _mtu(view: View, trouble: SizeTrouble) -> Finding:
    return Finding(
        state=State.WARN,
        code="networks.mtu_differs",
        message=trouble.text,
        target=trouble.target,
        measured={"smallest": Measurement(trouble.smallest, "B"), "largest": Measurement(trouble.largest, "B")},
        citations=(trouble.cited,) if trouble.cited else view.cited(trouble.target),
        blocks=False,
    )


def _shared(view: View, pairs: Sequence[Pair]) -> Finding:
    if not pairs:
        text = "of no two services that must talk both have a container that is up"
        return Finding(state=State.SKIP, code="networks.no_pairs", message=text, blocks=False)
    unseen = "" if view.is_host else "; this machine is not the engine's host, so its routes were not seen"
    return Finding(
        state=State.PASS,
        code="networks.shared",
        message=f"all {len(pairs)} pairs of services that must talk share a network{unseen}",
        measured={"pairs": Measurement(len(pairs)), "sees_routes": Measurement(view.is_host)},
        citations=(view.evidence.whole(),),
    )
