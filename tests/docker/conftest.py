"""One deployment for all tests that need an engine: with other names than the usual ones, beside whatever runs."""

from __future__ import annotations

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
        stack.up()
        yield stack
    finally:
        stack.down(delete=True)
        stack.engine.close()
        shutil.rmtree(stack.root, ignore_errors=True)
