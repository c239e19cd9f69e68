from __future__ import annotations

import pytest

from diagnostics.probes.programs import ALLOWED, BRIDGE, ProgramNotAllowed, check_allowed

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
    ],
    ids=" ".join,
)
def test_what_is_in_the_list_may_run(arguments: list[str]) -> None:
    check_allowed(arguments)


def test_every_entry_says_why() -> None:
    assert all(one.why for one in ALLOWED)
