from __future__ import annotations

from pathlib import Path

from diagnostics.checks.registry import check
from diagnostics.checks.watching import WATCHERS, servers
from diagnostics.looking.plan import Progress, next_steps
from diagnostics.stack import Database, Monitor
from tests.diagnostics.looks import stack


def test_the_checks_that_watch_go_one_after_the_other() -> None:
    progress = dict.fromkeys(WATCHERS, Progress.WAITING)
    order = []
    while steps := next_steps(progress):
        assert len(steps) == 1
        order.append(steps[0].slug)
        progress[steps[0].slug] = Progress.LOOKING
        assert next_steps(progress) == []
        progress[steps[0].slug] = Progress.CLEAR
    assert tuple(order) == WATCHERS


def test_also_when_some_of_them_are_not_of_the_run() -> None:
    progress = {WATCHERS[0]: Progress.LOOKING, WATCHERS[-1]: Progress.WAITING}
    assert next_steps(progress) == []


def test_no_check_that_watches_waits_for_a_later_one() -> None:
    for slug in WATCHERS:
        assert not set(check(slug).requires) & set(WATCHERS[WATCHERS.index(slug) :])


def test_a_server_of_several_databases_is_watched_once_and_by_a_monitor(tmp_path: Path) -> None:
    def database(name: str, **more: object) -> Database:
        fields = {"service": "ledger", "host": "db", "port": 5432, "dbname": name, "user": "clerk"} | more
        return Database(name=name, **fields)  # type: ignore[arg-type]

    described = [database("one"), database("two", monitor=Monitor(user="watcher")), database("three", port=5433)]
    config = stack(tmp_path, databases={one.name: one for one in described})
    assert [one.name for one in servers(config)] == ["two", "three"]
    assert [one.as_watched.user for one in servers(config)] == ["watcher", "clerk"]
