from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diagnostics.checks.result import Result, State
from diagnostics.checks.startup.logs import Pace
from diagnostics.stack import Logs, Service
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.rights import open_folder, without_rights

SLUG = "startup.logs"


def line(minutes_ago: float, text: str) -> str:
    return f"{datetime.now(UTC) - timedelta(minutes=minutes_ago):%Y-%m-%dT%H:%M:%SZ} {text}\n"


def looked(folder: Path, *files: Path, **limits: int) -> Result:
    till = Service(name="till", role="api", log_files=files)
    return look(SLUG, stack(folder, services={"till": till}, logs=Logs(**limits)))


def written(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


def test_lines_of_the_window_are_kept_and_counted_by_level(tmp_path: Path) -> None:
    path = written(
        tmp_path / "till.log",
        line(60, "INFO old"),
        line(5, "INFO started"),
        line(4, "ERROR cannot pay"),
        "Traceback (most recent call last):\n",
        line(3, "WARNING slow"),
    )
    result = looked(tmp_path, path)
    shows(HEALTHY, result)
    finding = found(result, "logs.collected")
    counts = {name: one.value for name, one in finding.measured.items() if name.startswith("lines")}
    assert counts == {
        "lines": 4,
        "lines_fatal": 0,
        "lines_error": 1,
        "lines_warn": 1,
        "lines_info": 1,
        "lines_debug": 0,
        "lines_other": 1,
    }
    (evidence,) = result.evidence
    assert (evidence.kind, evidence.source, evidence.first_line) == ("log_excerpt", str(path), 2)
    assert evidence.content.split("\n")[1].endswith("ERROR cannot pay")
    assert finding.citations == (evidence.whole(),)


def test_secrets_are_gone_before_anything_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "till.log", line(1, "INFO dsn postgresql://till:hunter2hunter2@db/till"))
    (evidence,) = looked(tmp_path, path).evidence
    assert "hunter2hunter2" not in evidence.content
    assert sum(evidence.redactions.values()) >= 1


def test_head_and_tail_stay_within_the_bound_of_the_service(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        written(tmp_path / name, *(f"line {number} of {name}\n" for number in range(1, 20_001)))
    result = looked(tmp_path, tmp_path / "a.log", tmp_path / "b.log", max_bytes_per_service=10_000)
    assert sum(len(one.content) for one in result.evidence) <= 10_000
    assert len(result.evidence) == 4
    for evidence in result.evidence:
        assert evidence.content.startswith(f"line {evidence.first_line} of")
    dropped = sum(one.dropped_bytes for one in result.evidence)
    assert dropped == result.leading.measured["dropped"].value
    assert dropped > 400_000


def test_a_small_file_leaves_its_room_to_a_large_one(tmp_path: Path) -> None:
    large = written(tmp_path / "large.log", *(f"line {number}\n" for number in range(2000)))
    small = written(tmp_path / "small.log", "one line\n")
    result = looked(tmp_path, large, small, max_bytes_per_service=8000)
    kept = sum(len(one.content) for one in result.evidence if one.source == str(large))
    assert kept > 7000


def test_rotated_files_of_the_window_are_read(tmp_path: Path) -> None:
    written(tmp_path / "till.log.1", line(10, "INFO before the rotation"))
    path = written(tmp_path / "till.log", line(5, "INFO after it"))
    (tmp_path / "till.log.2.gz").write_bytes(b"\x1f\x8b")
    result = looked(tmp_path, path)
    assert {Path(one.source).name for one in result.evidence} == {"till.log", "till.log.1"}
    assert "till.log.2.gz" in result.leading.message


def test_a_missing_log_is_a_warning_and_hides_no_other(tmp_path: Path) -> None:
    path = written(tmp_path / "till.log", line(1, "INFO here"))
    result = looked(tmp_path, tmp_path / "none.log", path)
    shows(fault("a log is missing"), result)
    assert codes(result) == {"logs.missing", "logs.collected"}
    assert found(result, "logs.missing").state is State.WARN


def test_what_is_no_file_is_a_warning_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    result = looked(tmp_path, tmp_path / "pipe.log", tmp_path, Path("/dev/zero"))
    shows(HANGING, result)
    assert [one.code for one in result.findings] == ["logs.not_regular"] * 3


def test_a_log_that_may_not_be_read_is_an_error() -> None:
    with open_folder() as folder:
        path = written(folder / "till.log", line(1, "INFO here"))
        path.chmod(0)
        with without_rights():
            result = looked(folder, path)
    shows(fault("a log may not be read"), result)
    assert found(result, "not_permitted").state is State.ERROR


def test_a_silent_log_gives_its_last_lines_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "till.log", line(600, "FATAL out of memory"))
    result = looked(tmp_path, path)
    assert "nothing was written in that time" in result.leading.message
    assert "out of memory" in result.evidence[0].content


def test_binary_noise_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "till.log"
    path.write_bytes(os.urandom(300_000))
    result = looked(tmp_path, path)
    assert codes(result) == {"logs.collected"}
    assert "\x00" not in result.evidence[0].content


def test_an_empty_log_gives_no_evidence(tmp_path: Path) -> None:
    result = looked(tmp_path, written(tmp_path / "till.log"))
    assert result.evidence == ()
    assert result.leading.measured["lines"].value == 0


def test_stacks_without_logs_are_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}


def test_time_that_runs_short_shortens_excerpts() -> None:
    pace = Pace(services_left=2, bytes_per_second=1_000_000)
    assert pace.affordable_bytes(22) == 10_000_000
    pace.learn(500_000, 5)
    assert pace.affordable_bytes(22) == 1_000_000
    assert pace.affordable_bytes(1) == 0
