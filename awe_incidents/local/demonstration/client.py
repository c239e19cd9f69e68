"""A client of our own API as anybody could write it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx

from awe_incidents.local.demonstration.errors import DemoFailed

POLL_SECONDS = 0.25


class Client:
    """Files reports and follows runs over HTTP with one person's token."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )

    def file_markdown(self, text: str, *, stack: str) -> dict[str, Any]:
        """File the template as it is; gives the answer's body."""
        answer = self._http.post(
            "/api/v1/bug-reports/",
            params={"stack": stack},
            content=text.encode(),
            headers={"Content-Type": "text/markdown; charset=utf-8"},
        )
        filed: dict[str, Any] = self._body(answer)
        return filed

    def get(self, url: str, **params: Any) -> Any:
        """Give what lies at an address."""
        return self._body(self._http.get(url, params=params))

    def text(self, url: str, **params: Any) -> str:
        """Give a text that lies at an address."""
        return self._http.get(url, params=params).raise_for_status().text

    def follow(self, run_url: str, *, seconds: float) -> Iterator[dict[str, Any]]:
        """Give the run each time it has changed, until it is finished; polls with If-None-Match."""
        etag, ends_at = "", time.monotonic() + seconds
        while time.monotonic() < ends_at:
            answer = self._http.get(run_url, headers={"If-None-Match": etag} if etag else {})
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                etag = answer.headers.get("ETag", "")
                run = self._body(answer)
                yield run
                if run["state"] == "finished":
                    return
            time.sleep(POLL_SECONDS)

    def _body(self, answer: httpx.Response) -> Any:
        if answer.is_error:
            raise DemoFailed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
        return answer.json()
