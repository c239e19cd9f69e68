"""A real deployment is taken down and up from the file for mutual TLS: what it changes holds, and data stay."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, replace

import pytest

from awe_incidents.recovery.actions.base import ActionFailed, AlreadyDone, Probed
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.stack.apply_compose import ApplyComposeParameters
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "stack.apply_compose"
MUTUAL, PLAIN = "docker-compose-mtls.yml", "docker-compose.yml"


def ids_of(lab: ComposeStack) -> dict[str, str]:
    return {name: str(lab.container(name).id) for name in asdict(lab.settings.names).values()}


def refused_without_certificate(lab: ComposeStack) -> bool:
    """Ask with plain curl, which shows no certificate."""
    port, ca = lab.settings.port, lab.root / "certs" / "ca" / "ca.crt"
    words = ["curl", "-sS", "--max-time", "10", "--cacert", str(ca), f"https://localhost:{port}/health"]
    return subprocess.run(words, capture_output=True, check=False).returncode != 0


def test_the_file_for_mutual_tls_is_applied_once_and_rows_stay(lab: ComposeStack, trials: Trials) -> None:
    rows = trials.psql("SELECT count(*) FROM workflows")
    lab.compose("-f", PLAIN, "up", "-d")
    try:
        lab.wait_until_healthy()
        assert not refused_without_certificate(lab)
        before = ids_of(lab)
        trial = trials.plan(SLUG)
        assert PLAIN in trial.plan.warnings[0]
        assert MUTUAL in trial.plan.warnings[0]
        assert trial.probe() == Probed.CANNOT_TELL
        verified = trial.run()
        assert verified.is_good, (verified.text, trial.said)
        after = ids_of(lab)
        assert not set(before.values()) & set(after.values())
        lab.wait_until_healthy()
        assert refused_without_certificate(lab)
        assert trials.psql("SELECT count(*) FROM workflows") == rows
        assert trial.probe() == Probed.FINISHED_WELL
        with pytest.raises(AlreadyDone):
            trial.run_steps()
        assert ids_of(lab) == after
    finally:
        lab.compose("up", "-d")
        lab.wait_until_healthy()


def test_files_that_changed_after_the_approval_and_broken_ones_do_nothing(lab: ComposeStack, trials: Trials) -> None:
    before, path = ids_of(lab), lab.root / MUTUAL
    trial, text = trials.plan(SLUG), path.read_text()
    try:
        path.write_text(text.replace("image: awe/redis:2", "image: awe/redis:none"))
        with pytest.raises(ActionFailed, match="something else than what was approved"):
            trial.run_steps()
        other = trials.plan(SLUG)
        assert list(other.action.prechecks(other.acting)) == [
            f"image awe/redis:none of {lab.settings.names.redis} is not on the engine: pull or build it first"
        ]
        path.write_text("services: [\n")
        with pytest.raises(ActionNotApplicable, match="Compose refuses"):
            trials.plan(SLUG)
    finally:
        path.write_text(text)
    assert ids_of(lab) == before


def test_no_secret_of_the_files_stands_in_what_is_approved(lab: ComposeStack, trials: Trials) -> None:
    trial = trials.plan(SLUG)
    variables = [line.partition("=") for line in (lab.root / ".env").read_text().splitlines()]
    secrets = [value for name, _, value in variables if "SECRET" in name or "PASSWORD" in name]
    assert secrets
    assert not [one for one in secrets if one in repr(trial.acting.facts) + repr(trial.plan)]


def test_what_has_no_files_is_refused(trials: Trials) -> None:
    assert trials.not_applicable(SLUG) == ""
    stack = trials.site.stack
    assert stack.engine is not None
    for engine in (replace(stack.engine, compose_files=()), replace(stack.engine, tls_ca="ca.pem")):
        assert action(SLUG).not_applicable(replace(stack, engine=engine), ApplyComposeParameters())
