"""The folders that a stack of processes writes to, as performance.disk looks at them."""

from __future__ import annotations

from pathlib import Path

from diagnostics.stack import StackConfig


def written_folders(stack: StackConfig) -> list[Path]:
    """Give the folders of [host] paths, and those of the services' log files."""
    named = list(stack.host.paths) if stack.host else []
    logs = [path.parent for service in stack.services.values() for path in service.log_files]
    return list(dict.fromkeys([*named, *logs]))
