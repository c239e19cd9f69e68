"""A report with five screenshots beside the same bytes posted to a bare DRF form, and how soon they are ready."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

from awe_incidents.incidents.uploads.remaking import remake
from bench.filing import COUNTING, SETTINGS, prepare
from bench.harness.errors import MeasuringFailed
from bench.harness.figure import figure
from bench.harness.load import Posting, compare
from bench.harness.runs import wait_finished
from bench.harness.site import Site, running_site
from bench.redaction import log

SCREENSHOTS = 5
SIZE = (1920, 1080)
LOG_BYTES = 20_000
BODIES = 6
BOUNDARY = "----awe-bench"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
TARGET_RATIO = 0.4  # ours: the bare form keeps what it gets in a folder, unread, and is not there after a crash
READY_SECONDS = 60.0
MOST_READY_SECONDS = 10.0  # ours: nobody looks at them sooner, and the run of the report goes first


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield throughput for one and for eight clients without a worker, then the time until all are ready."""
    pictures = [screenshot(number) for number in range(SCREENSHOTS + BODIES)]
    bodies = [_form(number, pictures[number : number + SCREENSHOTS]) for number in range(BODIES)]
    with running_site(settings=SETTINGS, postgres_settings=COUNTING) as site:
        token = prepare(site)
        ours = Posting(site.port, "/api/v1/bug-reports/", bodies, token, CONTENT_TYPE)
        beside = Posting(site.port, "/bare/upload/", bodies, token, CONTENT_TYPE)
        compare(ours, beside, clients=8, rounds=1, seconds=0.5)
        for clients in (1, 8):
            seen = compare(ours, beside, clients=clients, rounds=3 if quick else 7, seconds=0.7 if quick else 1.5)
            yield figure(
                f"uploads_throughput_{clients}_clients",
                seen.ours,
                "1/s",
                beside=f"a bare DRF form into a folder, the same {len(bodies[0]) / 1e6:.1f} MB on the same server",
                beside_value=seen.beside,
                ratio=seen.ratio,
                least_ratio=TARGET_RATIO,
            )
    with running_site(settings=SETTINGS, postgres_settings=COUNTING) as site:
        ours = Posting(site.port, "/api/v1/bug-reports/", bodies, prepare(site), CONTENT_TYPE)
        ready = _seconds_until_ready(site, ours, rounds=2 if quick else 5)
    yield figure(
        "uploads_five_screenshots_ready",
        ready,
        "s",
        beside="decoding and encoding them one after the other in one process",
        beside_value=_seconds_alone(pictures[:SCREENSHOTS]),
        most=MOST_READY_SECONDS,
    )


def screenshot(number: int) -> bytes:
    """Give a PNG of a screen full of log lines in windows, as large as people's are."""
    chosen = random.Random(number)
    image = Image.new("RGB", SIZE, (24, 26, 33))
    draw = ImageDraw.Draw(image)
    lines = b"".join(log(40_000, seed=number)).decode(errors="ignore").splitlines()
    for left, top in ((20, 20), (980, 60), (400, 500)):
        draw.rectangle((left, top, left + 900, top + 520), fill=(240, 240, 236), outline=(90, 90, 90))
        for row in range(40):
            color = chosen.choice([(30, 30, 30), (160, 20, 20), (20, 90, 160)])
            draw.text((left + 8, top + 6 + 13 * row), chosen.choice(lines)[:140], fill=color)
    sink = BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()


def _form(number: int, pictures: Sequence[bytes]) -> bytes:
    text = b"".join(log(LOG_BYTES, seed=number))[:LOG_BYTES].decode(errors="ignore")
    fields = {
        "stack": "bench",
        "environment": "Staging",
        "container_logs": text,
        "actual_behavior": f"The page stays empty, and the browser says 502. Seen {number + 1} times.",
    }
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [(f'name="screenshot"; filename="{place}.png"', data) for place, data in enumerate(pictures)]
    raw = [f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data for head, data in parts]
    return b"\r\n".join(raw) + f"\r\n--{BOUNDARY}--\r\n".encode()


def _seconds_alone(pictures: Sequence[bytes]) -> float:
    remake(pictures[0], "PNG")  # loads the library
    began = time.perf_counter()
    for picture in pictures:
        remake(picture, "PNG")
    return time.perf_counter() - began


def _seconds_until_ready(site: Site, posting: Posting, *, rounds: int) -> float:
    """Time single reports from their answer to their last screenshot, while their runs look at the stack."""
    for program in ("worker", "sweeper"):
        site.start(program)
    post, measured = posting.poster(), []
    with site.superuser() as connection:
        connection.autocommit = True
        for number in range(rounds + 1):
            filed = json.loads(post())
            began = time.monotonic()
            _wait_ready(connection, [one["id"] for one in filed["attachments"]], ends_at=began + READY_SECONDS)
            if number:  # the first one loads what all others use
                measured.append(time.monotonic() - began)
            wait_finished(connection, [int(filed["run"].rstrip("/").rpartition("/")[2])], seconds=READY_SECONDS)
    return statistics.median(measured)


def _wait_ready(connection: Any, ids: Sequence[int], *, ends_at: float) -> None:
    statement = "SELECT count(*) FROM incidents_attachment WHERE id = ANY(%s) AND state = 'ready'"
    while connection.execute(statement, [list(ids)]).fetchone() != (len(ids),):
        if time.monotonic() > ends_at:
            raise MeasuringFailed(f"attachments {ids} are not ready within {READY_SECONDS:g} s")
        time.sleep(0.01)
