"""Requests to people whom nobody here controls: answers are bounded in size and time, redirects are not followed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from awe_incidents.audit.errors import AnchorAway, AnchorUnusable

MAX_ANSWER_BYTES = 262_144
READ_SECONDS = 5.0
WHOLE_SECONDS = 20.0  # of all requests of one poster: a drop every four seconds is no answer
_SAID = 120


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    content_type: str
    body: bytes

    @property
    def said(self) -> str:
        """Quote the beginning of the body, as far as it is readable."""
        text = self.body[:_SAID].decode("ascii", "replace")
        return "".join(one if one.isprintable() else " " for one in text).strip()


class Poster:
    """Sends over one connection, where the other side keeps it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def post(self, url: str, content: bytes, *, content_type: str) -> Reply:
        """Send and read the answer; raises AnchorAway, AnchorUnusable."""
        try:
            with self._client.stream("POST", url, content=content, headers={"Content-Type": content_type}) as answer:
                body = bytearray()
                for piece in answer.iter_raw():
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise AnchorAway(f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes")
                reply = Reply(answer.status_code, answer.headers.get("content-type", ""), bytes(body))
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise AnchorUnusable(f"the address cannot be used: {error}") from None
        except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:  # the last two: closed meanwhile
            raise AnchorAway(f"there is no answer ({type(error).__name__})") from None
        if 300 <= reply.status < 400:
            raise AnchorUnusable("the address leads elsewhere (a redirect); configure the final one")
        if reply.status >= 500 or reply.status in {408, 425, 429}:
            raise AnchorAway(f"it answers {reply.status}: {reply.said}")
        return reply


@contextmanager
def poster() -> Iterator[Poster]:
    """Give what sends, and end all of it after a time."""
    headers = {"User-Agent": "awe-incidents", "Accept-Encoding": "identity"}
    with httpx.Client(timeout=READ_SECONDS, follow_redirects=False, headers=headers) as client:
        ender = threading.Timer(WHOLE_SECONDS, client.close)
        ender.daemon = True
        ender.start()
        try:
            yield Poster(client)
        finally:
            ender.cancel()
