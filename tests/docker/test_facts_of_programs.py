"""How programs of a real deployment behave, as checks take it for granted: refusals that mislead, and silence."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for
from deploy.awe.issuing import KeyPair, issue_client, make_ca
from tests.docker.checks.breaking import broken
from tests.faults.doing import DATABASE, from_to, health, refusal_of, restarts, state

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WRONG = ("missing", "expired", "of another CA", "of another CA of the same name")
CLIENT = """
import os, psycopg
try:
    psycopg.connect(os.environ["{address}"], connect_timeout=4).execute("SELECT 1")
    print("connected")
except psycopg.Error as error:
    print(error)
"""
MISLEADING = re.compile("server login has been failing|timeout expired|closed the connection unexpectedly")
AT_EVERY_START = {  # and stop
    "stapling OCSP",
    "started background certificate maintenance",
    "stopped background certificate maintenance",
}
OWN = "SELECT application_name, client_addr FROM pg_stat_activity WHERE pid = pg_backend_pid()"


def client_files(lab: ComposeStack, folder: Path, what: str) -> list[Path]:
    """Give a client's certificate and key that the proxy must refuse; none where it is missing."""
    if what == "missing":
        return []
    pair = {
        "expired": lambda: issue_client(KeyPair.read(lab.certificates.ca), validity=from_to(-90, -1)),
        "of another CA": lambda: issue_client(make_ca(name="Another Root")),
        "of another CA of the same name": lambda: issue_client(make_ca()),
    }[what]()
    pair.write(folder / "client")
    return [folder / "client.crt", folder / "client.key"]


def ca(lab: ComposeStack) -> str:
    return str(lab.certificates.ca.with_suffix(".crt"))


