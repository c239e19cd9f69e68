"""Known lines: lines a second through the matcher, beside a plain `re2.Set` asked line by line."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.harness.figure import figure
from bench.redaction import log
from diagnostics.signatures import all_signatures, known_lines
from diagnostics.signatures.patterns import compile_set

LEAST_LINES_PER_SECOND = 200_000  # ours: a window of 5 MB then costs a fifth of a second
KNOWN_SHARE = 0.01  # of lines that some signature knows, beside what the log of redaction has of them
ROUNDS = 3
BESIDE = "a re2.Set of the same patterns, asked line by line"


def mixed_log(size_bytes: int, *, seed: int = 7) -> str:
    """Give a log of five programs into which known lines are strewn."""
    pick = random.Random(seed)
    samples = _samples()
    lines = b"".join(log(size_bytes, seed=seed)).decode().split("\n")
    return "\n".join(pick.choice(samples) if pick.random() < KNOWN_SHARE else line for line in lines)


def known_log(size_bytes: int, *, seed: int = 7) -> str:
    """Give a log in which every line is known: the worst there is."""
    pick, samples, lines, written = random.Random(seed), _samples(), list[str](), 0
    while written < size_bytes:
        lines.append(pick.choice(samples))
        written += len(lines[-1]) + 1
    return "\n".join(lines)


def _samples() -> list[str]:
    return [sample for one in all_signatures().values() for sample in one.samples]


def _ours(text: str) -> int:
    return sum(1 for _ in known_lines().hits(text))


def _plain(text: str) -> int:
    patterns = compile_set([one.pattern for one in all_signatures().values()])
    return sum(1 for line in text.encode().split(b"\n") if patterns.Match(line))


def _seconds(work: Callable[[], object]) -> float:
    """Measure processor time: both sides run on one thread, and the machine may be shared."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the speed on a mixed log, and on one where every line is known."""
    size_bytes = (8 if quick else 32) * 1024 * 1024
    known_lines()
    for name, text in (
        ("signatures_speed", mixed_log(size_bytes)),
        ("signatures_speed_all_known", known_log(size_bytes // 4)),
    ):
        lines = text.count("\n") + 1
        if _ours(text) != _plain(text):
            raise AssertionError(f"{name}: the two do not find the same lines")
        ours = min(_seconds(lambda text=text: _ours(text)) for _ in range(ROUNDS))  # type: ignore[misc]
        plain = min(_seconds(lambda text=text: _plain(text)) for _ in range(ROUNDS))  # type: ignore[misc]
        value, plain_value = lines / ours, lines / plain
        yield figure(name, value, "lines/s", beside=BESIDE, beside_value=plain_value, least=LEAST_LINES_PER_SECOND)
