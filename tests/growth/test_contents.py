"""Contents that nobody refers to go, and none goes from under somebody who is about to refer to it."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from awe_incidents.audit.models import Entry
from awe_incidents.growth import contents, operations, tasks
from awe_incidents.growth.models import Walk
from diagnostics.models import CheckResult, Evidence, EvidenceText, Run, Stack
from tests import database

WAIT_SECONDS = 10.0


def text(content: str) -> EvidenceText:
    digest = hashlib.sha256(content.encode()).hexdigest()
    return EvidenceText(sha256=digest, compressed=content.encode(), size_bytes=len(content), line_count=1)


def store(*wanted: str) -> list[str]:
    rows = [text(content) for content in wanted]
    with transaction.atomic():
        contents.keep(rows)
    return [one.sha256 for one in rows]


def digests() -> set[str]:
    return set(EvidenceText.objects.values_list("pk", flat=True))


@pytest.fixture
def result(stack: Stack) -> CheckResult:
    now = timezone.now()
    run = Run.objects.create(stack=stack, suite="full", reason="", requested_at=now, rung_at=now)
    return CheckResult.objects.create(run=run, slug="a.b", version=1)


def refer(result: CheckResult, digest: str, key: str) -> Evidence:
    return Evidence.objects.create(result=result, key=key, kind="x", source="", text_id=digest)


def test_what_nobody_refers_to_goes_and_the_rest_stays(result: CheckResult) -> None:
    used, free, more = store("used", "free", "more")
    refer(result, used, "e1")

    assert operations.collect_contents(at=timezone.now()) == 2

    assert digests() == {used}
    entry = Entry.objects.get(verb="contents:collected")
    assert entry.subject_id == "diagnostics_evidencetext"
    both = hashlib.sha256("\n".join(sorted([free, more])).encode()).hexdigest()
    assert both in bytes(entry.body).decode()


def test_collecting_again_removes_and_records_nothing(result: CheckResult) -> None:
    store("free")
    tasks.collect_contents(unknown="keyword")
    tasks.collect_contents()

    assert digests() == set()
    assert Entry.objects.filter(verb="contents:collected").count() == 1


def test_the_walk_goes_on_where_it_stopped_and_begins_again_at_the_end(db: None) -> None:
    free = sorted(store(*map(str, range(7))))

    steps = [contents.collect_next(EvidenceText, batch=3) for _ in range(3)]

    assert [list(step.digests) for step in steps] == [free[:3], free[3:6], free[6:]]
    assert [step.is_at_end for step in steps] == [False, False, True]
    walk = Walk.objects.get()
    assert (walk.reached, walk.rounds) == ("", 1)


def test_a_round_stops_when_its_time_is_up(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "COLLECTING_BATCH", 2)
    store(*map(str, range(5)))

    assert operations.collect_contents(at=timezone.now(), for_seconds=0) == 2
    assert operations.collect_contents(at=timezone.now()) == 3


def test_every_key_that_points_at_contents_counts_as_a_use() -> None:
    assert contents.kinds()
    for kind in contents.kinds():
        uses = contents._uses(kind)
        assert uses, f"nobody could refer to {kind.__name__}, so all of it would be collected"
        keys: list[Any] = [one.field for one in kind._meta.related_objects]
        assert all(key.db_constraint for key in keys), kind.__name__


@pytest.fixture
def aside() -> Iterator[Callable[[Callable[[], object]], Future[object]]]:
    """Run something in another thread with its own connection."""
    with ThreadPoolExecutor(16) as pool:

        def run(do: Callable[[], object]) -> Future[object]:
            def closing() -> object:
                try:
                    return do()
                finally:
                    connection.close()

            return pool.submit(closing)

        yield run


@pytest.mark.django_db(transaction=True)
def test_a_content_that_is_about_to_be_referred_to_is_left_alone(
    result: CheckResult, aside: Callable[[Callable[[], object]], Future[object]]
) -> None:
    (digest,) = store("wanted again")
    with transaction.atomic():
        contents.keep([text("wanted again")])
        assert aside(lambda: operations.collect_contents(at=timezone.now())).result(WAIT_SECONDS) == 0
        refer(result, digest, "e1")
    assert operations.collect_contents(at=timezone.now()) == 0
    assert digests() == {digest}


@pytest.mark.django_db(transaction=True)
def test_a_content_that_is_being_collected_is_stored_anew(
    result: CheckResult, aside: Callable[[Callable[[], object]], Future[object]]
) -> None:
    (digest,) = store("going")

    def write() -> None:
        with transaction.atomic():
            contents.keep([text("going")])
            refer(result, digest, "e1")

    with transaction.atomic():
        assert contents.remove_unreferenced(EvidenceText, [digest]) == [digest]
        writing = aside(write)
        time.sleep(0.3)
        assert not writing.done(), "the writer waits for the collector's commit"
    writing.result(WAIT_SECONDS)
    assert digests() == {digest}
    assert Evidence.objects.get().text_id == digest


@pytest.mark.django_db(transaction=True)
def test_a_reference_made_between_look_and_lock_is_seen(
    result: CheckResult,
    aside: Callable[[Callable[[], object]], Future[object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The collector's look is made slow, so that a writer begins and commits during it."""
    (digest,) = store("contested")
    uses = contents._uses(EvidenceText)
    slow = "(SELECT 1 AS one, pg_sleep(0.5))"
    monkeypatch.setattr(contents, "_uses", lambda _: [(f"{slow} s JOIN diagnostics_evidence ON one = 1", uses[0][1])])
    collecting = aside(lambda: contents.remove_unreferenced(EvidenceText, [digest]))
    time.sleep(0.15)
    with transaction.atomic():
        contents.keep([text("contested")])
        refer(result, digest, "e1")
    assert collecting.result(WAIT_SECONDS) == []
    assert digests() == {digest}


@pytest.mark.django_db(transaction=True)
def test_writers_and_collectors_at_once_lose_nothing(
    result: CheckResult, aside: Callable[[Callable[[], object]], Future[object]]
) -> None:
    """Six writers refer to and let go of the same few texts in any order while three collectors walk."""
    ends = time.monotonic() + 4.0
    collected, written, lock = [0], [0], threading.Lock()

    def write(number: int) -> None:
        chance = random.Random(number)
        owner = database.superuser().connect(str(connection.settings_dict["NAME"]))  # the application may not delete
        while time.monotonic() < ends:
            wanted = [text(f"shared {n}") for n in chance.sample(range(6), 3)]
            with transaction.atomic():
                contents.keep(wanted)
                made = [refer(result, one.sha256, f"{number}.{n}") for n, one in enumerate(wanted)]
            seen = Evidence.objects.filter(pk__in=[one.pk for one in made], text__size_bytes__gt=0).count()
            assert seen == len(made)
            owner.execute("DELETE FROM diagnostics_evidence WHERE id = ANY(%s)", [[one.pk for one in made]])
            with lock:
                written[0] += 1
        owner.close()

    def collect() -> None:
        while time.monotonic() < ends:
            gone = contents.remove_unreferenced(EvidenceText, digests())
            with lock:
                collected[0] += len(gone)

    working = [aside(lambda number=number: write(number)) for number in range(6)]  # type: ignore[misc]
    working += [aside(collect) for _ in range(3)]
    for one in working:
        one.result(ends + WAIT_SECONDS - time.monotonic())

    assert written[0] > 20
    assert collected[0] > 20, "the collectors must have taken something, else nothing was tried"
    operations.collect_contents(at=timezone.now() + timedelta(days=1))
    assert digests() == set()
