"""Probe of a model provider: one GET of its list of models with the application's key, and what the answer means.

Of an answer only what identifies it is kept: status, request id, the provider's own word for the error, how long to
wait. The body of a refusal may repeat the key, so it is never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from diagnostics.probes.http import Answer, request
from diagnostics.stack import Endpoint, ModelProvider, TlsFiles

MAX_BODY_BYTES = 2_000_000
PORTS = {"http": 80, "https": 443}
LISTS = ("data", "models", "value")  # OpenAI, Anthropic and kin; Google, Ollama; Azure
REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "x-goog-request-id")
IDENTIFIER = re.compile(r"[\w.:-]{1,100}", re.ASCII)
ERROR_WORD = re.compile(r"[A-Za-z][A-Za-z_]{1,60}")  # no digits: what looks like a key is no word
BY_STATUS = {401: "key_refused", 403: "key_refused", 408: "failing", 429: "quota"}


@dataclass(frozen=True, slots=True)
class Models:
    """What came of asking: `verdict` is answered, key_refused, quota, failing or unexpected."""

    verdict: str
    status: int
    milliseconds: float
    count: int | None = None  # of models, where a list came
    error: str = ""  # the provider's own word, e.g. insufficient_quota
    request_id: str = ""
    retry_after: str = ""

    def lines(self) -> list[str]:
        """Describe it for evidence."""
        named = {"models": self.count, "error": self.error, "request id": self.request_id}
        named["retry-after"] = self.retry_after
        facts = [f"{name}: {value}" for name, value in named.items() if value not in {"", None}]
        return [f"HTTP {self.status} in {self.milliseconds:g} ms", *facts]


def place_of(url: str) -> tuple[str, int]:
    """Give host and port of an http(s) address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 443)


def list_models(
    provider: ModelProvider,
    key: str,
    tls: TlsFiles | None,
    *,
    connect_seconds: float,
    total_seconds: float,
    connect_to: tuple[str, int] | None = None,
) -> Models:
    """Ask for the list of models; nothing is followed, and nothing but this is asked.

    Raises: RequestFailure, NotPermitted (a CA file that may not be read).
    """
    parts = urlsplit(provider.url)
    answer = request(
        Endpoint(name=provider.name, service=provider.service, url=f"{parts.scheme}://{parts.netloc}"),
        tls,
        "GET",
        f"{parts.path}{provider.models_path}",
        headers=_headers(provider, key),
        connect_seconds=connect_seconds,
        total_seconds=total_seconds,
        max_body_bytes=MAX_BODY_BYTES,
        trusts_public=True,
        connect_to=connect_to,
    )
    return _read(answer, key)


def _headers(provider: ModelProvider, key: str) -> dict[str, str]:
    if not key:
        return dict(provider.headers)
    is_bearer = provider.key_header.lower() == "authorization"
    return {**provider.headers, provider.key_header: f"Bearer {key}" if is_bearer else key}


def _read(answer: Answer, key: str) -> Models:
    document = _document(answer)
    count = _count(document) if answer.status == 200 else None
    verdict = "answered" if count is not None else BY_STATUS.get(answer.status, "unexpected")
    request_id = next((answer.headers[name] for name in REQUEST_IDS if name in answer.headers), "")
    return Models(
        verdict="failing" if answer.status >= 500 else verdict,
        status=answer.status,
        milliseconds=answer.phases.get("total", 0.0),
        count=count,
        error=_error(document),
        request_id=request_id if IDENTIFIER.fullmatch(request_id) and not (key and key in request_id) else "",
        retry_after=wait if (wait := answer.headers.get("retry-after", "")).isdecimal() else "",
    )


def _document(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _count(document: Any) -> int | None:
    """Count the models of a list; None for what is none, as of a page that asks for a login."""
    if isinstance(document, Mapping):
        return next((len(document[name]) for name in LISTS if isinstance(document.get(name), list)), None)
    return len(document) if isinstance(document, list) else None


def _error(document: Any) -> str:
    """Give the provider's word for an error: `code` says more than `type`, and `status` is Google's."""
    error = document.get("error") if isinstance(document, Mapping) else None
    words = [error.get(name) for name in ("code", "type", "status")] if isinstance(error, Mapping) else [error]
    return next((word for word in words if isinstance(word, str) and ERROR_WORD.fullmatch(word)), "")
