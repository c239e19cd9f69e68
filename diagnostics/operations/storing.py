"""Put a result and its evidence into rows."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from awe_incidents.growth import contents
from diagnostics.checks import result as seen
from diagnostics.models import CheckResult, Evidence, EvidenceText, Handover
from diagnostics.probes.legible import legible
from diagnostics.sealing import seal
from diagnostics.states import ResultProgress

COMPRESSION_LEVEL = 6
RESULT_COLUMNS = [
    "progress",
    "lease_until",
    "state",
    "is_blocking",
    "code",
    "message",
    "target",
    "findings",
    "prerequisite",
    "next_checks",
    "vantage",
    "started_at",
    "duration_ms",
]


def fill_result(row: CheckResult, result: seen.Result) -> None:
    """Store an answer in its row (which the caller holds locked or fenced)."""
    leading = result.leading
    row.progress, row.lease_until = ResultProgress.STORED, None
    row.state, row.code, row.message = leading.state, leading.code, legible(leading.message)
    row.target, row.next_checks = legible(leading.target)[:500], list(leading.next_checks)
    row.is_blocking, row.prerequisite, row.vantage = result.is_blocking, result.prerequisite, result.vantage
    row.findings = [_storable(finding.as_json()) for finding in result.findings]
    row.started_at, row.duration_ms = result.started_at, result.duration_ms
    row.save(update_fields=RESULT_COLUMNS)


def _storable(value: Any) -> Any:
    """Give JSON that PostgreSQL takes, which has neither NUL nor lone surrogates nor numbers that are none."""
    match value:
        case str():
            return legible(value)
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            return {legible(name): _storable(item) for name, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
    return value


def keep_evidence(row: CheckResult, pieces: tuple[seen.Evidence, ...]) -> None:
    """Store evidence texts once per content, and which result saw them."""
    pieces = tuple(replace(one, source=legible(one.source), content=legible(one.content)) for one in pieces)
    texts = {piece.sha256: piece.content for piece in pieces}
    contents.keep(_text(sha256, content) for sha256, content in texts.items())
    Evidence.objects.bulk_create(
        Evidence(
            result=row,
            key=piece.key,
            kind=piece.kind,
            source=piece.source,
            text_id=piece.sha256,
            first_line=piece.first_line,
            captured_from=piece.captured_from,
            captured_until=piece.captured_until,
            rule_set_version=piece.rule_set_version,
            redactions=dict(piece.redactions),
            dropped_bytes=piece.dropped_bytes,
        )
        for piece in pieces
    )


def _text(sha256: str, content: str) -> EvidenceText:
    data = content.encode()
    return EvidenceText(
        sha256=sha256,
        compressed=zlib.compress(data, COMPRESSION_LEVEL),
        size_bytes=len(data),
        line_count=content.count("\n") + 1,
    )


def keep_handovers(row: CheckResult, handing: Mapping[str, str]) -> None:
    """Store, encrypted, what dependants of the same run need."""
    Handover.objects.bulk_create(
        [Handover(run_id=row.run_id, name=name, ciphertext=seal(value.encode())) for name, value in handing.items()],
        ignore_conflicts=True,
    )
