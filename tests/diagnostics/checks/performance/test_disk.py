from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.stack import Host, Service
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, stack
from tests.diagnostics.mounts import dead_disk, may_mount, remount_read_only, small_disk
from tests.diagnostics.rights import open_folder, without_rights

SLUG = "performance.disk"
ROOMY = {"bytes_percent": 99.9, "bytes_fail_percent": 99.9, "inodes_percent": 99.9, "inodes_fail_percent": 99.9}


def looked(*paths: Path, baseline: Baseline = looks.NOTHING_USUAL, limits: dict[str, float] | None = None) -> Result:
    config = stack(Path("/"), host=Host(paths=paths), thresholds={SLUG: limits or {}})
    return looks.look(SLUG, config, baseline=baseline)


def of(result: Result, target: Path) -> set[str]:
    return {one.code for one in result.findings if one.target == str(target)}


def test_folders_on_one_file_system_are_judged_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    result = looked(tmp_path, tmp_path / "data", limits=ROOMY)
    shows(HEALTHY, result)
    assert codes(result) == {"disk.room"}
    holding = [one for one in result.evidence if str(tmp_path / "data") in one.content]
    assert len(holding) == 1
    assert f"holds {tmp_path}\n" in holding[0].content


def test_the_folders_of_log_files_and_shared_memory_are_looked_at(tmp_path: Path) -> None:
    till = Service(name="till", role="api", log_files=(tmp_path / "till.log",))
    result = looks.look(SLUG, stack(tmp_path, services={"till": till}, thresholds={SLUG: ROOMY}))
    shown = "\n".join(one.content for one in result.evidence)
    assert f"holds {tmp_path}" in shown
    assert "holds /dev/shm" in shown


def test_the_limits_of_the_stack_are_kept_and_named(tmp_path: Path) -> None:
    result = looked(tmp_path, limits=ROOMY | {"bytes_percent": 0.0001})
    finding = next(one for one in result.findings if one.code == "disk.bytes")
    assert finding.state is State.WARN
    assert finding.threshold is not None
    assert (finding.threshold.name, finding.threshold.source) == ("bytes_percent", "config")


def test_a_described_folder_that_is_not_there_warns_and_hides_no_other(tmp_path: Path) -> None:
    result = looked(tmp_path / "none", tmp_path, limits=ROOMY)
    assert found(result, "disk.missing").state is State.WARN
    assert "disk.room" in codes(result)


def test_a_pipe_is_a_place_like_any_other_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    began = time.monotonic()
    assert codes(looked(tmp_path / "pipe", limits=ROOMY)) == {"disk.room"}
    assert time.monotonic() - began < 2


def test_a_folder_that_may_not_be_reached_is_an_error() -> None:
    with open_folder() as folder:
        (folder / "closed" / "data").mkdir(parents=True)
        (folder / "closed").chmod(0)
        with without_rights():
            result = looked(folder / "closed" / "data", limits=ROOMY)
        (folder / "closed").chmod(0o755)
    assert found(result, "not_permitted").state is State.ERROR


def test_a_stack_that_writes_nowhere_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(looks.look(SLUG, stack(tmp_path))) == {"not_applicable"}


if may_mount():  # by root; everybody else has the limits of the stack to try it with

    def test_a_disk_without_room_fails_and_names_what_takes_it() -> None:
        with small_disk(size="4m") as disk:
            (disk / "growing.log").write_bytes(b"x" * 4_100_000)
            result = looked(disk)
            finding = found(result, "disk.bytes")
            shows(fault("a disk is full"), result)
        assert (finding.state, finding.target) == (State.FAIL, str(disk))
        assert finding.threshold is not None
        assert finding.threshold.reference == "check_postgres disk_space"
        assert any(f"large: 4.1 MB {disk / 'growing.log'}" in one.content for one in result.evidence)

    def test_a_disk_that_fills_up_warns_and_says_how_much_more_there_is() -> None:
        with small_disk(size="4m") as disk:
            (disk / "backup").write_bytes(b"x" * 3_850_000)
            usual = Baseline({f"used {disk}": [850_000.0]})
            result = looked(disk, baseline=usual)
            finding = found(result, "disk.bytes")
            shows(fault("a disk fills up"), result)
        assert finding.state is State.WARN
        assert "3 MB more than at the last good look" in finding.message

    def test_a_disk_without_inodes_fails_though_it_has_room() -> None:
        with small_disk(size="8m", inodes=100) as disk:
            for number in range(97):
                (disk / f"session-{number}").touch()
            result = looked(disk)
            finding = found(result, "disk.inodes")
            shows(fault("a disk has no inodes left"), result)
        assert finding.state is State.FAIL
        assert of(result, disk) == {"disk.inodes"}

    def test_deleted_files_that_a_service_still_holds_are_named(tmp_path: Path) -> None:
        with small_disk(size="4m") as disk:
            path = disk / "rotated.log"
            path.write_bytes(b"x" * 4_100_000)
            program = "import sys; file = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
            process = subprocess.Popen(
                [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert process.stdout is not None
            process.stdout.readline()
            path.unlink()
            (tmp_path / "till.pid").write_text(f"{process.pid}\n")
            till = Service(name="till", role="api", pid_file=tmp_path / "till.pid")
            result = looks.look(SLUG, stack(tmp_path, services={"till": till}, host=Host(paths=(disk,))))
            process.communicate()
        assert found(result, "disk.bytes").state is State.FAIL
        assert any(f"deleted, but held open by till: 4.1 MB {path}" in one.content for one in result.evidence)

    def test_a_disk_that_became_read_only_fails_and_only_for_that() -> None:
        with small_disk(size="4m") as disk:
            (disk / "data").write_bytes(b"x" * 4_100_000)
            remount_read_only(disk)
            result = looked(disk)
            shows(fault("a disk became read-only"), result)
        assert of(result, disk) == {"disk.read_only"}

    def test_a_disk_that_never_answers_fails_within_its_time(tmp_path: Path) -> None:
        with dead_disk() as disk:
            began = time.monotonic()
            result = looked(disk, tmp_path, limits=ROOMY | {"answer_seconds": 1.0})
            seconds = time.monotonic() - began
        shows(HANGING, result)
        assert found(result, "disk.hangs").state is State.FAIL
        assert "disk.room" in codes(result)
        assert seconds < 3
