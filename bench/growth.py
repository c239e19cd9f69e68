"""Filing, lists, filters and search with many incidents there, beside none there and beside bare SQL; seeding.

Two services take turns, one with many incidents and one with none: what the machine does meanwhile slows both.

`BENCH_INCIDENTS=100000,1000000` says how many shall be there, one after the other; without it a small form runs.
"""

from __future__ import annotations

import http.client
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.filing import SETTINGS, bodies, prepare
from bench.harness.errors import MeasuringFailed
from bench.harness.figure import figure
from bench.harness.load import ANSWER_SECONDS, Compared, Posting, compare
from bench.harness.site import Site, running_site

GIVEN = os.environ.get("BENCH_INCIDENTS", "")
LIMIT_SECONDS = 3 * 3600.0 if GIVEN else 240.0
SIZES, QUICK_SIZES = (10_000,), (2_000,)
POSTGRES = {"max_wal_size": "8GB", "shared_buffers": "4GB"}  # as somebody with a million incidents would set it
CLIENTS = (1, 8, 32)
ROUNDS_GIVEN = 15
LOG_BYTES = 2_000
LEAST_KEPT = 0.8  # of the throughput with none there: it must not fall by more than a fifth
MOST_P95_MS = 250.0
LEAST_A_MINUTE = 100_000.0
SEEDING_SECONDS = 2 * 3600.0

_COLUMNS = "one.id, one.stack_id, title, state, severity, category, one.opened_at, changed_at, version"
_NEWEST = "ORDER BY one.opened_at DESC, one.id DESC LIMIT 26"  # a page, and the row that says that there are more


