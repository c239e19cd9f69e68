"""Redaction: speed beside one google-re2 union of the same patterns, and memory on a long stream."""

# ruff: noqa: E501, S608 (log lines stay in one piece; the SQL is text of a log)

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from diagnostics.redaction import KnownSecret, Redactor
from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.redactor import Options
from diagnostics.redaction.rules import OPTIONAL_RULES, RULES

KEY = bytes(range(32))
SECRET_SHARE = 0.002
CHUNK_BYTES = 1024 * 1024
MAX_GROWTH_BYTES = 16 * 1024 * 1024

Line = Callable[[random.Random, str], str]


def _at(pick: random.Random, second: int) -> str:
    return f"2026-11-23T{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{pick.randrange(1000):03d}Z"


def _uuid(pick: random.Random) -> str:
    digits = f"{pick.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-9{digits[17:20]}-{digits[20:]}"


def _postgres(pick: random.Random, at: str) -> str:
    pid = pick.randrange(30, 90000)
    return pick.choice(
        (
            f"{at} [{pid}] LOG:  connection authorized: user=ai_user database=ai_workflow SSL enabled (protocol=TLSv1.3, bits=256)",
            f"{at} [{pid}] LOG:  checkpoint complete: wrote {pick.randrange(900)} buffers (0.4%); 0 WAL file(s) added, 1 removed",
            f'{at} [{pid}] FATAL:  password authentication failed for user "ai_user"',
            f"{at} [{pid}] LOG:  duration: {pick.random() * 900:.3f} ms  statement: SELECT id, state FROM jobs WHERE id = {pick.randrange(10**6)}",
            f'{at} [{pid}] ERROR:  duplicate key value violates unique constraint "jobs_pkey"',
            f"{at} [{pid}] DETAIL:  Key (id)=({pick.randrange(10**6)}) already exists.",
        )
    )


def _pgbouncer(pick: random.Random, at: str) -> str:
    address = f"172.18.0.{pick.randrange(2, 9)}:{pick.randrange(30000, 60000)}"
    name = f"C-0x{pick.getrandbits(44):x}"
    return pick.choice(
        (
            f"{at} LOG {name}: ai_workflow/ai_user@{address} login attempt: db=ai_workflow user=ai_user tls=no",
            f"{at} LOG {name}: ai_workflow/ai_user@{address} closing because: client close request (age={pick.randrange(60)}s)",
            f"{at} LOG stats: {pick.randrange(90)} xacts/s, {pick.randrange(99)} queries/s, in {pick.randrange(9999)} B/s, wait 0 us",
        )
    )


def _api(pick: random.Random, at: str) -> str:
    path = pick.choice(("/health", "/api/v1/workflows", "/auth/login", f"/api/v1/jobs/{_uuid(pick)}"))
    return pick.choice(
        (
            json.dumps(
                {
                    "ts": at,
                    "level": "info",
                    "event": "request",
                    "path": path,
                    "status": 200,
                    "ms": pick.randrange(90),
                    "request_id": _uuid(pick),
                }
            ),
            f'INFO:     172.18.0.{pick.randrange(2, 9)}:{pick.randrange(30000, 60000)} - "GET {path} HTTP/1.1" 200 OK',
            f'  File "/app/api/main.py", line {pick.randrange(900)}, in handle',
            f"{at} WARNING api.auth token expired for user={pick.choice(('alice', 'bob'))} age={pick.randrange(9999)}s",
            f"{at} INFO llm usage prompt_tokens={pick.randrange(2000)} completion_tokens={pick.randrange(900)} model=gpt-4o",
        )
    )


def _caddy(pick: random.Random, at: str) -> str:
    request = {
        "remote_ip": "10.0.0.7",
        "proto": "HTTP/2.0",
        "method": "GET",
        "host": "localhost:8443",
        "uri": "/api/v1/jobs?limit=20",
        "headers": {"User-Agent": ["curl/8.5.0"], "Accept": ["*/*"], "Authorization": ["REDACTED"]},
        "tls": {"version": 772, "proto": "h2"},
    }
    return json.dumps(
        {
            "level": "info",
            "ts": at,
            "logger": "http.log.access",
            "msg": "handled request",
            "request": request,
            "duration": round(pick.random(), 6),
            "size": pick.randrange(9000),
            "status": 200,
        }
    )


def _worker(pick: random.Random, at: str) -> str:
    task = _uuid(pick)
    return pick.choice(
        (
            f"[{at}: INFO/MainProcess] Task agents.run_step[{task}] received",
            f"[{at}: INFO/ForkPoolWorker-{pick.randrange(8)}] Task agents.run_step[{task}] succeeded in {pick.random():.4f}s: None",
            f"{at} INFO worker job={task} queue=awe:jobs depth={pick.randrange(40)} state=running",
            f"{at} ERROR worker redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.",
        )
    )


