"""docker-py's client for one engine, trusting what the stack names and nothing of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
import requests
from docker.tls import TLSConfig

from diagnostics.stack import Engine


def client_of(described: Engine, *, address: str, seconds: float, root: Path) -> EngineClient:
    """Connect to an engine and agree on a version of its API; `address` is its URL, or the near end of a road to it.

    Raises: whatever docker-py raises; `engine_failures.explained` sorts it.
    """
    tls = _tls(described, root)
    return EngineClient(base_url=address, version="auto", timeout=max(1, round(seconds)), tls=tls)


class EngineClient(docker.APIClient):
    """Asks nobody but the engine, by the files that the stack names.

    `requests` would let REQUESTS_CA_BUNDLE take the place of the engine's own CA, and HTTP_PROXY that of its address.
    """

    trust_env = property(lambda _: False, lambda _, __: None)

    def open_log(
        self, container_id: str, *, since: datetime | None, tail: int | None, follow: bool, seconds: float
    ) -> requests.Response:
        """Begin to read a container's log, whose content has not come yet; `seconds` is the limit of each read.

        Raises: whatever docker-py raises.
        """
        asked: dict[str, str | float] = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow)}
        asked["tail"] = "all" if tail is None else tail
        if since:
            asked["since"] = since.timestamp()
        return self._opened(self._address("/containers/{0}/logs", container_id), asked, seconds=seconds)

    def open_events(self, *, since: datetime, until: datetime, seconds: float) -> requests.Response:
        """Begin to read what happened in a span of time; `seconds` is the limit of each read.

        Raises: whatever docker-py raises.
        """
        asked = {"since": f"{since.timestamp():.6f}", "until": f"{until.timestamp():.6f}"}
        return self._opened(self._address("/events"), asked, seconds=seconds)

    def open_archive(self, container_id: str, path: str, *, seconds: float) -> requests.Response:
        """Begin to read a file or folder as a tar archive; `seconds` is the limit of each read.

        Raises: whatever docker-py raises.
        """
        return self._opened(self._address("/containers/{0}/archive", container_id), {"path": path}, seconds=seconds)

    def _address(self, path: str, *words: str) -> str:
        own: Any = self  # docker-py's types leave out what its calls are made of
        address: str = own._url(path, *words)
        return address

    def _opened(self, address: str, asked: Mapping[str, str | float], *, seconds: float) -> requests.Response:
        own: Any = self
        response: requests.Response = own._get(
            address,
            params=asked,
            headers={"Accept-Encoding": "identity"},  # a proxy might squeeze it, and blocks would wait for each other
            stream=True,
            timeout=seconds,
        )
        own._raise_for_status(response)
        return response


def _tls(described: Engine, root: Path) -> TLSConfig | bool:
    if not described.tls_ca:
        return False
    certificate = (
        (str(root / described.tls_certificate), str(root / described.tls_key))
        if described.tls_certificate and described.tls_key
        else None
    )
    return TLSConfig(client_cert=certificate, ca_cert=str(root / described.tls_ca), verify=True)
