"""Test vectors that others published: read where they lie, skipped with the reason where they do not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("AWE_VECTORS_DIR") or Path(__file__).parents[3] / "shared" / "vectors")


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test where this set of vectors is absent."""
    reason = f"no published vectors {name}/ here; AWE_VECTORS_DIR names the folder that holds it"
    return pytest.mark.skipif(not (FOLDER / name).is_dir(), reason=reason)
