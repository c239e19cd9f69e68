"""Other roads to an engine: a second one that listens with TLS, an SSH server, a proxy that lets reads pass."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

from deploy.awe.compose.busybox import import_busybox
from deploy.awe.compose.engine import answers, install_programs
from tests.diagnostics.brokers import wait_until
from tests.diagnostics.checks.certificates import Authority

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "engine-proxy.conf"
SSHD = "/usr/sbin/sshd"
PROGRAMS = {"sshd": "openssh-server", "ssh": "openssh-client", "nginx": "nginx-light", "busybox": "busybox-static"}
TINY = "tiny:1"
NAMESPACE = "awe-tls-engine"
HERE, THERE = "10.199.77.1", "10.199.77.2"
START_SECONDS = 30.0
SSHD_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
SetEnv DOCKER_HOST={engine} PATH={path}
"""
SSH_CONFIG = """
Host *
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@dataclass(frozen=True, slots=True)
class TlsEngine:
    """An engine of its own that asks for a client's certificate."""

    url: str
    ca: Path
    certificate: Path
    key: Path


@contextlib.contextmanager
def engine_with_tls(folder: Path) -> Iterator[TlsEngine]:
    """Start a second engine, in a network namespace: in the first one's it would take the bridge away."""
    authority = Authority.root()
    (folder / "ca.crt").write_bytes(authority.pem())
    authority.issue(names=[THERE]).write(folder, "server")
    authority.issue("checks").write(folder, "client")
    own = f"unix://{folder}/own.sock"
    with _namespace(), (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                "nsenter",
                f"--net=/run/netns/{NAMESPACE}",  # `ip netns exec` would hide the cgroups
                "dockerd",
                f"--data-root={folder / 'data'}",
                f"--exec-root={folder / 'exec'}",
                f"--pidfile={folder / 'pid'}",
                f"--host={own}",
                f"--host=tcp://{THERE}:2376",
                "--tlsverify",
                f"--tlscacert={folder / 'ca.crt'}",
                f"--tlscert={folder / 'server.crt'}",
                f"--tlskey={folder / 'server.key'}",
                "--iptables=false",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(lambda: answers(own), seconds=START_SECONDS)
            import_busybox(own, image=TINY)
            with contextlib.closing(docker.DockerClient(base_url=own, timeout=60)) as client:
                labels = {"com.docker.compose.project": "roads", "com.docker.compose.service": "still"}
                program = ["/bin/sh", "-c", "echo begun; exec sleep 1000"]
                client.containers.run(TINY, program, labels=labels, detach=True, network_mode="none")
            files = (folder / name for name in ("ca.crt", "client.crt", "client.key"))
            yield TlsEngine(f"tcp://{THERE}:2376", *files)
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


@contextlib.contextmanager
def _namespace() -> Iterator[None]:
    """Make a network namespace with a cable to this one."""
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        for line in (
            f"ip link add {NAMESPACE} type veth peer name inner netns {NAMESPACE}",
            f"ip addr add {HERE}/30 dev {NAMESPACE}",
            f"ip link set {NAMESPACE} up",
            f"ip -n {NAMESPACE} addr add {THERE}/30 dev inner",
            f"ip -n {NAMESPACE} link set inner up",
            f"ip -n {NAMESPACE} link set lo up",
        ):
            subprocess.run(line.split(), check=True)
        yield
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


@dataclass(frozen=True, slots=True)
class SshServer:
    """An SSH server of this machine whose `docker` asks a given engine."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"ssh://root@127.0.0.1:{self.port}"


@contextlib.contextmanager
def ssh_server(engine: str) -> Iterator[SshServer]:
    """Start it with new keys, and let this process's `ssh` use them, as a person's configuration would."""
    install_programs(PROGRAMS)
    folder = Path(tempfile.mkdtemp(prefix="awe-sshd-test-"))
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    server = SshServer(free_port(), folder)
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {host_key}\n")
    (folder / "ssh_config").write_text(SSH_CONFIG.format(folder=folder))
    text = SSHD_CONFIG.format(port=server.port, folder=folder, engine=engine, path=os.environ["PATH"])
    (folder / "sshd_config").write_text(text)
    wrapper = folder / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
    wrapper.chmod(0o755)
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{wrapper.parent}:{before}"
    try:
        wait_until(lambda: listens(server.port), seconds=START_SECONDS)
        yield server
    finally:
        os.environ["PATH"] = before
        process.terminate()
        process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def proxy_for_reads(engine: str) -> Iterator[str]:
    """Start nginx with the configuration of ours that lets reads pass, and give its address."""
    install_programs(PROGRAMS)
    folder = Path(tempfile.mkdtemp(prefix="awe-proxy-test-"))
    place = folder / "engine.sock"
    text = CONFIGURATION.read_text()
    for usual, here in (
        ("/var/run/docker.sock", engine.removeprefix("unix://")),
        ("/run/engine-reads.sock", str(place)),
        ("/run/engine-reads.pid", str(folder / "pid")),
    ):
        assert usual in text
        text = text.replace(usual, here)
    (folder / "proxy.conf").write_text(text)
    process = subprocess.Popen(["nginx", "-c", str(folder / "proxy.conf"), "-g", "daemon off; user root;"])
    try:
        wait_until(place.exists, seconds=START_SECONDS)
        yield f"unix://{place}"
    finally:
        process.terminate()
        process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)