@dataclass(frozen=True, slots=True)
class Asked:
    """A list of incidents: what is asked for, and the bare SQL that gives the rows of its answer."""

    name: str
    query: str
    sql: str


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield throughput with none there; then, for each number of incidents, seeding, throughput and lists."""
    sizes = [int(size) for size in GIVEN.split(",")] if GIVEN else QUICK_SIZES if quick else SIZES
    with _site() as empty, _site() as site:
        none_there = _posting(empty)
        yield from _with_none(empty, none_there, quick=quick)
        there, many_there = 0, _posting(site)
        reader = site.tokens()["demo-operator"]
        for size in sizes:
            yield _seeding(site, size=size, already=there)
            yield _on_disk(site, size=size)
            there = size
            yield from _kept(many_there, none_there, size=size, quick=quick)
            yield from _lists(site, reader, size=size, times=20 if quick else 60)


def _site() -> AbstractContextManager[Site]:
    return running_site(settings=SETTINGS, postgres_settings=POSTGRES)


def _posting(site: Site) -> Posting:
    return Posting(site.port, "/api/v1/bug-reports/", bodies(LOG_BYTES), prepare(site))


def _with_none(site: Site, ours: Posting, *, quick: bool) -> Iterator[dict[str, Any]]:
    """Compare with the bare create, to see which throughput it is that must not fall."""
    bare = Posting(site.port, "/bare/", ours.bodies, ours.token)
    for clients in CLIENTS:
        seen = _compared(ours, bare, clients=clients, quick=quick)
        yield figure(
            f"growth_filing_{clients}_clients_0_there",
            seen.ours,
            "1/s",
            beside="a bare DRF create of the same body on the same server",
            beside_value=seen.beside,
            ratio=seen.ratio,
        )


def _compared(ours: Posting, beside: Posting, *, clients: int, quick: bool) -> Compared:
    compare(ours, beside, clients=clients, rounds=1, seconds=0.5)  # every thread of the server has its connection
    rounds = ROUNDS_GIVEN if GIVEN else 3 if quick else 7
    return compare(ours, beside, clients=clients, rounds=rounds, seconds=0.5 if quick else 1.5)


def _seeding(site: Site, *, size: int, already: int) -> dict[str, Any]:
    began = time.perf_counter()
    site.manage("seed_demo", f"--incidents={size}", "--stack=bench", seconds=SEEDING_SECONDS)
    a_minute = 60 * (size - already) / (time.perf_counter() - began)
    with site.superuser() as connection:  # as autovacuum would do by and by
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    os.sync()  # else the disk is still busy with what was seeded
    limit = {"least_ratio": 1.0} if size - already >= LEAST_A_MINUTE else {}  # less is mostly the start
    return figure(
        f"growth_seeding_to_{size}",
        a_minute,
        "incidents/min",
        beside="what is asked for",
        beside_value=LEAST_A_MINUTE,
        **limit,
    )


def _on_disk(site: Site, *, size: int) -> dict[str, Any]:
    with site.superuser() as connection:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found is not None
    return figure(f"growth_on_disk_{size}_there", found[0] / 1e9, "GB")


def _kept(many_there: Posting, none_there: Posting, *, size: int, quick: bool) -> Iterator[dict[str, Any]]:
    for clients in CLIENTS:
        seen = _compared(many_there, none_there, clients=clients, quick=quick)
        yield figure(
            f"growth_filing_{clients}_clients_{size}_there",
            seen.ours,
            "1/s",
            beside="the same with none there, in turns",
            beside_value=seen.beside,
            ratio=seen.ratio,
            least_ratio=LEAST_KEPT,
        )


def _lists(site: Site, token: str, *, size: int, times: int) -> Iterator[dict[str, Any]]:
    with site.superuser() as connection:
        for one in _asked(connection):
            ours, bare = _alternately(
                [_getter(site.port, f"/api/v1/incidents/{one.query}", token), _querier(connection, one.sql)],
                times=times,
            )
            yield figure(
                f"growth_{one.name}_p95_{size}_there",
                _p95(ours),
                "ms",
                beside=f"p95 of the bare SQL of the same rows; medians {_middle(ours)} and {_middle(bare)}",
                beside_value=_p95(bare),
                most=MOST_P95_MS,
            )


def _asked(connection: psycopg.Connection) -> Sequence[Asked]:
    """Give the lists that are asked for; a word of one incident only and a place in the middle are looked up."""
    title, middle = connection.execute(
        "SELECT title, id FROM incidents_incident"
        " ORDER BY id OFFSET (SELECT count(*) / 2 FROM incidents_incident) LIMIT 1"
    ).fetchone() or ("", 0)
    place = f"SELECT opened_at, id FROM incidents_incident WHERE id = {middle:d}"  # noqa: S608  a number
    stack = "SELECT id FROM diagnostics_stack WHERE name = 'bench'"
    agents = "category = 'agents'"
    rare = max(title.split(), key=len).strip(".,:'")
    return (
        Asked("list", "", _where("true")),
        Asked("page_in_the_middle", f"?cursor={middle}", _where(f"(one.opened_at, one.id) < ({place})")),
        Asked("filter", "?state=open&severity=high", _where("state = 'open' AND severity = 'high'")),
        Asked("filter_stack", "?stack=bench&category=agents", _where(f"one.stack_id = ({stack}) AND {agents}")),
        Asked("search_common", "?q=certificate", _search("certificate")),
        Asked("search_two_words", "?q=certificate+rotating", _search("certificate & rotating")),
        Asked("search_rare", f"?q={rare}", _search(rare.lower())),
        Asked("search_nothing", "?q=nobodysaysthis", _search("nobodysaysthis")),
    )


def _where(condition: str) -> str:
    return f"SELECT {_COLUMNS} FROM incidents_incident one WHERE {condition} {_NEWEST}"  # noqa: S608  our words


def _search(query: str) -> str:
    having = f"SELECT incident_id FROM incidents_incidentwords WHERE words @@ '{query}'"  # noqa: S608  our words
    return _where(f"one.id IN ({having})")


def _getter(port: int, path: str, token: str) -> Callable[[], object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)

    def get() -> None:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise MeasuringFailed(f"{path} answered {answer.status}: {text[:300].decode(errors='replace')}")

    return get


def _querier(connection: psycopg.Connection, sql: str) -> Callable[[], object]:
    return lambda: connection.execute(sql).fetchall()


def _alternately(calls: Sequence[Callable[[], object]], *, times: int) -> list[list[float]]:
    """Give how long each call took in milliseconds, one after the other in turn; the first of each does not count."""
    took: list[list[float]] = [[] for _ in calls]
    for _ in range(times + 1):
        for call, measured in zip(calls, took, strict=True):
            began = time.perf_counter()
            call()
            measured.append((time.perf_counter() - began) * 1000)
    return [measured[1:] for measured in took]


def _p95(measured: Sequence[float]) -> float:
    return statistics.quantiles(measured, n=20)[-1]


def _middle(measured: Sequence[float]) -> str:
    return f"{statistics.median(measured):.1f} ms"