def _secret(pick: random.Random, at: str) -> str:
    value = f"{pick.getrandbits(120):030x}"
    return pick.choice(
        (
            f"{at} DEBUG connect postgresql+asyncpg://ai_user:{value}@pgbouncer:6432/ai_workflow",
            f'{at} DEBUG body {{"username":"alice","password":"{value}"}}',
            f"{at} INFO Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.{value}",
            f"{at} LOG statement: ALTER ROLE ai_user WITH PASSWORD '{value}'",
            f"{at} INFO env REDIS_PASSWORD={value} TZ=UTC",
        )
    )


SOURCES: tuple[tuple[Line, int], ...] = ((_postgres, 25), (_pgbouncer, 20), (_api, 25), (_caddy, 15), (_worker, 15))


def log(size_bytes: int, *, seed: int = 7) -> Iterator[bytes]:
    """Yield a deterministic mixed log of about a size, in pieces of a hundred lines."""
    pick = random.Random(seed)
    sources = [source for source, weight in SOURCES for _ in range(weight)]
    written, second = 0, 0
    while written < size_bytes:
        lines = []
        for _ in range(100):
            source = _secret if pick.random() < SECRET_SHARE else pick.choice(sources)
            lines.append(source(pick, _at(pick, second)))
        second += 1
        piece = ("\n".join(lines) + "\n").encode()
        written += len(piece)
        yield piece


def redactor() -> Redactor:
    """Give a redactor with a handful of known secrets, as a stack has them."""
    return Redactor(KEY, [KnownSecret(f"s{index}", f"kn0wn-s3cret-{index:04d}-value") for index in range(8)])


def union() -> Any:
    """Give one google-re2 union of every pattern that the redactor runs."""
    wanted = [rule for rule in RULES if rule.id not in OPTIONAL_RULES or getattr(Options(), OPTIONAL_RULES[rule.id])]
    return compile_pattern(
        "(?m)" + "|".join("(?:" + re.sub(r"\(\?P<\w+>", "(?:", rule.pattern) + ")" for rule in wanted)
    )


def _seconds(work: Callable[[], object]) -> float:
    """Measure processor time: both sides run on one thread, and the machine may be shared."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _redact_all(data: bytes) -> int:
    stream = redactor().stream()
    view = [stream.feed(data[start : start + CHUNK_BYTES]) for start in range(0, len(data), CHUNK_BYTES)]
    return sum(map(len, view)) + len(stream.finish())


def _peak_rss_bytes(size_bytes: int) -> int:
    """Redact that much in a child process and give its peak resident memory."""
    command = [sys.executable, "-m", "bench.redaction", str(size_bytes)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment, timeout=1800)
    return int(done.stdout.strip())


def _stream_and_measure(size_bytes: int) -> int:
    stream = redactor().stream()
    for piece in log(size_bytes):
        stream.feed(piece)
    stream.finish()
    # Not getrusage: its maximum is inherited from the parent over exec.
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[0]) * 1024


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield one dict a figure: name, value, unit, beside, beside_value, ratio, target, met."""
    size_bytes = (8 if quick else 64) * 1024 * 1024
    data = b"".join(log(size_bytes))
    pattern = union()
    redact_seconds = min(_seconds(lambda: _redact_all(data)) for _ in range(2))
    union_seconds = _seconds(lambda: sum(1 for _ in pattern.finditer(data)))
    megabytes = len(data) / 1e6
    yield {
        "name": "redaction_speed",
        "value": round(megabytes / redact_seconds, 1),
        "unit": "MB/s",
        "beside": "one google-re2 union of the same patterns, finding only",
        "beside_value": round(megabytes / union_seconds, 1),
        "ratio": round(union_seconds / redact_seconds, 2),
        "target": ">= 1.0",
        "met": union_seconds >= redact_seconds,
    }
    small, large = (8, 32) if quick else (64, 1024)
    before, after = (_peak_rss_bytes(megas * 1024 * 1024) for megas in (small, large))
    yield {
        "name": "redaction_peak_memory",
        "value": round(after / 1e6, 1),
        "unit": "MB",
        "beside": f"peak on {small} MiB, this one on {large} MiB",
        "beside_value": round(before / 1e6, 1),
        "ratio": round(after / before, 3),
        "target": f"<= {MAX_GROWTH_BYTES // 1024 // 1024} MiB more",
        "met": after - before <= MAX_GROWTH_BYTES,
    }


if __name__ == "__main__":
    print(_stream_and_measure(int(sys.argv[1])))
