"""Which Docker Compose is there: real programs under both names, good ones and others."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from diagnostics.probes.compose import MAX_OUTPUT_BYTES, ComposeUnavailable, compose_version


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, before which there are only those that scripts need."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "sleep", "env", "cat", "yes"):
        real = next(Path(folder, name) for folder in ("/bin", "/usr/bin") if Path(folder, name).exists())
        (programs / name).symlink_to(real)
    monkeypatch.setenv("PATH", str(programs))
    return programs


def program(place: Path, name: str, script: str) -> None:
    path = place / name
    path.write_text(f"#!{place}/sh\n{script}\n")
    path.chmod(0o755)


def refusal(seconds: float = 5) -> ComposeUnavailable:
    with pytest.raises(ComposeUnavailable) as refused:
        compose_version(seconds=seconds)
    return refused.value


def test_the_plugin_is_asked_first(place: Path) -> None:
    program(place, "docker", '[ "$*" = "compose version" ] && echo "Docker Compose version v2.30.3"')
    program(place, "docker-compose", "echo docker-compose version 1.29.2")
    answer = compose_version(seconds=5)
    assert (answer.command, answer.text) == ("docker compose version", "Docker Compose version v2.30.3")


@pytest.mark.parametrize("docker", [None, "echo 'unknown command' >&2; exit 1", "exit 0"])
def test_the_program_is_asked_where_the_plugin_is_not_there(place: Path, docker: str | None) -> None:
    if docker:
        program(place, "docker", docker)
    program(
        place, "docker-compose", 'echo "docker-compose version 1.29.2, build unknown"; echo "docker-py version: 5.0.3"'
    )
    answer = compose_version(seconds=5)
    assert answer.command == "docker-compose version"
    assert answer.text == "docker-compose version 1.29.2, build unknown\ndocker-py version: 5.0.3"


def test_without_either_it_says_so_of_both(place: Path) -> None:
    refused = refusal()
    assert refused.code == "compose.missing"
    assert "`docker compose version` cannot be run here" in refused.text
    assert "`docker-compose version` cannot be run here" in refused.text


def test_a_failure_is_told_with_its_exit_code_and_never_with_its_words(place: Path) -> None:
    program(place, "docker", "echo hunter2 >&2; echo hunter2; exit 3")
    refused = refusal()
    assert refused.code == "compose.failed"
    assert "exit code 3" in refused.text
    assert "hunter2" not in refused.text


def test_a_program_that_hangs_is_killed_with_its_children(place: Path) -> None:
    program(place, "docker", "sleep 4711 & sleep 4711")
    began = time.monotonic()
    refused = refusal(seconds=1)
    assert time.monotonic() - began < 3
    assert refused.code == "compose.timeout"
    for process in psutil.process_iter(["cmdline"]):
        assert process.info["cmdline"] != ["sleep", "4711"]


def test_a_program_that_prints_without_end_fills_nothing(place: Path) -> None:
    program(
        place, "docker", "yes 'Docker Compose version v2.30.3' | while read -r line; do echo $line; done & sleep 0.2"
    )
    assert len(compose_version(seconds=4).text) <= MAX_OUTPUT_BYTES


def test_nothing_of_our_environment_is_handed_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:hunter2@db/x")
    program(place, "docker", "env")
    text = compose_version(seconds=5).text
    assert "hunter2" not in text
    assert f"PATH={os.environ['PATH']}" in text
