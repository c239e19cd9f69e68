"""A look that fails outside of its check says so, and shows nothing of what it held."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.checks import registry
from diagnostics.checks.seeing import Seeing
from diagnostics.looking import LookRequest, take_look
from diagnostics.redaction import RedactionFailed, Redactor
from diagnostics.stack import StackConfig
from tests.diagnostics.looks import KEY, stack

SLUG = "ssl.certificate_files"


def leak(*_: object) -> str:
    raise RuntimeError("connect failed: password=hunter2")


def test_an_error_that_cannot_be_redacted_is_named_but_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Redactor, text: str) -> None:
        raise RedactionFailed("no")

    check = type(registry.check(SLUG))
    monkeypatch.setattr(check, "not_applicable", lambda self, config: "")
    monkeypatch.setattr(check, "look", leak)
    monkeypatch.setattr(Redactor, "text", fail)

    finding = take_look(LookRequest(slug=SLUG, stack=stack(tmp_path), redaction_key=KEY)).result.leading

    assert (finding.state, finding.code) == ("error", "check.failed")
    assert "RedactionFailed" in finding.message
    assert "hunter2" not in finding.message + "".join(capfd.readouterr())


@pytest.mark.parametrize("broken", ["not_applicable", "surroundings"])
def test_a_failure_before_the_check_is_an_answer_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    if broken == "not_applicable":
        monkeypatch.setattr(type(registry.check(SLUG)), "not_applicable", leak)
    else:
        monkeypatch.setattr(type(registry.check(SLUG)), "not_applicable", lambda self, config: "")
        monkeypatch.setattr(StackConfig, "secret_references", leak)

    finding = take_look(LookRequest(slug=SLUG, stack=stack(tmp_path), redaction_key=KEY)).result.leading

    assert finding.code == "check.failed"
    assert "hunter2" not in finding.message


@pytest.mark.parametrize("odd", ["nul \0 here", "lone \ud800 surrogate"])
def test_what_is_kept_can_be_hashed_and_stored(tmp_path: Path, odd: str) -> None:
    seeing = Seeing(
        slug=SLUG,
        stack=stack(tmp_path),
        redactor=Redactor(KEY),
        resolver=None,  # type: ignore[arg-type]  # nothing secret here
        ends_at=0,
    )
    kept = seeing.keep("log_excerpt", source=odd, content=odd)
    assert "\ufffd" in kept.content
    assert "\ufffd" in kept.source
    assert len(kept.sha256) == 64
