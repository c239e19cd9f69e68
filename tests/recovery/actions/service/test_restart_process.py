"""A supervised process is ended once, by force where it does not listen, and what keeps it up starts it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from awe_incidents.recovery.actions.base import ActionFailed, Probed
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.service.restart import RestartParameters
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable, TargetUnreachable
from diagnostics.stack import SecretResolver, Service, StackConfig
from tests.recovery.trial import Trial

SLUG = "service.restart"
LISTENS = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"


class Kept:
    """A process that is started again whenever it ends, as by systemd."""

    def __init__(self, folder: Path, program: str) -> None:
        self.pid_file, self.program, self.starts = folder / "run.pid", program, 0
        self.is_kept_up = True
        self._stopping, self._up = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_up)

    @contextmanager
    def running(self) -> Iterator[Kept]:
        self._thread.start()
        assert self._up.wait(20)
        try:
            yield self
        finally:
            self._stopping.set()
            self._thread.join()

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def _keep_up(self) -> None:
        while not self._stopping.is_set() and (self.is_kept_up or not self.starts):
            with subprocess.Popen([sys.executable, "-c", self.program], stdout=subprocess.PIPE) as process:
                self.starts += 1
                if self.program == DEAF:
                    assert process.stdout is not None
                    process.stdout.readline()  # deaf from here on
                fresh = self.pid_file.with_suffix(".new")
                fresh.write_text(f"{process.pid}\n")
                fresh.replace(self.pid_file)
                self._up.set()
                while process.poll() is None and not self._stopping.wait(0.02):
                    pass
                process.kill()


@contextmanager
def kept(folder: Path, program: str = LISTENS, **described: Any) -> Iterator[tuple[Kept, Site]]:
    process = Kept(folder, program)
    api = {"name": "api", "role": "api", "pid_file": process.pid_file, "supervised": True, **described}
    stack = StackConfig(
        name="p",
        environment="Staging",
        vantage="process",
        root=folder,
        services={"api": Service(**api)},
    )
    with process.running(), closing(Site(stack, SecretResolver(folder))) as site:
        yield process, site


def test_a_process_is_ended_and_another_runs(tmp_path: Path) -> None:
    with kept(tmp_path) as (process, site):
        before = process.pid
        trial = Trial.planned(site, SLUG, service="api")
        assert trial.probe() == Probed.CANNOT_TELL
        verified = trial.run()
        assert verified.is_good, verified.text
        assert process.pid != before
        assert not psutil.pid_exists(before)
        assert f"is process {process.pid} now" in verified.text
        assert trial.probe() == Probed.FINISHED_WELL


def test_a_second_time_and_another_process_are_refused(tmp_path: Path) -> None:
    with kept(tmp_path) as (process, site):
        trial = Trial.planned(site, SLUG, service="api")
        trial.run_steps()
        with pytest.raises(ActionFailed, match="another process than the one that was approved"):
            trial.run_steps()
        assert process.starts == 2


def test_a_process_that_does_not_listen_or_is_stopped_is_ended_by_force(tmp_path: Path) -> None:
    with kept(tmp_path, DEAF) as (process, site):
        assert Trial.planned(site, SLUG, service="api", grace_seconds=1).run().is_good
        os.kill(process.pid, signal.SIGSTOP)
        assert Trial.planned(site, SLUG, service="api", grace_seconds=1).run().is_good
        assert process.starts == 3


def test_a_lost_lease_ends_nothing(tmp_path: Path) -> None:
    def lost() -> None:
        raise TimeoutError

    with kept(tmp_path) as (process, site):
        trial = Trial.planned(site, SLUG, service="api")
        with pytest.raises(TimeoutError):
            trial.run_steps(check=lost)
        assert process.starts == 1


def test_what_is_not_started_again_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awe_incidents.recovery.actions.processes.BACK_SECONDS", 1.0)
    with kept(tmp_path) as (process, site):
        process.is_kept_up = False
        trial = Trial.planned(site, SLUG, service="api", grace_seconds=0)
        with pytest.raises(TimeoutError, match="was not started again"):
            trial.run_steps()
        assert trial.probe() == Probed.CANNOT_TELL
        verified = trial.action.verify(trial.acting)
        assert (verified.is_good, verified.text) == (False, "service api was not started again")
        with pytest.raises(TargetUnreachable, match="does not run"):
            Trial.planned(site, SLUG, service="api")


@pytest.mark.parametrize("described", [{"supervised": False}, {"pid_file": None}, {"role": "database"}])
def test_what_nothing_starts_again_and_databases_are_refused(tmp_path: Path, described: dict[str, Any]) -> None:
    with kept(tmp_path, **described) as (_, site):
        with pytest.raises(ActionNotApplicable, match="restart the process by what started it"):
            Trial.planned(site, SLUG, service="api")
        assert "no service" in str(action(SLUG).not_applicable(site.stack, RestartParameters(service="other")))


def test_one_that_ends_at_its_start_does_not_stay_up(tmp_path: Path) -> None:
    with kept(tmp_path) as (process, site):
        trial = Trial.planned(site, SLUG, service="api")
        process.program = "import time; time.sleep(0.5)"
        trial.run_steps()
        assert not trial.action.verify(trial.acting).is_good
        assert process.starts > 2
