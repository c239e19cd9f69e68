"""A diagnosis as Markdown: causes, what was refuted, what is open, which checks looked, and what was done by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rest_framework.renderers import BaseRenderer

from diagnostics.diagnosis.coverage import Coverage


class MarkdownDiagnosis(BaseRenderer):
    """A diagnosis as Markdown, to be pasted where people talk."""

    media_type = "text/markdown"
    format = "md"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Write causes, what was refuted and what is open."""
        return "\n".join(_markdown(data)).encode() + b"\n"


def _markdown(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Diagnosis of run {data['run']}: {data['verdict'].replace('_', ' ')}"
    for place, cause in enumerate(data["causes"], start=1):
        yield f"\n## {place}. {_text(cause['sentence'])}\n"
        yield f"`{cause['code']}`, {cause['score']:.0%}, {cause['severity']}, {cause['category']}\n"
        yield from (_shown(span) for span in cause["evidence"])
        yield from (f"- explains {one['check']} `{one['code']}`" for one in cause["explains"]["findings"])
        yield from (f"- explains `{one['code']}` of {_text(one['subject'])}" for one in cause["explains"]["causes"])
        yield f"- what to do: docs/{cause['how_to']}"
    for refuted in data["refuted"]:
        yield f"\nNot `{refuted['code']}` of {_text(refuted['subject'])}: {_text(refuted['reason'])}"
    for open_end in data["unexplained"]:
        yield f"\nWithout a known cause: {open_end['check']} `{open_end['code']}`: {_text(open_end['message'])}"
    for changed in data["changed"]:
        yield f"\nChanged: {_text(changed['sentence'])}" + (f" (since {changed['since']})" if changed["since"] else "")
    if data["deciding"]:
        yield f"\n{data['deciding']['check']} would decide: {_text(data['deciding']['because'])}"
    if data["coverage"]:
        yield from _markdown_of_coverage(Coverage.read(data["coverage"]))
    yield from _markdown_of_incident(data.get("suggestion"), data.get("similar", ()))
    yield from _markdown_by_hand(data.get("done_by_hand", ()))


def _markdown_of_coverage(coverage: Coverage) -> Iterator[str]:
    yield f"\n{coverage}\n"
    yield from (f"- {word}: {slug}: {_text(reason)}" for word, slug, reason in coverage.reasons())


def _markdown_of_incident(suggestion: Mapping[str, Any] | None, similar: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if suggestion:
        words, why = f"severity {suggestion['severity']}, category {suggestion['category']}", suggestion["sentence"]
        yield f"\nSuggested for the incident: {words}; because of run {suggestion['run']}: {_text(why)}"
    if similar:
        yield "\n## Similar incidents\n"
    for one in similar:
        why = [f"the same cause `{one['cause']}`"] if one["same_cause"] else []
        why += (
            [f"the same log lines {', '.join(f'`{code}`' for code in one['signatures'])}"] if one["signatures"] else []
        )
        yield f"- [{_text(one['title'])}]({one['url']}) on {one['stack']}, {one['state']}: {'; '.join(why)}"
        if how := one["resolution"]:
            yield f"  - resolved {how['at']:%Y-%m-%d} by {_text(how['by'])}: {_text(how['because'])}"


def _markdown_by_hand(done: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if done:
        yield "\n## Done by hand, as told and not executed by this service\n"
    for one in done:
        told = f"{one['done_at']}, {_text(one['done_by'])}: {_text(one['because'])}"
        yield f"- [Manual action {one['id']}]({one['url']}), {told}"
        for file in one["attachments"]:
            content = f"{file['media_type']}, SHA-256 `{file['sha256']}`" if file["sha256"] else file["state"]
            yield f"  - [{_text(file['name'])}]({file['links']['self']}), {content}"


def _shown(span: Mapping[str, Any]) -> str:
    lines = f"lines {span['first_line']} to {span['last_line']}"
    return f"- shown by {span['check']}, {lines}: {span['url'] or 'removed by retention'}"


def _text(text: str) -> str:
    """Keep what a target wrote from being read as markup."""
    return "".join(f"\\{one}" if one in "\\`*_[]<>#|!" else one for one in text.replace("\n", " "))
