from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from deploy.awe.process import ProcessStack
from deploy.awe.process.backup import KEPT, make_backup
from deploy.awe.process.environments import DATABASE


def test_only_its_own_oldest_dumps_are_dropped(awe_stack: ProcessStack, tmp_path: Path) -> None:
    others = [tmp_path / "a-before-the-change.dump", tmp_path / f"{DATABASE}-by-hand.dump"]
    for path in others:
        path.write_bytes(b"of others")
    address = awe_stack.cluster.superuser_url(DATABASE)
    made = [
        make_backup(
            tmp_path, pg_dump=awe_stack.cluster.binaries / "pg_dump", url=address, at=datetime(2026, 1, day, tzinfo=UTC)
        )
        for day in range(1, KEPT + 3)
    ]
    assert set(tmp_path.iterdir()) == {*others, *made[-KEPT:]}
