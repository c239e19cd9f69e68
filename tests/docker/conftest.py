"""One deployment for all tests that need an engine: with other names than the usual ones, beside whatever runs."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.awe.compose import ComposeSettings, ComposeStack, Names
from deploy.awe.compose.building import build_images
from deploy.awe.compose.engine import ensure_engine

RENAMED = ComposeSettings(
    project="floor-two",
    port=18443,
    names=Names(database="store", pgbouncer="pool", redis="broker", api="gateway", worker="runner", caddy="door"),
)


@pytest.fixture(scope="session")
def lab() -> Iterator[ComposeStack]:
    """A healthy deployment; who breaks it mends it."""
    host = ensure_engine()
    build_images(host)
    stack = ComposeStack(Path(tempfile.mkdtemp(prefix="awe-compose-")), host)
    stack.lay_out(RENAMED)
    try:
        # What a killed session left knows other passwords.
        stack.compose("down", "--remove-orphans", "-v")
        stack.up()
        yield stack
    finally:
        stack.down(delete=True)
        stack.engine.close()
        shutil.rmtree(stack.root, ignore_errors=True)


@pytest.fixture(autouse=True)
def _sockets_collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what docker-py leaves open while its warnings are allowed; at the end of the session they are errors."""
    yield
    if request.node.get_closest_marker("filterwarnings"):
        gc.collect()
