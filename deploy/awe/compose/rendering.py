"""The files of a deployment: compose files, the proxy's configuration and stack.toml, with this deployment's names.

With the usual names the compose files are copied as they are, comments included.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from deploy.awe.compose.settings import MUTUAL_TLS, PLAIN_TLS, USUAL_PORT, ComposeSettings, Names

HERE = Path(__file__).parent
PROXY_FILES = ("Caddyfile", "Caddyfile.mtls")


def compose_files(settings: ComposeSettings) -> dict[str, str]:
    """Give the text of both compose files."""
    return {name: _compose_file(name, settings) for name in (PLAIN_TLS, MUTUAL_TLS)}


def proxy_files(settings: ComposeSettings) -> dict[str, str]:
    """Give the text of the proxy's configuration files."""
    api = settings.names.api
    texts = {name: (HERE / "config" / "caddy" / name).read_text() for name in PROXY_FILES}
    return {name: text.replace("reverse_proxy api:8000", f"reverse_proxy {api}:8000") for name, text in texts.items()}


def _compose_file(name: str, settings: ComposeSettings) -> str:
    text = (HERE / name).read_text()
    if settings.names == Names() and settings.port == USUAL_PORT:
        return text
    renamed = {usual: given for usual, given in asdict(settings.names).items() if usual != given}
    document = json.loads(json.dumps(yaml.safe_load(text)))  # without anchors, so that services share nothing
    document["services"] = {
        renamed.get(service, service): _service(described, renamed, settings)
        for service, described in document["services"].items()
    }
    return yaml.safe_dump(document, sort_keys=False)


def _service(described: dict[str, Any], renamed: dict[str, str], settings: ComposeSettings) -> dict[str, Any]:
    depends = described.get("depends_on")
    if isinstance(depends, dict):
        described["depends_on"] = {renamed.get(one, one): how for one, how in depends.items()}
    elif depends:
        described["depends_on"] = [renamed.get(one, one) for one in depends]
    variables = described.get("environment", {})
    described["environment"] = {name: _hosts(name, value, renamed) for name, value in variables.items()}
    if "ports" in described:
        described["ports"] = [f"{settings.port}:8443"]
    return described


def _hosts(variable: str, value: str, renamed: dict[str, str]) -> str:
    if variable == "DB_HOST":
        return renamed.get(value, value)
    return re.sub(r"(?<=[@/])([a-z]+)(?=:\d)", lambda found: renamed.get(found[1], found[1]), value)
