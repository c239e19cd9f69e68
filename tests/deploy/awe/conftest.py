"""The application's packages on the path, its configuration, and running stacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from deploy.awe.process.layout import APPLICATION
from tests.stacks import awe_stack, renamed_awe_stack

sys.path.insert(0, str(APPLICATION))  # where api, worker and shared start

__all__ = ["application_environment", "awe_stack", "renamed_awe_stack"]

VARIABLES = {
    "DATABASE_URL": "postgresql://awe_app:database-password@127.0.0.1:1/ai_workflow_engine",
    "REDIS_URL": "redis://:redis-password@127.0.0.1:1/0",
    "JWT_SECRET_KEY": "a key of at least thirty-two bytes for HS256",
}


@pytest.fixture
def application_environment(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Configure the application in this process; its servers do not exist."""
    from shared import config, queue

    variables = {**VARIABLES, "SECURITY_LOG": f"{tmp_path}/security_audit.log"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    caches = (config.current, queue.client)  # kept, as a test may put something else in their places
    for cached in caches:
        cached.cache_clear()
    yield variables
    for cached in caches:
        cached.cache_clear()
