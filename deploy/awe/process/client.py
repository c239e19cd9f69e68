"""A client of the api: HTTPS with the client certificate, JSON both ways."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.awe.process.errors import ApiUnreachable

PROBE = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any = field(repr=False)  # may hold a token


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """Calls one api, a connection per call."""

    host: str
    port: int
    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    timeout_seconds: float = 8.0

    def get(self, path: str, *, token: str = "") -> Answer:
        """GET a path.

        Raises: ApiUnreachable.
        """
        return self._call("GET", path, token=token)

    def post(self, path: str, body: dict[str, Any], *, token: str = "") -> Answer:
        """POST a JSON object.

        Raises: ApiUnreachable.
        """
        return self._call("POST", path, body=json.dumps(body), token=token)

    def token(self, *, username: str, password: str) -> str:
        """Log in and give the token.

        Raises: ApiUnreachable, also when the login is refused.
        """
        answer = self.post("/auth/login", {"username": username, "password": password})
        if answer.status != 200:
            raise ApiUnreachable(f"login of {username} was answered with {answer.status}")
        return str(answer.body["access_token"])

    def submit(self, tool: str, args: dict[str, Any], *, token: str) -> str:
        """Queue a job and give its id.

        Raises: ApiUnreachable, also when the job is refused.
        """
        answer = self.post("/jobs", {"tool": tool, "args": args}, token=token)
        if answer.status != 202:
            raise ApiUnreachable(f"a job of tool {tool} was answered with {answer.status}")
        return str(answer.body["id"])

    def _call(self, method: str, path: str, *, body: str | None = None, token: str = "") -> Answer:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            connection = http.client.HTTPSConnection(
                self.host, self.port, timeout=self.timeout_seconds, context=self._context()
            )
            try:
                connection.request(method, path, body=body, headers=headers)
                response = connection.getresponse()
                return Answer(status=response.status, body=json.loads(response.read()))
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            raise ApiUnreachable(f"{method} {path}: {type(error).__name__}: {error}") from None

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context
