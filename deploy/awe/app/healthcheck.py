"""The containers' health check: `healthcheck.py api` or `healthcheck.py worker`."""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TIMEOUT_SECONDS = 4
MAX_HEARTBEAT_SECONDS = 20


def check_api() -> int:
    """Print what GET /health says; 1 unless it is 200."""
    url = f"http://127.0.0.1:{os.environ.get('API_PORT') or 8000}/health"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            print(answer.read().decode())
    except urllib.error.HTTPError as error:
        print(error.code, error.read().decode())
        return 1
    except OSError as error:
        print(type(error).__name__, error)
        return 1
    return 0


def check_worker() -> int:
    """Print the age of the heartbeat; 1 when it is old or absent."""
    path = Path(os.environ.get("HEARTBEAT_FILE") or "/run/awe/worker.heartbeat")
    try:
        age_seconds = time.time() - path.stat().st_mtime
    except OSError as error:
        print("no heartbeat:", error)
        return 1
    print(f"heartbeat age {age_seconds:.1f}s")
    return 0 if age_seconds < MAX_HEARTBEAT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(check_worker() if sys.argv[1:] == ["worker"] else check_api())
