"""What makes a container like another one, but for variables of its environment or new volumes (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OWN_NETWORK = ("host", "none", "container:")  # modes that join no network of the engine
# By it compose knows whether a container is as its files say: with it, one whose files were put back would stay.
CONFIG_HASH = "com.docker.compose.config-hash"
ID_CHARACTERS = 12  # of a container's id, which the engine gives it as host name and alias


def anew(
    inspected: Mapping[str, Any], variables: Mapping[str, str], *, keeps_volumes: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the body of a call that creates it, and its further networks with how it is connected to each.

    `inspected` is the engine's inspect of the former one; volumes that only its image declares stay with
    `keeps_volumes`, else they are made anew. An engine takes one network with the creation.
    """
    config, host = dict(inspected["Config"]), dict(inspected["HostConfig"])
    short_id = str(inspected["Id"])[:ID_CHARACTERS]
    config["Env"] = _with(config.get("Env") or [], variables)
    if variables:
        config["Labels"] = {name: value for name, value in (config.get("Labels") or {}).items() if name != CONFIG_HASH}
    if config.get("Hostname") == short_id:
        config.pop("Hostname")
    config.pop("MacAddress", None)
    if keeps_volumes and (anonymous := _anonymous_volumes(inspected, host)):
        host["Binds"] = [*(host.get("Binds") or []), *anonymous]
    mode = str(host.get("NetworkMode", ""))
    if mode.startswith(OWN_NETWORK):
        return {**config, "HostConfig": host}, {}
    networks = {
        name: _endpoint(endpoint, short_id) for name, endpoint in inspected["NetworkSettings"]["Networks"].items()
    }
    first = mode if mode in networks else next(iter(networks), "")
    joined = {"EndpointsConfig": {first: _as_created(networks[first])}} if first else {}
    others = {name: endpoint for name, endpoint in networks.items() if name != first}
    return {**config, "HostConfig": host, "NetworkingConfig": joined}, others


def _with(entries: list[str], variables: Mapping[str, str]) -> list[str]:
    kept = [entry for entry in entries if entry.partition("=")[0] not in variables]
    return [*kept, *(f"{name}={value}" for name, value in variables.items())]


def _anonymous_volumes(inspected: Mapping[str, Any], host: Mapping[str, Any]) -> list[str]:
    """Give binds for volumes that the image declares, which would be made anew and empty otherwise."""
    told = {str(bind).split(":")[1] for bind in host.get("Binds") or [] if ":" in str(bind)}
    told |= {str(mount.get("Target")) for mount in host.get("Mounts") or []}
    return [
        f"{mount['Name']}:{mount['Destination']}"
        for mount in inspected.get("Mounts") or []
        if mount.get("Type") == "volume" and mount.get("Destination") not in told
    ]


def _endpoint(endpoint: Mapping[str, Any], short_id: str) -> dict[str, Any]:
    addresses = endpoint.get("IPAMConfig") or {}
    given = {
        "aliases": [alias for alias in endpoint.get("Aliases") or [] if alias != short_id],
        "links": endpoint.get("Links"),
        "ipv4_address": addresses.get("IPv4Address"),
        "ipv6_address": addresses.get("IPv6Address"),
        "driver_opt": endpoint.get("DriverOpts"),
    }
    return {name: value for name, value in given.items() if value}


def _as_created(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    addresses = {"IPv4Address": endpoint.get("ipv4_address"), "IPv6Address": endpoint.get("ipv6_address")}
    addresses = {name: value for name, value in addresses.items() if value}
    made = {"Aliases": endpoint.get("aliases"), "Links": endpoint.get("links"), "IPAMConfig": addresses}
    made["DriverOpts"] = endpoint.get("driver_opt")
    return {name: value for name, value in made.items() if value}
