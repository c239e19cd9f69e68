from __future__ import annotations

import pytest

from diagnostics.probes.programs import (
    ALLOWED,
    BRIDGE,
    ENVIRONMENTS,
    KEY_MARK,
    PROCESSES,
    ProgramNotAllowed,
    check_allowed,
    is_look,
)

REFUSED = [
    ["sh", "-c", "rm -rf /"],
    ["bash", "-c", BRIDGE + "; rm -rf /", "database", "5432"],
    ["bash", "-c", BRIDGE, "database;rm", "5432"],
    ["bash", "-c", BRIDGE, "database", "5432; rm"],
    ["bash", "-c", BRIDGE, "-c", "5432"],
    ["bash", "-c", BRIDGE],
    ["cat", "/etc/shadow"],
    ["cat", "/proc/1/environ"],
    ["cat", "/sys/fs/cgroup/../../../etc/shadow\n"],
    ["stat", "-L", "-c", "%n", "/app"],
    ["stat", "-L", "-c", "%n|%F|%a|%u|%g|%s|%Y", "-f"],
    ["alembic", "upgrade", "head"],
    ["pg_restore", "--list", "-d", "x"],
    ["pg_restore", "--list", "relative"],
    ["getent", "ahosts", "-i"],
    ["caddy", "run"],
    ["caddy", "adapt", "--adapter", "caddyfile", "--config", "relative"],
    ["caddy", "validate", "--config", "/etc/caddy/caddy.json", "--envfile", "/etc/shadow"],
    ["nginx", "-T", "-g", "daemon off;"],
    ["nginx", "-s", "stop"],
    ["grep", "-s", ".", "/etc/shadow"],
    ["grep", "-s", ".", "/sys/class/net/../../../etc/shadow/mtu"],
    ["grep", "-s", ".", "-f"],
    ["sh", "-c", PROCESSES, "more"],
    ["sh", "-c", PROCESSES + "; rm -rf /"],
    ["bash", "-c", ENVIRONMENTS],
    ["bash", "-c", ENVIRONMENTS, "KEY", "$(id)"],
    ["grep", "-l", "-E", "-e", ".", "/etc/shadow"],
    ["grep", "-H", "", "/proc/1/environ"],
    ["grep", "-H", "", "/proc/meminfo", "/etc/shadow"],
    [],
]


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_what_is_not_in_the_list_is_refused(arguments: list[str]) -> None:
    with pytest.raises(ProgramNotAllowed):
        check_allowed(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["bash", "-c", BRIDGE, "database", "5432"],
        ["stat", "-L", "-c", "%n|%F|%a|%u|%g|%s|%Y", "/app", "/run/secrets/key", "/with space"],
        ["df", "-P", "-B1", "/var/lib/postgresql/data"],
        ["alembic", "current"],
        ["cat", "/proc/1/status"],
        ["caddy", "adapt", "--adapter", "caddyfile", "--config", "/etc/caddy/Caddyfile"],
        ["nginx", "-T"],
        ["nginx", "-T", "-c", "/etc/nginx/other.conf"],
        ["grep", "-s", ".", "/sys/class/net/eth0/mtu", "/sys/class/net/eth1/address"],
        ["sh", "-c", PROCESSES],
        ["bash", "-c", ENVIRONMENTS, "SIGNING_KEY", "SIGNING_KEY_FILE"],
        ["grep", "-l", "-E", "-e", KEY_MARK, "/run/secrets/key", "/etc/tls.pem"],
        ["grep", "-H", "", "/proc/meminfo", "/proc/pressure/cpu"],
    ],
    ids=" ".join,
)
def test_what_is_in_the_list_may_run(arguments: list[str]) -> None:
    check_allowed(arguments)


def test_every_entry_says_why() -> None:
    assert all(one.why for one in ALLOWED)


@pytest.mark.parametrize(
    "command",
    [
        "id",
        "cat /etc/hosts",
        f"bash -c {BRIDGE} db 5432",
        f"sh -c {PROCESSES}",
        "stat -L -c %n|%F|%a|%u|%g|%s|%Y /a /b c /d",
        "grep -H  /proc/meminfo /proc/loadavg",
        "date -u +%s.%N",
    ],
)
def test_an_engines_words_for_a_look_are_known(command: str) -> None:
    assert is_look(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "sh",
        "id -u",
        "rm -rf /",
        "psql -c DROP TABLE users",
        f"bash -c {BRIDGE} db 5432; rm -rf /",
        "nginx -T -c /etc/nginx.conf -g load_module /tmp/x.so;",
        "tail -c 5 /var/log/x -f",
        "alembic upgrade head",
    ],
)
def test_whatever_else_is_run_is_no_look(command: str) -> None:
    assert not is_look(command)
