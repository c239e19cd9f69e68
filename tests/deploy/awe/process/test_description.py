from __future__ import annotations

from pathlib import Path

from deploy.awe.process.description import render
from deploy.awe.process.layout import Layout
from deploy.awe.process.settings import Ports, ServiceNames, StackSettings
from diagnostics.stack import parse_toml


def test_the_description_validates_and_names_every_service_by_its_own_name(tmp_path: Path) -> None:
    settings = StackSettings(
        name="floor-two",
        host="127.0.0.2",
        services=ServiceNames(api="gateway", worker="runner", database="store", redis="broker"),
        ports=Ports(api=9443, database=20001, redis=20002),
    )
    pid_files = {"database": tmp_path / "servers" / "database.pid", "redis": Path("/elsewhere/redis.pid")}
    stack = parse_toml(
        render(Layout(tmp_path), settings, pid_files=pid_files, programs=tmp_path / "bin"), folder=tmp_path
    )
    assert {name: service.role for name, service in stack.services.items()} == {
        "gateway": "api",
        "runner": "worker",
        "store": "database",
        "broker": "queue",
    }
    assert stack.services["gateway"].listens == (("127.0.0.2", 9443),)
    assert stack.endpoints["public"].url == "https://127.0.0.2:9443"
    assert stack.services["store"].pid_file == pid_files["database"]
    assert stack.services["broker"].pid_file == pid_files["redis"]
    assert stack.tokens is not None
    assert [key.service for key in stack.tokens.keys] == ["gateway", "runner"]
    database = stack.databases["application"]
    assert database.migrations is not None
    assert [path.name for path in database.migrations.directories] == ["versions"]
    assert database.backups is not None
    assert database.backups.directory == tmp_path / "backups"
    assert database.programs == tmp_path / "bin"
    assert stack.thresholds["agents.workers_and_queues"] == {"stall_seconds": 3}
    assert stack.host is not None
    assert Path("/elsewhere") in stack.host.paths
    assert {str(reference) for reference in stack.secret_references()} == {
        "file:secrets/database_password",
        "file:secrets/monitor_password",
        "file:secrets/probe_password",
        "file:secrets/redis_password",
    }


def test_a_pooler_stands_between_the_application_and_the_database(tmp_path: Path) -> None:
    settings = StackSettings(
        host="127.0.0.2",
        services=ServiceNames(pooler="turnstile"),
        ports=Ports(api=9443, database=20001, redis=20002, pooler=20003),
    )
    pid_files = {name: tmp_path / f"{name}.pid" for name in ("database", "redis", "pooler")}
    stack = parse_toml(
        render(Layout(tmp_path), settings, pid_files=pid_files, programs=tmp_path / "bin"), folder=tmp_path
    )
    assert stack.services["api"].depends_on == ("turnstile", "redis")
    assert stack.services["turnstile"].role == "pooler"
    assert stack.services["turnstile"].depends_on == ("database",)
    pooler = stack.databases["application"].pooler
    assert pooler is not None
    assert (pooler.service, pooler.port, pooler.admin_user) == ("turnstile", 20003, "awe_monitor")