def curl(lab: ComposeStack, files: Sequence[Path], *more: str) -> tuple[int, str]:
    pair = [word for option, path in zip(("--cert", "--key"), files, strict=False) for word in (option, str(path))]
    url = f"https://localhost:{lab.settings.port}/health"
    done = subprocess.run(
        ["curl", "-sS", "-m", "20", "--cacert", ca(lab), *pair, *more, url], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def s_client(lab: ComposeStack, files: Sequence[Path], *, seconds: float) -> tuple[int, str]:
    """Run `openssl s_client` with its input open for so long; 0 is `</dev/null`."""
    pair = [word for option, path in zip(("-cert", "-key"), files, strict=False) for word in (option, str(path))]
    address = f"localhost:{lab.settings.port}"
    with subprocess.Popen(
        ["openssl", "s_client", "-connect", address, "-CAfile", ca(lab), *pair],
        stdin=subprocess.PIPE if seconds else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        time.sleep(seconds)
        said, _ = running.communicate(timeout=20)
    return running.returncode, said


@pytest.mark.parametrize("what", WRONG)
def test_every_wrong_client_certificate_is_alert_42_and_no_line_of_the_proxy(
    what: str, lab: ComposeStack, tmp_path: Path
) -> None:
    files, door = client_files(lab, tmp_path, what), lab.container(lab.settings.names.caddy)
    before = door.logs()
    newer, older = curl(lab, files), curl(lab, files, "--tls-max", "1.2")
    code, said = s_client(lab, files, seconds=1)
    time.sleep(1)
    assert (newer[0], "alert bad certificate" in newer[1]) == (56, True)  # TLS 1.3: after the handshake, while reading
    assert (older[0], "alert bad certificate" in older[1]) == (35, True)  # TLS 1.2: in the handshake
    assert (code, "SSL alert number 42" in said) == (1, True)
    assert "Verify return code: 0 (ok)" in said  # which is of the server's certificate
    assert door.logs() == before


def test_openssl_without_input_may_end_before_the_alert_comes(lab: ComposeStack) -> None:
    for _ in range(5):
        code, said = s_client(lab, [], seconds=0)
        assert (code == 0) == ("SSL alert number 42" not in said)  # so that 0 is no proof of being let in


def write_much(session: ssl.SSLSocket) -> None:
    session.sendall(b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n")
    for _ in range(50):
        session.sendall(b"x" * 1_000_000)
    session.recv(100)


def test_a_client_that_is_writing_when_it_is_refused_may_see_no_alert(lab: ComposeStack) -> None:
    context = ssl.create_default_context(cafile=ca(lab))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with (
        socket.create_connection(("localhost", lab.settings.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as session,
        pytest.raises(OSError, match=r"(?i)EOF occurred|reset by peer|broken pipe|bad certificate"),
    ):
        write_much(session)


@pytest.mark.parametrize("slug", ["server-cert-expired", "server-cert-wrong-ca", "server-cert-hostname-mismatch"])
def test_a_proxy_with_a_wrong_certificate_is_healthy_and_says_nothing(slug: str, lab: ComposeStack) -> None:
    door = lab.settings.names.caddy
    size = len(lab.container(door).logs())
    with broken(lab, slug):
        assert refusal_of(lab)
        assert wait_for(lambda: health(lab, door) == "healthy", seconds=20)
        assert restarts(lab, door) == 0
        said = [json.loads(line) for line in lab.container(door).logs()[size:].splitlines()]
    assert {one["level"] for one in said} <= {"info", "warn"}
    about = [one["msg"] for one in said if re.search("certificate|expired|authority", json.dumps(one))]
    assert set(about) <= AT_EVERY_START


def test_a_key_that_does_not_match_is_the_one_that_stops_the_proxy(lab: ComposeStack) -> None:
    door = lab.settings.names.caddy
    with broken(lab, "server-key-mismatch"):
        assert wait_for(lambda: restarts(lab, door) >= 2, seconds=20)
        said = lab.container(door).logs(tail=20).decode()
    assert "private key does not match public key" in said


def through_the_pool(lab: ComposeStack, statement: str, *, name: str) -> str:
    names = lab.settings.names
    address = ["psql", "-X", "-At", "-h", "localhost", "-p", "6432", "-U", "postgres", "-d", DATABASE]
    return lab.exec(names.pgbouncer, ["env", f"PGAPPNAME={name}", *address, "-c", statement]).strip()


def address_of(lab: ComposeStack, service: str, network: str, *, key: str = "IPAddress") -> str:
    networks: Mapping[str, Any] = lab.inspect(service)["NetworkSettings"]["Networks"]
    return str(networks[f"{lab.settings.project}_{network}"][key])


def test_behind_the_pooler_the_address_is_its_own_and_the_name_is_the_clients(lab: ComposeStack) -> None:
    pool = address_of(lab, lab.settings.names.pgbouncer, "backend")
    for name in ("night-report", "day-report"):
        assert through_the_pool(lab, OWN, name=name) == f"{name}|{pool}"


def asked(lab: ComposeStack, address: str = "DATABASE_URL") -> str:
    """Connect as the application does, from where it runs, and give what its driver says."""
    return lab.exec(lab.settings.names.api, ["python", "-c", CLIENT.format(address=address)]).strip()


@pytest.mark.parametrize(
    ("slug", "reason"),
    [
        ("dns-unresolvable", r"DNS lookup failed: \w+: result=0"),
        ("db-wrong-password", 'login failed: FATAL: password authentication failed for user "awe_app"'),
        ("db-max-connections", "login failed: FATAL: remaining connection slots are reserved"),
    ],
)
def test_clients_of_the_pooler_are_never_told_why_and_its_log_is(slug: str, reason: str, lab: ComposeStack) -> None:
    names = lab.settings.names
    assert asked(lab) == "connected"
    with broken(lab, slug):
        said = asked(lab)
        log = lab.container(names.pgbouncer).logs(tail=400).decode()
        states = {name: health(lab, name) for name in (names.pgbouncer, names.database)}
    assert MISLEADING.search(said)
    assert not re.search(reason, said)
    assert re.search(reason, log)
    assert states == {names.pgbouncer: "healthy", names.database: "healthy"}  # its check is a login to itself


def test_a_stopped_database_has_no_name_and_only_its_dependants_dependant_is_unhealthy(lab: ComposeStack) -> None:
    names = lab.settings.names
    with broken(lab, "db-down"):
        ended, said, direct = state(lab, names.database), asked(lab), asked(lab, "MIGRATION_DATABASE_URL")
        log = lab.container(names.pgbouncer).logs(tail=400).decode()
        states = {name: health(lab, name) for name in (names.pgbouncer, names.worker, names.redis, names.caddy)}
        outputs = [str(one["Output"]) for one in state(lab, names.api)["Health"]["Log"]]
    assert (ended["Status"], ended["ExitCode"]) == ("exited", 0)  # its image has STOPSIGNAL SIGINT; else 137 after 5 s
    assert re.search("failed to resolve host|could not translate host name", direct)  # not: connection refused
    assert MISLEADING.search(said)
    assert f"DNS lookup failed: {names.database}" in log
    assert set(states.values()) == {"healthy"}
    assert len(outputs) == 5
    assert any(re.search('"database":{"status":"error"|TimeoutError', output) for output in outputs)


def test_who_waits_for_a_full_pool_is_told_after_its_own_patience_and_the_engines_check_is_not(
    lab: ComposeStack,
) -> None:
    names = lab.settings.names
    with broken(lab, "pgbouncer-pool-exhausted"):
        began = time.monotonic()
        answer = lab.client(timeout_seconds=40).get("/health")
        seconds = time.monotonic() - began
        outputs = [str(one["Output"]) for one in state(lab, names.api)["Health"]["Log"][-2:]]
        pool = health(lab, names.pgbouncer)
    assert (answer.status, "query_wait_timeout" in json.dumps(answer.body)) == (503, True)
    assert seconds >= 14  # query_wait_timeout is 15 s
    assert all("TimeoutError" in output for output in outputs)
    assert pool == "healthy"


def test_a_request_to_the_published_port_comes_from_the_gateway_of_the_bridge(lab: ComposeStack) -> None:
    names = lab.settings.names
    gateway = address_of(lab, names.caddy, "edge", key="Gateway")
    lab.token()
    assert wait_for(lambda: gateway in last_line(lab, names.caddy, "/auth/login"), seconds=10)
    request = json.loads(last_line(lab, names.caddy, "/auth/login"))["request"]
    security = json.loads(lab.exec(names.api, ["tail", "-n", "1", "/var/log/security_audit.log"]))
    assert (request["remote_ip"], security["client"]) == (gateway, gateway)


def last_line(lab: ComposeStack, service: str, words: str) -> str:
    lines = [line for line in lab.container(service).logs(tail=50).decode().splitlines() if words in line]
    return lines[-1] if lines else ""


def test_docker_stats_gives_words_and_the_hosts_memory_where_there_is_no_limit(lab: ComposeStack) -> None:
    done = subprocess.run(
        ["docker", "-H", lab.host, "stats", "--no-stream", "--format", "{{json .}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    by_id = {one["ID"]: one for one in map(json.loads, done.stdout.splitlines())}
    limits = {}
    for service in (lab.settings.names.api, lab.settings.names.caddy):
        one = by_id[str(lab.container(service).id)[:12]]
        assert {"BlockIO", "CPUPerc", "MemPerc", "MemUsage", "Name", "NetIO", "PIDs"} <= one.keys()
        assert all(isinstance(value, str) for value in one.values())
        limits[service] = one["MemUsage"].partition(" / ")[2]
    memory = lab.engine.info()["MemTotal"]
    assert limits[lab.settings.names.api] == "256MiB"
    assert float(limits[lab.settings.names.caddy].removesuffix("GiB")) == pytest.approx(memory / 2**30, rel=0.02)
