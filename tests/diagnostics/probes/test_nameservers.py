from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.probes.nameservers import (
    Configuration,
    NameServer,
    Reply,
    are_silent,
    ask,
    hosts_entries,
    system_configuration,
)
from tests.diagnostics.resolvers import SILENT, Zone, name_server

ALONE = Configuration(())


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.11", NameServer("127.0.0.11")),
        ("127.0.0.11:5353", NameServer("127.0.0.11", 5353)),
        ("[::1]:5353", NameServer("::1", 5353)),
        ("[fe80::1]", NameServer("fe80::1")),
    ],
)
def test_a_server_is_written_in_every_usual_way(text: str, server: NameServer) -> None:
    assert NameServer.parse(text) == server
    assert NameServer.parse(str(server)) == server


def test_resolv_conf_is_read_as_glibc_does(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# by hand\n; or so\nnameserver 10.0.0.1\nnameserver nonsense\nnameserver ::1\nnameserver 10.0.0.3\n"
        "nameserver 10.0.0.4\nsearch a.test b.test.\noptions ndots:2 timeout:1 ndots:x\n\xff\n",
        encoding="latin-1",
    )
    read = system_configuration(path)
    assert [str(one) for one in read.servers] == ["10.0.0.1", "::1", "10.0.0.3"]
    assert (read.search, read.ndots) == (("a.test", "b.test"), 2)
    assert read.candidates("x.y") == ["x.y.a.test.", "x.y.b.test.", "x.y."]
    assert read.candidates("x.y.z") == ["x.y.z.", "x.y.z.a.test.", "x.y.z.b.test."]
    assert read.candidates("x.") == ["x."]


def test_without_a_file_the_local_server_is_asked(tmp_path: Path) -> None:
    assert system_configuration(tmp_path / "none").servers == (NameServer("127.0.0.1"),)


def test_the_hosts_file_knows_aliases(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost Till # till2\n\n10.0.0.9\tledger till\n")
    assert hosts_entries("TILL.", path) == ["127.0.0.1", "10.0.0.9"]
    assert hosts_entries("till2", path) == []
    assert hosts_entries("till", tmp_path / "none") == []


def test_one_kind_of_address_counts_where_the_question_for_the_other_is_dropped() -> None:
    class NoIpv6(Zone):
        def reply(self, data: bytes) -> bytes | None:
            return super().reply(data) if b"\x00\x01\x00\x01" in data[-4:] else None

    with name_server(NoIpv6({"till.test": ["10.0.0.1"]})) as (address, port):
        reply = ask(NameServer(address, port), "till.test", ALONE, seconds=0.4)
    assert (reply.addresses, reply.code) == (("10.0.0.1",), "silent to AAAA")
    assert "10.0.0.1 (ttl 30 s), silent to AAAA" in str(reply)


@pytest.mark.parametrize(
    ("said", "code"), [(SILENT, "silent"), ("NXDOMAIN", "NXDOMAIN"), ("SERVFAIL", "SERVFAIL"), ([], "")]
)
def test_each_answer_has_its_code(said: str | list[str], code: str) -> None:
    with name_server(Zone({"till.test": said})) as (address, port):
        reply = ask(NameServer(address, port), "till.test", ALONE, seconds=0.3)
    assert (reply.code, reply.addresses) == (code, ())


def test_an_answer_of_another_question_and_rubbish_are_no_answers() -> None:
    class Liar(Zone):
        def reply(self, data: bytes) -> bytes:
            return b"\xff\xff" + data[2:]

    with name_server(Liar({})) as (address, port):
        assert ask(NameServer(address, port), "till.test", ALONE, seconds=0.3).code in {"silent", "garbage"}


def test_silence_is_of_all(tmp_path: Path) -> None:
    silent, known = Reply(NameServer("::1"), "silent"), Reply(NameServer("::1"), "NXDOMAIN")
    assert are_silent([silent])
    assert not are_silent([silent, known])
    assert not are_silent([])
