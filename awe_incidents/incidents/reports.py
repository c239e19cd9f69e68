"""A bug report between the door and the table: normalized, within its limits, redacted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from awe_incidents.incidents.errors import ReportInvalid
from awe_incidents.incidents.issue_link import issue_link
from awe_incidents.incidents.lint import Flaw, Verdict, lint
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport, Incident
from awe_incidents.incidents.template import TemplateFields, normalize
from diagnostics.models import Stack
from diagnostics.queries import redactor_of
from diagnostics.stack import IssueTracker
from diagnostics.stack.schema import ENVIRONMENTS

MAX_CHARACTERS = {
    "environment": 16,
    "docker_compose_version": 2_000,
    "container_logs": 1_000_000,
    "steps_to_reproduce": 50_000,
    "expected_behavior": 20_000,
    "actual_behavior": 20_000,
    "screenshots": 10_000,
}
MAX_TITLE = Incident._meta.get_field("title").max_length or 200


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What may be stored: fields, the receipt of what was removed, what is lacking, and a digest for the trail."""

    fields: Mapping[str, str]
    receipt: Mapping[str, Any]
    verdict: Verdict
    sha256: str

    @property
    def columns(self) -> dict[str, Any]:
        """Give what is stored of it, by column."""
        lacking = [{"section": flaw.section, "code": flaw.code, "weight": flaw.weight} for flaw in self.verdict.flaws]
        return {
            **self.fields,
            "redactions": self.receipt,
            "lint": lacking,
            "completeness": self.verdict.completeness,
        }

    @property
    def removed(self) -> int:
        """Count the secrets that were removed."""
        return sum(sum(counts.values()) for counts in self.receipt["counts"].values())


def cleaned(fields: Mapping[str, str], *, stack: Stack) -> CleanReport:
    """Normalize, check and redact the seven fields.

    Raises: ReportInvalid, with every problem at once.
    """
    texts = {name: normalize(fields.get(name, "")) for name in TEMPLATE_FIELDS}
    texts["environment"] = _environment(texts["environment"])
    if problems := list(_problems(texts)):
        raise ReportInvalid(problems)
    redactor = redactor_of(stack)
    counts: dict[str, Mapping[str, int]] = {}
    version = ""
    for name in TEMPLATE_FIELDS[1:]:
        redacted = redactor.text(texts[name])
        texts[name], version = redacted.text, redacted.receipt.rule_set_version
        if redacted.receipt.counts:
            counts[name] = dict(redacted.receipt.counts)
    verdict = lint(TemplateFields(**texts), environment=stack.environment)
    return CleanReport(texts, {"rule_set_version": version, "counts": counts}, verdict, digest_of(texts))


def digest_of(texts: Mapping[str, str]) -> str:
    """Give the SHA-256 over the RFC 8785 form of the fields; for plain texts json writes that too, and much faster."""
    canonical = json.dumps(texts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def cleaned_text(text: str, *, stack: Stack) -> str:
    """Normalize and redact one text, e.g. a reason."""
    return redactor_of(stack).text(normalize(text)).text if text else ""


def cleaned_title(title: str, *, stack: Stack) -> str:
    """Give a title in one line, redacted.

    Raises: ReportInvalid.
    """
    line = " ".join(cleaned_text(title, stack=stack).split())
    if not line:
        raise ReportInvalid([("title", "say in one line what is wrong")])
    return _shortened(line)


def title_of(fields: Mapping[str, str]) -> str:
    """Give the first line of what happened as the incident's title."""
    lines = (line.strip(" #*>-`") for line in fields["actual_behavior"].splitlines())
    return _shortened(next((line for line in lines if line), "Bug report"))


def template_of(report: BugReport) -> TemplateFields:
    """Give a stored report as the template that it was filed with."""
    return TemplateFields(**{name: getattr(report, name) for name in TEMPLATE_FIELDS})


def flaws_of(report: BugReport) -> list[Flaw]:
    """Give what a stored report lacks, worst first."""
    return [Flaw(**one) for one in report.lint]


def new_issue(report: BugReport, *, whole_at: str) -> str | None:
    """Give the address that opens a prefilled issue; None where the stack names no issue tracker."""
    tracker = report.stack.document.get("issue_tracker")
    if tracker is None:
        return None
    fields = template_of(report)
    title = title_of(asdict(fields))
    return issue_link(IssueTracker(**tracker).address, title=title, report=fields, whole_at=whole_at)


def _shortened(line: str) -> str:
    return line if len(line) <= MAX_TITLE else f"{line[: MAX_TITLE - 1]}…"


def _environment(text: str) -> str:
    wanted = text.strip().lower()
    return next((name for name in ENVIRONMENTS if name.lower() == wanted), text.strip())


def _problems(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    problems = [
        (name, f"at most {limit:,} characters; this has {len(texts[name]):,}. Leave out what does not matter")
        for name, limit in MAX_CHARACTERS.items()
        if len(texts[name]) > limit
    ]
    if not problems and texts["environment"] not in ENVIRONMENTS:
        problems.append(("environment", f"must be one of {', '.join(ENVIRONMENTS)}"))
    if not texts["actual_behavior"].strip():
        problems.append(("actual_behavior", "say what actually happens; without it nobody knows what is wrong"))
    return problems
