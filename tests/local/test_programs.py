"""Which programs run, in which order, and which secrets each gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from awe_incidents.local.layout import open_layout
from awe_incidents.local.ports import take_port
from awe_incidents.local.programs import Deployment, plan_deployment

BACKGROUND = ["worker", "recovery", "sweeper", "scheduler", "sequencer", "signer"]
ORDER = ["postgres", "valkey", "migrate", *BACKGROUND, "web"]


@pytest.fixture(autouse=True)
def _no_services(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith("DATABASE_URL") or name == "REDIS_URL":
            monkeypatch.delenv(name)


def plan(folder: Path, **environ: str) -> Deployment:
    return plan_deployment(open_layout(folder / ".local"), environ=environ)


@pytest.fixture
def initialized(folder: Path) -> Path:
    """A folder whose cluster has its superuser password, as after a first start."""
    deployment = plan(folder)
    assert deployment.cluster is not None
    deployment.cluster.prepare()
    return folder


def test_servers_come_first_and_the_web_server_last(folder: Path) -> None:
    assert [program.name for program in plan(folder).programs()] == ORDER


def test_a_given_database_replaces_the_embedded_one(folder: Path) -> None:
    deployment = plan(
        folder, DATABASE_URL="postgresql://app@db.example/awe", MIGRATOR_DATABASE_URL="postgresql://m@db.example/awe"
    )
    assert [program.name for program in deployment.programs()] == [
        name for name in ORDER if name not in {"postgres", "signer"}
    ]
    programs = {program.name: program for program in deployment.programs()}
    assert programs["web"].env["DATABASE_URL"] == "postgresql://app@db.example/awe"
    assert programs["migrate"].env["DATABASE_URL"] == "postgresql://m@db.example/awe"


def test_a_given_redis_replaces_the_embedded_one(folder: Path) -> None:
    deployment = plan(folder, REDIS_URL="redis://queue.example/3")
    assert [program.name for program in deployment.programs()] == [name for name in ORDER if name != "valkey"]
    assert deployment.variables["REDIS_URL"] == "redis://queue.example/3"


def test_what_env_printed_does_not_replace_the_embedded_servers(initialized: Path) -> None:
    printed = dict(plan(initialized).variables)
    again = plan(initialized, **printed)
    assert [program.name for program in again.programs()] == ORDER
    assert again.variables == printed


def test_only_migrate_gets_the_migrators_password(folder: Path) -> None:
    deployment = plan(folder)
    migrator = deployment.variables["MIGRATOR_DATABASE_URL"]
    holders = [program.name for program in deployment.programs() if migrator in program.env.values()]
    assert holders == ["migrate"]
    for program in deployment.programs():
        assert not {"SIGNER_DATABASE_URL", "MIGRATOR_DATABASE_URL", "READONLY_DATABASE_URL"} & set(program.env)


def test_the_signer_gets_its_own_password_and_nobody_elses_secrets(folder: Path) -> None:
    deployment = plan(folder)
    signer = next(program for program in deployment.programs() if program.name == "signer")
    assert signer.env["DATABASE_URL"] == deployment.variables["SIGNER_DATABASE_URL"]
    assert not {"DJANGO_SECRET_KEY", "AWE_ENCRYPTION_KEYS", "REDIS_URL"} & set(signer.env)
    assert not signer.essential, "what was changed in the trail does not take the service down"
    assert plan(folder, AWE_TRAIL_DIR="/elsewhere").variables["AWE_TRAIL_DIR"] == "/elsewhere"


def test_checkpoints_are_brought_outside_where_somebody_is_configured(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [program.name for program in plan(folder).programs()] == ORDER
    monkeypatch.setenv("AWE_TRAIL_WITNESSES_FILE", "/run/secrets/witnesses")
    programs = {program.name: program for program in plan(folder).programs()}
    anchoring = programs["anchoring"]
    assert anchoring.argv[1:] == ("-m", "awe_incidents.audit", "anchor")
    assert anchoring.env["AWE_TRAIL_WITNESSES_FILE"] == "/run/secrets/witnesses"
    assert anchoring.env["DATABASE_URL"] == programs["signer"].env["DATABASE_URL"]
    assert not {"DJANGO_SECRET_KEY", "AWE_ENCRYPTION_KEYS", "REDIS_URL"} & set(anchoring.env)
    assert not anchoring.essential


def test_the_trail_is_written_into_a_file_where_one_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWE_SECURITY_LOG", "/var/log/security_audit.log")
    deployment = plan(folder)
    programs = {program.name: program for program in deployment.programs()}
    writing = programs["security-log"]
    assert writing.argv[1:] == ("-m", "awe_incidents.audit", "follow")
    assert writing.env["AWE_SECURITY_LOG"] == "/var/log/security_audit.log"
    assert writing.env["DATABASE_URL"] == deployment.variables["DATABASE_URL"]
    assert not writing.essential


def test_no_secret_is_in_a_command_line_or_repr(folder: Path) -> None:
    deployment = plan(folder)
    secrets = [
        *deployment.passwords.values(),
        deployment.variables["DJANGO_SECRET_KEY"],
        deployment.variables["AWE_ENCRYPTION_KEYS"],
    ]
    shown = repr(deployment) + repr(deployment.programs()) + "".join("".join(p.argv) for p in deployment.programs())
    assert not [secret for secret in secrets if secret in shown]


def test_the_plan_is_the_same_at_the_next_start(folder: Path) -> None:
    assert plan(folder).variables == plan(folder).variables


def test_the_web_port_can_be_chosen(folder: Path) -> None:
    port = take_port(folder / "another.json", "web")  # that no other run of the tests keeps
    assert plan(folder, AWE_PORT=str(port)).url == f"http://127.0.0.1:{port}/"


def test_the_environment_is_fit_for_development_only(folder: Path) -> None:
    web = plan(folder).programs()[-1]
    assert web.env["AWE_ENV"] == "development"
    assert web.env["DJANGO_DEBUG"] == "off"
    assert len(web.env["DJANGO_SECRET_KEY"]) >= 50
