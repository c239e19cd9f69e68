"""Does a certificate bear a name? RFC 9525: alternative names only; a wildcard stands for one whole first label."""

from __future__ import annotations

import ipaddress

import idna

from diagnostics.probes.certificates import Certificate


def is_address(name: str) -> bool:
    """Say whether it is an IP address and no name, in brackets or without."""
    return _address(name) is not None


def bears(certificate: Certificate, name: str) -> bool:
    """Say whether a client that connects to this name or address accepts the certificate's alternative names."""
    if address := _address(name):
        return any(_address(one) == address for one in certificate.ip_addresses)
    wanted = as_ascii(name)
    return any(_matches(pattern, wanted) for pattern in certificate.dns_names)


def bears_as_common_name(certificate: Certificate, name: str) -> bool:
    """Say whether the name stands in the common name only: Python accepts that, Go and current browsers refuse it."""
    if certificate.has_alternative_names or _address(name):
        return False
    return _matches(certificate.common_name, as_ascii(name))


def as_ascii(name: str) -> str:
    """Give a host name as it stands in certificates: lower case, A-labels, no final dot."""
    plain = name.rstrip(".").lower()
    try:
        return idna.encode(plain, uts46=True).decode()
    except idna.IDNAError:  # underscores and the like: compared as they are
        return plain


def _matches(pattern: str, name: str) -> bool:
    pattern = pattern.rstrip(".").lower()
    if not pattern.startswith("*."):
        return pattern == name
    rest = pattern[2:]
    return "." in rest and "*" not in rest and name.partition(".")[2] == rest


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None
