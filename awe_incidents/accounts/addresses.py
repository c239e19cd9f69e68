"""Where a request came from."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings

MAX_CHARACTERS = 64
IPV6_SITE = 64  # bits: what one site usually has to itself, so that other addresses of it are no other caller


def client_address(meta: Mapping[str, Any]) -> str:
    """Give the caller's address; forwarded ones count only behind as many proxies as are configured."""
    hops = [hop.strip() for hop in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",") if hop.strip()]
    trusted: int = settings.AWE_TRUSTED_PROXIES
    if trusted and len(hops) >= trusted:
        return hops[-trusted][:MAX_CHARACTERS]
    return str(meta.get("REMOTE_ADDR", ""))[:MAX_CHARACTERS]


def client_network(meta: Mapping[str, Any]) -> str:
    """Give what counts as one caller: the IPv4 address, or the network of an IPv6 address."""
    return network_of(client_address(meta))


def network_of(text: str) -> str:
    """Give what counts as one caller of an address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_SITE), strict=False))
