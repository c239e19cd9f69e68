"""The read-only engine over TLS, over SSH and through a proxy: every call that checks make, and every refusal."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.building import build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.checks.result import State
from diagnostics.looking.report import SessionReport
from diagnostics.looking.session import run_session
from diagnostics.probes.engine import ReadOnlyEngine, opened
from diagnostics.probes.engine_failures import EngineFailure
from diagnostics.probes.passage import passage
from diagnostics.probes.ssh_road import FOLDER_START
from diagnostics.stack import Engine, read_stack
from tests.diagnostics.checks.certificates import Authority
from tests.docker.roads import SshServer, TlsEngine, engine_with_tls, free_port, proxy_for_reads, ssh_server
from tests.docker.test_engine_probe import MIRROR, ROOT, ask

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PROJECT = "roads"


@pytest.fixture(scope="module")
def host() -> str:
    found = ensure_engine()
    build_images(found)
    return found


@pytest.fixture(scope="module")
def mirror(host: str) -> Iterator[Container]:
    client = docker.DockerClient(base_url=host, timeout=30)
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": "mirror"}
    running = client.containers.run("awe/app:2", ["python", "-c", MIRROR], labels=labels, detach=True)
    yield running
    running.remove(force=True)
    client.close()


@pytest.fixture(scope="module")
def ssh(host: str) -> Iterator[SshServer]:
    with ssh_server(host) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(host: str) -> Iterator[str]:
    with proxy_for_reads(host) as address:
        yield address


@pytest.fixture(scope="module")
def tls(host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsEngine]:
    with engine_with_tls(tmp_path_factory.mktemp("tls-engine")) as engine:
        yield engine


def described(tls: TlsEngine) -> Engine:
    return Engine(
        url=tls.url, project=PROJECT, tls_ca=str(tls.ca), tls_certificate=str(tls.certificate), tls_key=str(tls.key)
    )


def read_everything(engine: ReadOnlyEngine, service: str) -> None:
    """Make every call once."""
    assert engine.version()["ApiVersion"]
    assert engine.info()["SystemTime"]
    assert "Images" in engine.disk_usage()
    found = engine.container(service)
    assert found is not None
    assert found.status == "running"
    assert engine.networks()
    assert engine.image(found.image)
    assert engine.image("no/such:image") is None
    assert engine.stats(found)["memory_stats"]
    assert engine.top(found)
    assert engine.archive(found, "/bin" if service == "still" else "/etc/hosts")
    assert engine.run(found, ["id"]) == (0, b"uid=0(root) gid=0(root) groups=0(root)\n") or service == "still"
    assert list(engine.logs(found, tail=10)) or service == "mirror"


def test_every_call_goes_over_ssh(ssh: SshServer, mirror: Container) -> None:
    with opened(Engine(url=ssh.url, project=PROJECT), seconds=15, root=ROOT) as engine:
        read_everything(engine, "mirror")
        found = engine.container("mirror")
        assert found is not None
        with passage(engine, found, "localhost", 7000) as way:
            assert ask(way.port, b"olleh") == b"hello"


def test_no_ssh_is_left_when_the_engine_was_read(ssh: SshServer, mirror: Container) -> None:
    with opened(Engine(url=ssh.url, project=PROJECT), seconds=15, root=ROOT) as engine:
        engine.version()
        assert dialed(ssh)
    assert not dialed(ssh)


def test_the_folder_of_a_look_that_was_killed_is_removed_by_the_next(ssh: SshServer) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = Path(tempfile.gettempdir(), f"{FOLDER_START}{ended.pid}-left")
    left.mkdir()
    with opened(Engine(url=ssh.url, project=PROJECT), seconds=15, root=ROOT):
        assert not left.exists()


def dialed(ssh: SshServer) -> list[str]:
    done = subprocess.run(["pgrep", "-f", f"ssh_config.*{ssh.port}"], capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_a_key_that_ssh_does_not_let_in_is_named(ssh: SshServer) -> None:
    allowed = ssh.folder / "authorized_keys"
    text = allowed.read_text()
    allowed.write_text("")
    try:
        with pytest.raises(EngineFailure, match="Permission denied") as refusal:
            ReadOnlyEngine(Engine(url=ssh.url, project=PROJECT), seconds=5, root=ROOT)
    finally:
        allowed.write_text(text)
    assert refusal.value.code == "engine.ssh_refused"


def test_an_unknown_host_key_is_refused(ssh: SshServer) -> None:
    known = ssh.folder / "known_hosts"
    text = known.read_text()
    known.write_text("")
    try:
        with pytest.raises(EngineFailure) as refusal:
            ReadOnlyEngine(Engine(url=ssh.url, project=PROJECT), seconds=5, root=ROOT)
    finally:
        known.write_text(text)
    assert refusal.value.code == "engine.ssh_host_key"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (f"ssh://root@127.0.0.1:{free_port()}", "engine.refused"),
        ("ssh://root@no-such-host.invalid", "engine.dns"),
        ("ssh://-oProxyCommand=true/x", "engine.dns"),
    ],
)
def test_a_host_that_ssh_does_not_reach_is_named(ssh: SshServer, address: str, code: str) -> None:
    with pytest.raises(EngineFailure) as refusal:
        ReadOnlyEngine(Engine(url=address, project=PROJECT), seconds=5, root=ROOT)
    assert refusal.value.code == code


def test_a_stopped_engine_behind_ssh_is_told_from_a_host_without_docker(ssh: SshServer) -> None:
    with ssh_server("unix:///nowhere/docker.sock") as other, pytest.raises(EngineFailure) as refusal:
        ReadOnlyEngine(Engine(url=other.url, project=PROJECT), seconds=5, root=ROOT)
    assert refusal.value.code == "engine.no_socket"


def test_checks_that_list_read_logs_and_look_from_inside_pass_over_ssh(ssh: SshServer, lab: ComposeStack) -> None:
    slugs = ("startup.container_state", "startup.logs", "network.dns", "database.postgres_direct")
    text, described = lab.description.read_text(), read_stack(lab.description).engine
    assert described is not None
    assert described.url in text
    description = lab.description.with_name("over-ssh.toml")
    description.write_text(text.replace(described.url, ssh.url))
    # A program of its own: processes that look have the search path that the first of them found.
    looking = [sys.executable, "-m", "diagnostics", str(description), "--json"]
    looking += [argument for slug in slugs for argument in ("--check", slug)]
    done = subprocess.run(looking, capture_output=True, text=True, timeout=120, check=False)
    found = {one["check"]: one["state"] for one in json.loads(done.stdout)["results"]}
    assert {found[slug] for slug in slugs} <= {"pass", "warn"}
    assert not {"fail", "error"} & set(found.values())


def test_every_call_goes_over_tls(tls: TlsEngine) -> None:
    with opened(described(tls), seconds=15, root=ROOT) as engine:
        read_everything(engine, "still")


@pytest.mark.parametrize("what", ["no certificate", "another authority", "another server", "a file that is not there"])
def test_tls_that_does_not_fit_is_named(tls: TlsEngine, what: str, tmp_path: Path) -> None:
    foreign = Authority.root("Another Root")
    certificate, key = foreign.issue().write(tmp_path, "foreign")
    spoiled = {
        "no certificate": replace(described(tls), tls_certificate=None, tls_key=None),
        "another authority": replace(described(tls), tls_certificate=str(certificate), tls_key=str(key)),
        "another server": replace(described(tls), tls_ca=str(foreign.write(tmp_path, "foreign-ca"))),
        "a file that is not there": replace(described(tls), tls_ca=str(tmp_path / "missing.crt")),
    }[what]
    with pytest.raises(EngineFailure) as refusal, opened(spoiled, seconds=5, root=ROOT) as engine:
        engine.version()
    assert refusal.value.code == "engine.tls"


def test_every_call_goes_through_a_proxy_that_lets_reads_pass(proxy: str, mirror: Container) -> None:
    with opened(Engine(url=proxy, project=PROJECT), seconds=15, root=ROOT) as engine:
        read_everything(engine, "mirror")
        found = engine.container("mirror")
        assert found is not None
        with passage(engine, found, "localhost", 7000) as way:
            assert ask(way.port, b"niaga") == b"again"


def test_the_proxy_refuses_whatever_changes_something(proxy: str, mirror: Container) -> None:
    client = docker.DockerClient(base_url=proxy, timeout=10)
    through = client.containers.get(str(mirror.id))
    for attempt in (through.stop, through.remove, through.pause, lambda: client.images.pull("awe/app:2")):
        with pytest.raises(docker.errors.APIError) as refusal:
            attempt()
        assert refusal.value.response is not None
        assert refusal.value.response.status_code == 403
    client.close()
    mirror.reload()
    assert mirror.status == "running"


def test_a_whole_run_through_the_proxy_finds_the_deployment_healthy(proxy: str, lab: ComposeStack) -> None:
    stack = read_stack(lab.description)
    assert stack.engine is not None
    report = run_session(replace(stack, engine=replace(stack.engine, url=proxy)), suite="full")
    assert troubles(report) == []


def troubles(report: SessionReport) -> list[tuple[str, str]]:
    bad = {State.FAIL, State.ERROR}
    return [(one.check, one.leading.message) for one in report.results if one.state in bad]
