"""A bug report between the door and the table: normalized, within its limits, redacted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from awe_incidents.incidents.errors import ReportInvalid
from awe_incidents.incidents.issue_link import issue_link
from awe_incidents.incidents.lint import Flaw, Verdict, lint
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport, Incident, ReportText
from awe_incidents.incidents.states import EnvironmentSource
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
    """What may be stored: what was said, the receipt of what was removed, what is lacking, a digest for the trail."""

    said: TemplateFields
    environment: str  # that was said, or else the stack's
    receipt: Mapping[str, Any]
    verdict: Verdict

    @property
    def columns(self) -> dict[str, Any]:
        """Give what is stored of it, by column."""
        return {
            **self._fields,
            "environment_source": EnvironmentSource.REPORTER if self.said.environment else EnvironmentSource.STACK,
            "redactions": self.receipt,
            "lint": [flaw._asdict() for flaw in self.verdict.flaws],
            "completeness": self.verdict.completeness,
        }

    @property
    def sha256(self) -> str:
        """Give the digest of the fields as stored."""
        return digest_of(self._fields)

    @property
    def removed(self) -> int:
        """Count the secrets that were removed."""
        return sum(sum(counts.values()) for counts in self.receipt["counts"].values())

    @property
    def _fields(self) -> dict[str, str]:
        return asdict(self.said) | {"environment": self.environment}


def cleaned(fields: Mapping[str, str], *, stack: Stack) -> CleanReport:
    """Normalize, check and redact the seven fields; where nobody named an environment it is the stack's.

    Raises: ReportInvalid, with every problem at once.
    """
    return _cleaned({name: fields.get(name, "") for name in TEMPLATE_FIELDS}, kept={}, receipt={}, stack=stack)


def corrected(changes: Mapping[str, str], *, report: BugReport) -> CleanReport:
    """Do the same for some of the fields of a stored report; the others stay as they are, and are not redacted again.

    Raises: ReportInvalid, with every problem at once.
    """
    before = asdict(template_of(report.latest))
    new = {name: text for name, text in changes.items() if _normalized(name, text) != before[name]}
    kept = {name: text for name, text in before.items() if name not in new}
    return _cleaned(new, kept=kept, receipt=report.latest.redactions, stack=report.stack)


def _cleaned(
    new: Mapping[str, str], *, kept: Mapping[str, str], receipt: Mapping[str, Any], stack: Stack
) -> CleanReport:
    texts = {name: _normalized(name, text) for name, text in new.items()}
    if problems := list(_problems(texts)):
        raise ReportInvalid(problems)
    redactor, version = redactor_of(stack), receipt.get("rule_set_version", "")
    counts = {name: rules for name, rules in receipt.get("counts", {}).items() if name in kept}
    for name in texts.keys() - {"environment"}:
        redacted = redactor.text(texts[name])
        texts[name], version = redacted.text, redacted.receipt.rule_set_version
        if redacted.receipt.counts:
            counts[name] = dict(redacted.receipt.counts)
    said = TemplateFields(**texts, **kept)
    return CleanReport(
        said=said,
        environment=said.environment or stack.environment,
        receipt={"rule_set_version": version, "counts": counts},
        verdict=lint(said, environment=stack.environment),
    )


def digest_of(texts: Mapping[str, str]) -> str:
    """Give the SHA-256 over the RFC 8785 form of the fields."""
    return hashlib.sha256(canonical_of(texts).encode()).hexdigest()


def canonical_of(texts: Mapping[str, str]) -> str:
    """Give the RFC 8785 form of the fields; for plain texts json writes that too, and much faster."""
    return json.dumps(texts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


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


def title_of(report: TemplateFields) -> str:
    """Give the first line of what happened as the incident's title."""
    lines = (line.strip(" #*>-`") for line in report.actual_behavior.splitlines())
    return _shortened(next((line for line in lines if line), "Bug report"))


def template_of(text: ReportText) -> TemplateFields:
    """Give what people said, as the template; an environment that the service took from the stack is not theirs."""
    fields = {name: getattr(text, name) for name in TEMPLATE_FIELDS}
    if text.environment_source == EnvironmentSource.STACK:
        fields["environment"] = ""
    return TemplateFields(**fields)


def flaws_of(text: ReportText) -> list[Flaw]:
    """Give what a stored report or revision lacks, worst first."""
    return [Flaw(**one) for one in text.lint]


def new_issue(report: BugReport, *, whole_at: str) -> str | None:
    """Give the address that opens a prefilled issue; None where the stack names no issue tracker."""
    tracker = report.stack.document.get("issue_tracker")
    if tracker is None:
        return None
    fields = template_of(report.latest)
    title = title_of(fields)
    return issue_link(IssueTracker(**tracker).address, title=title, report=fields, whole_at=whole_at)


def _shortened(line: str) -> str:
    return line if len(line) <= MAX_TITLE else f"{line[: MAX_TITLE - 1]}…"


def _normalized(name: str, text: str) -> str:
    text = normalize(text)
    if name != "environment":
        return text
    wanted = text.strip().lower()
    return next((known for known in ENVIRONMENTS if known.lower() == wanted), text.strip())


def _problems(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in texts.items():
        if len(text) > MAX_CHARACTERS[name]:
            limit = MAX_CHARACTERS[name]
            yield name, f"at most {limit:,} characters; this has {len(text):,}. Leave out what does not matter"
        elif name == "environment" and text not in ("", *ENVIRONMENTS):
            yield name, f"must be one of {', '.join(ENVIRONMENTS)}"
        elif name == "actual_behavior" and not text.strip():
            yield name, "say what actually happens; without it nobody knows what is wrong"
