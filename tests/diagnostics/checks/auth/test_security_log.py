"""The security audit log: bursts beside what is usual, forged tokens, silence, and lines that nobody should believe."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.login_samples import samples_in
from diagnostics.checks.result import Finding, Result, State
from diagnostics.probes.security_events import Kind
from diagnostics.stack import SecurityLog, Service, StackConfig
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.rights import open_folder, without_rights

SLUG = "auth.security_log"
MINUTE = 60.0
HOURS = 8
USER = "maria.from-the-office"


def line(minutes_ago: float, event: str = "login_failed", **facts: Any) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - minutes_ago * MINUTE))
    return json.dumps({"event": event, "username": USER, "client": "10.0.0.9", "ts": at, **facts})


def steady(count: int, *, event: str = "login_failed", until: float = 15.5) -> list[str]:
    """Give so many events in every window of the last hours, up to some minutes ago, of many users and addresses."""
    return [
        line(minutes, event, username=f"user-{number}-{minutes}", client=f"10.1.{number}.{minutes % 250}")
        for minutes in range(HOURS * 60, int(until), -5)
        for number in range(count)
    ]


def described(folder: Path, lines: Iterable[str | bytes], **tables: Any) -> StackConfig:
    path = folder / "audit.log"
    path.write_bytes(b"".join((one if isinstance(one, bytes) else one.encode()) + b"\n" for one in lines))
    return stack(folder, **{"security_log": SecurityLog(files=(path,)), **tables})


def looked(folder: Path, lines: Iterable[str | bytes], **tables: Any) -> Result:
    result = look(SLUG, described(folder, lines, **tables))
    assert USER not in repr(result)
    return result


def burst(count: int, *, minutes_ago: float = 1.0, **facts: Any) -> list[str]:
    return [line(minutes_ago, **facts) for _ in range(count)]


def test_a_usual_log_passes_with_its_counts(tmp_path: Path) -> None:
    result = looked(tmp_path, [*steady(3), *burst(3)])
    finding = result.leading
    assert (result.state, finding.code) == (State.PASS, "security.usual")
    assert finding.measured["lines"].value == len(steady(3)) + 3
    assert "   0-5: 3; 3, 3, 3; 0; 0" in result.evidence[0].content
    shows(HEALTHY, result)


@pytest.mark.parametrize(
    ("count", "state"), [(11, None), (12, State.WARN), (39, State.WARN), (40, State.FAIL), (400, State.FAIL)]
)
def test_three_times_what_is_usual_warns_and_ten_times_fails(tmp_path: Path, count: int, state: State | None) -> None:
    lines = [line(1, username=f"u{number}", client=f"10.2.0.{number % 250}") for number in range(count)]
    result = looked(tmp_path, [*steady(4), *lines])
    if state is None:
        assert codes(result) == {"security.usual"}
        return
    finding = found(result, "security.failures")
    assert finding.state is state
    assert finding.threshold is not None
    assert (finding.threshold.source, finding.threshold.value) == ("baseline", 12 if state is State.WARN else 40)
    assert not result.is_blocking
    if count == 400:
        shows(fault("ten times the usual refusals"), result)


def test_a_burst_of_the_past_does_not_make_the_next_one_usual(tmp_path: Path) -> None:
    lines = [*steady(2), *burst(500, minutes_ago=100), *burst(300, minutes_ago=200), *burst(30)]
    assert found(looked(tmp_path, lines), "security.failures").state is State.FAIL


def test_what_scatters_widely_is_given_its_scatter(tmp_path: Path) -> None:
    counts = itertools.cycle([1, 2, 8, 20, 40])  # in the middle 8, and half of them 7 and more from it
    lines = [line(minutes) for minutes in range(300, 16, -5) for _ in range(next(counts))]
    assert "security.failures" not in codes(looked(tmp_path, [*lines, *burst(30)]))
    assert "security.failures" in codes(looked(tmp_path, [*lines, *burst(45)]))


def test_one_user_s_and_one_address_s_refusals_are_counted_for_themselves(tmp_path: Path) -> None:
    lines = [*steady(6), *burst(9, username="one", client="10.9.9.9")]
    lines += [line(2, username=f"sprayed-{number}", client="10.9.9.9") for number in range(9)]
    result = looked(tmp_path, lines)
    address = found(result, "security.address_failures")
    assert "10.9.9.9 (18)" in address.message
    user = found(result, "security.user_failures")
    assert user.measured["user_failures"].value == 9
    assert "one" not in user.message.split("user ")[1].split()[0]


def test_users_are_marked_and_equal_marks_are_equal_users(tmp_path: Path) -> None:
    lines = [line(1, username=name) for name in (USER, "other", USER)]
    marks = [one.split("user=")[1].split()[0] for one in looked(tmp_path, lines).evidence[0].content.split("\n")[-3:]]
    assert marks[0] == marks[2] != marks[1]


def test_logins_are_kept_beside_what_was_refused_and_neither_hides_the_other(tmp_path: Path) -> None:
    lines = [*burst(30), line(2, "account_locked"), *burst(40, event="login_ok")]
    content = looked(tmp_path, lines).evidence[0].content
    kinds = Counter(sample.kind for sample in samples_in(content.split("\n")))
    assert kinds == {Kind.FAILURE: 19, Kind.LOCKOUT: 1, Kind.SUCCESS: 20}
    assert "the last 20 logins:" in content


@pytest.mark.parametrize(("count", "code"), [(9, "security.usual"), (10, "security.failures")])
def test_where_nothing_is_usual_the_limits_are_our_own(tmp_path: Path, count: int, code: str) -> None:
    result = looked(tmp_path, [*steady(1, event="login_ok"), *burst(count)])
    assert code in codes(result)
    if code == "security.failures":
        threshold = found(result, code).threshold
        assert threshold is not None
        assert threshold.source == "default"


def test_the_stack_s_own_limits_go_first(tmp_path: Path) -> None:
    limits = {SLUG: {"warn_failures": 2, "fail_failures": 3}}
    finding = found(looked(tmp_path, [*steady(5), *burst(3)], thresholds=limits), "security.failures")
    assert finding.state is State.FAIL
    assert finding.threshold is not None
    assert finding.threshold.source == "config"


def test_any_token_that_nobody_signed_fails(tmp_path: Path) -> None:
    result = looked(tmp_path, [*steady(3), line(2, "token_rejected", alg="none")])
    assert (result.state, result.leading.code) == (State.FAIL, "security.alg_none")
    shows(fault("token with alg none"), result)


def test_a_token_of_long_ago_is_history(tmp_path: Path) -> None:
    assert codes(looked(tmp_path, [line(100, "token_rejected", alg="none"), line(1, "login_ok")])) == {"security.usual"}


def test_refused_algorithms_and_lockouts_warn(tmp_path: Path) -> None:
    result = looked(
        tmp_path, [line(2, "token_rejected", reason="InvalidAlgorithmError: no"), line(1, "account_locked")]
    )
    assert codes(result) == {"security.alg_refused", "security.lockout"}
    assert result.state is State.WARN


def test_a_busy_log_that_fell_silent_warns(tmp_path: Path) -> None:
    result = looked(tmp_path, steady(6, event="login_ok"))
    assert (result.state, result.leading.code) == (State.WARN, "security.silent")
    shows(fault("a busy log fell silent"), result)
    assert codes(looked(tmp_path, steady(4, event="login_ok"))) == {"security.usual"}


HOSTILE: list[bytes] = [
    b"",
    b"\x00\xff\xfe\x01" * 5000,
    b'{"event": "login_failed", "ts":',
    b"{" * 100_000,
    b"x" * 3_000_000,
    b'{"event": "login_failed", "ts": "9999-12-31T23:59:59Z"}',
    b'{"event": "login_failed", "ts": 1e300}',
    b'{"event": "login_failed", "ts": -5}',
    b'{"event": "login_failed"}',
    '{"event": "login_failed", "username": "\ud800"}'.encode("utf-8", "surrogatepass"),
]


def test_hostile_lines_survive_and_hide_nothing(tmp_path: Path) -> None:
    in_an_hour = line(-60)
    lines: list[str | bytes] = [*steady(2), *HOSTILE, *[in_an_hour] * 500, *burst(40), *HOSTILE]
    began = time.monotonic()
    result = looked(tmp_path, lines)
    assert time.monotonic() - began < 15
    finding = found(result, "security.failures")
    assert finding.measured["failures"].value == 40
    assert finding.measured["ahead"].value == 500 + 2
    assert len(result.evidence[0].content) < 5000


def test_a_line_that_is_being_written_is_no_mistake(tmp_path: Path) -> None:
    config = described(tmp_path, burst(12))
    with (tmp_path / "audit.log").open("ab") as file:
        file.write(line(0).encode()[:40])
    assert found(look(SLUG, config), "security.failures").measured["failures"].value == 12


def test_of_a_huge_log_the_end_is_read_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.checks.auth.security_log.MAX_BYTES", 300_000)
    path = tmp_path / "audit.log"
    with path.open("wb") as file:
        file.truncate(2_000_000_000)  # holes: as large as a log can grow, at no cost
        file.seek(0, os.SEEK_END)
        file.write(("\n" + "\n".join(burst(60))).encode())
    began = time.monotonic()
    result = look(SLUG, stack(tmp_path, security_log=SecurityLog(files=(path,))))
    assert found(result, "security.failures").measured["failures"].value == 60
    assert time.monotonic() - began < 10


def test_a_slow_machine_reads_less_and_still_judges_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.checks.auth.security_log.READ_SECONDS", 0.5)
    of_last_week = [line(7 * 24 * 60)] * 100_000
    result = looked(tmp_path, [*of_last_week, *burst(60)])
    assert found(result, "security.failures").measured["failures"].value == 60
    lines = result.leading.measured["lines"].value
    assert isinstance(lines, int)
    assert lines < len(of_last_week)
    shows(HANGING, result)


def test_what_a_rotation_put_aside_is_part_of_what_is_usual(tmp_path: Path) -> None:
    config = described(tmp_path, burst(30))
    assert found(look(SLUG, config), "security.failures").state is State.WARN
    (tmp_path / "audit.log.1").write_text("\n".join(steady(15)) + "\n")
    assert codes(look(SLUG, config)) == {"security.usual", "security.user_failures", "security.address_failures"} - {
        "security.usual"
    }


def test_the_service_s_own_lines_are_judged_for_themselves(tmp_path: Path) -> None:
    log = tmp_path / "till.log"
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - MINUTE))
    text = f"{stamp},123 WARNING auth: auth login failed username={USER} client=10.0.0.9 reason=bad_password\n"
    log.write_text(text * 12 + f"{stamp} INFO api: GET /health 200\n" * 50)
    till = Service(name="till", role="api", log_files=(log, tmp_path / "audit.log"))
    both = SecurityLog(files=(tmp_path / "audit.log",), service="till")
    result = looked(tmp_path, burst(9), services={"till": till}, security_log=both)
    assert found(result, "security.failures").target == "log of till"
    assert found(result, "security.failures").measured["failures"].value == 12
    assert found(result, "security.usual").target == str(tmp_path / "audit.log")


def test_a_missing_log_warns_and_does_not_hide_the_other(tmp_path: Path) -> None:
    log = SecurityLog(files=(tmp_path / "none.log", tmp_path / "audit.log"))
    result = looked(tmp_path, burst(60), security_log=log)
    assert codes(result) >= {"security.missing", "security.failures"}
    shows(fault("fifty and more refusals, where none are usual"), look(SLUG, described(tmp_path, burst(60))))


def test_a_log_that_may_not_be_read_is_an_error() -> None:
    with open_folder() as folder:
        config = described(folder, burst(3))
        (folder / "audit.log").chmod(0o000)
        with without_rights():
            result = look(SLUG, config)
    assert found(result, "not_permitted").state is State.ERROR


def test_an_empty_log_is_usual(tmp_path: Path) -> None:
    finding: Finding = looked(tmp_path, []).leading
    assert finding.code == "security.usual"


def test_a_stack_without_a_security_log_is_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}
