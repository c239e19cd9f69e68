"""What a TLS server said during a handshake, also when it failed: its certificates, and whose certificates it asks for.

Python's ssl shows neither; OpenSSL's message callback does (`SSLContext._msg_callback`, CPython 3.8 on, undocumented).
Where that is missing the transcript stays empty and only the leaf is known. Formats: RFC 8446 4.3.2 and 4.4.2, RFC
5246 7.4.2 and 7.4.4, X.501 names in DER. Everything read here comes from a stranger.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

HANDSHAKE, CERTIFICATE, CERTIFICATE_REQUEST = 22, 11, 13
TLS_1_2, TLS_1_3 = 0x0303, 0x0304
CERTIFICATE_AUTHORITIES = 47  # extension number, RFC 8446 4.2.4
MAX_NAMES = 200
ATTRIBUTES = {
    "5504" + number: name
    for number, name in {"03": "CN", "06": "C", "07": "L", "08": "ST", "0a": "O", "0b": "OU"}.items()
}
TEXT_TAGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}


@dataclass(slots=True)
class Transcript:
    """Fills itself while the handshake goes on."""

    chain: list[bytes] = field(default_factory=list)  # DER, as sent, leaf first
    asks_for_certificate: bool = False
    ca_names: list[str] = field(default_factory=list)  # of CAs whose client certificates it takes

    def attach(self, context: ssl.SSLContext) -> None:
        """Listen to every handshake of this context."""
        if hasattr(context, "_msg_callback"):
            context._msg_callback = self._hear

    def _hear(self, _: object, direction: str, version: int, content: int, kind: int, data: bytes) -> None:
        if direction != "read" or content != HANDSHAKE:
            return
        try:
            if kind == CERTIFICATE:
                self.chain = self.chain or list(_chain(Reader(data[4:]), is_new=version >= TLS_1_3))
            elif kind == CERTIFICATE_REQUEST:
                self.asks_for_certificate = True
                self.ca_names = list(_ca_names(Reader(data[4:]), version=version))
        except ValueError:  # not what the standard says; OpenSSL is about to say so itself
            return


class Reader:
    """Takes length-prefixed pieces off a message."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        """Give the next bytes. Raises: ValueError where there are fewer."""
        piece = self._data[self._at : self._at + size]
        if len(piece) < size:
            raise ValueError("the message ends early")
        self._at += size
        return piece

    def number(self, size: int) -> int:
        """Give the next big-endian number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> Reader:
        """Give what stands behind a length of `size` bytes."""
        return Reader(self.take(self.number(size)))

    def rest(self) -> bytes:
        """Give everything that is left."""
        return self.take(len(self._data) - self._at)

    def der(self) -> tuple[int, Reader]:
        """Give the tag and content of the next DER element."""
        tag, length = self.number(1), self.number(1)
        if length & 0x80:
            length = self.number(length & 0x7F)
        return tag, Reader(self.take(length))


def _chain(message: Reader, *, is_new: bool) -> Iterator[bytes]:
    if is_new:
        message.vector(1)  # request context
    entries = message.vector(3)
    while entries:
        yield entries.vector(3).rest()
        if is_new:
            entries.vector(2)  # extensions


def _ca_names(message: Reader, *, version: int) -> Iterator[str]:
    message.vector(1)  # TLS 1.3: request context; before: certificate types
    if version >= TLS_1_3:
        extensions = message.vector(2)
        while extensions:
            number, body = extensions.number(2), extensions.vector(2)
            if number == CERTIFICATE_AUTHORITIES:
                yield from _names(body.vector(2))
        return
    if version == TLS_1_2:
        message.vector(2)  # signature algorithms
    yield from _names(message.vector(2))


def _names(names: Reader) -> Iterator[str]:
    given = 0
    while names and given < MAX_NAMES:
        yield distinguished_name(names.vector(2).rest())
        given += 1


def distinguished_name(data: bytes) -> str:
    """Write an X.501 name in DER as RFC 4514 does (last part first); unknown kinds of text in hex.

    Raises: ValueError.
    """
    parts = []
    _, sequence = Reader(data).der()
    while sequence:
        _, one_set = sequence.der()
        while one_set:
            _, pair = one_set.der()
            (_, kind), (tag, value) = pair.der(), pair.der()
            key = kind.rest().hex()
            parts.append(f"{ATTRIBUTES.get(key, key)}={_text(tag, value.rest())}")
    return ",".join(reversed(parts)) or "-"


def _text(tag: int, value: bytes) -> str:
    text = value.decode(TEXT_TAGS[tag], "replace") if tag in TEXT_TAGS else value.hex()
    return "".join(one if one.isprintable() else "?" for one in text)[:200]
