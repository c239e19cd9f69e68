"""A real name server that answers as a test says, and looks with a resolv.conf and a hosts file of their own."""

from __future__ import annotations

import contextlib
import pickle
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from diagnostics.checks.result import Result
from diagnostics.looking import LookRequest, take_look

ROOT = Path(__file__).resolve().parents[2]
SILENT = "silent"  # for a name: the question is taken and never answered
# As /etc is mounted anew for this process only, nobody else on the machine notices.
ENTER = 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'


@dataclass
class Zone:
    """What a server says: addresses, the name of an rcode, or SILENT; NXDOMAIN for names that are not there."""

    names: Mapping[str, Sequence[str] | str]
    delay_seconds: float = 0.0
    asked: list[str] = field(default_factory=list)

    def reply(self, data: bytes) -> bytes | None:
        """Answer one question."""
        question = dns.message.from_wire(data)
        name = str(question.question[0].name).rstrip(".").lower()
        self.asked.append(name)
        said = self.names.get(name, "NXDOMAIN")
        if said == SILENT:
            return None
        response = dns.message.make_response(question, recursion_available=True)
        if isinstance(said, str):
            response.set_rcode(dns.rcode.from_text(said))
            return response.to_wire()
        kind = question.question[0].rdtype
        fitting = [one for one in said if (":" in one) == (kind == dns.rdatatype.AAAA)]
        if fitting:
            response.answer.append(dns.rrset.from_text(f"{name}.", 30, "IN", dns.rdatatype.to_text(kind), *fitting))
        return response.to_wire()


@contextlib.contextmanager
def name_server(zone: Zone, *, port: int = 0) -> Iterator[tuple[str, int]]:
    """Serve a zone on an address of the loopback that is this server's alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        server.bind((address, port))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    data, asker = server.recvfrom(4096)
                    if not data:
                        return
                    time.sleep(zone.delay_seconds)
                    if (answer := zone.reply(data)) is not None:
                        server.sendto(answer, asker)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", server.getsockname())
            thread.join(5)


def look_apart(request: LookRequest, folder: Path, *, resolv_conf: str, hosts: str = "") -> Result:
    """Look in a process that has its own resolver configuration; only root can give it one."""
    (folder / "resolv.conf").write_text(resolv_conf)
    (folder / "hosts").write_text(hosts)
    places = [str(folder / "resolv.conf"), str(folder / "hosts")]
    program = [sys.executable, "-m", "tests.diagnostics.resolvers"]
    process = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", *places, *program],
        cwd=ROOT,
        input=pickle.dumps(request),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    result: Result = pickle.loads(process.stdout)  # noqa: S301  of our own child
    return result


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(take_look(pickle.load(sys.stdin.buffer)).result))  # noqa: S301
